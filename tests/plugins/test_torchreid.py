from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from reid_tracker import osnet
from reid_tracker.encode import build_encoder
from reid_tracker.errors import ConfigError, InputError, WeightsError
from reid_tracker.plugins import torchreid
from reid_tracker.plugins.torchreid import FeatureExtractor
from tests.conftest import ROOT
from tests.encode.samples import picture
from tests.plugins.samples import host, tud_campus

WEIGHTS = ROOT / "weights" / "osnet_x0_25_cuhk03.pth"


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return FeatureExtractor("osnet_x0_25", model_path=WEIGHTS, device="cpu", verbose=False)


@pytest.mark.slow
def test_pictures_are_rgb_arrays_or_paths_and_rows_keep_their_length(
    extractor: FeatureExtractor, tmp_path: Path
) -> None:
    bgr = picture(256, 128)
    rows = extractor([bgr[..., ::-1], bgr[..., ::-1]])
    assert rows.shape == (2, 512)
    lengths = rows.norm(dim=1, keepdim=True)
    assert (lengths > 2).all()
    expected = build_encoder(WEIGHTS, device="cpu").encode_crops([bgr])
    np.testing.assert_allclose((rows / lengths)[0].numpy(), expected[0], atol=1e-4)
    cv2.imwrite(str(tmp_path / "a.png"), bgr)
    for given in (str(tmp_path / "a.png"), [tmp_path / "a.png"], bgr[..., ::-1]):
        torch.testing.assert_close(extractor(given)[0], rows[0], atol=1e-4, rtol=0)
    assert extractor([]).shape == (0, 512)


def test_wrong_use_is_one_line(
    extractor: FeatureExtractor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match=r"none.jpg: not a readable picture"):
        extractor("none.jpg")
    with pytest.raises(InputError, match="expected a path or an array"):
        extractor([picture().astype(np.float32)])
    with pytest.raises(ConfigError, match="model resnet50: expected one of osnet_x1_0"):
        torchreid.build_model("resnet50", 10)
    with pytest.raises(ConfigError, match="loss centre: expected softmax or triplet"):
        torchreid.build_model("osnet_x0_25", 10, loss="centre")
    with pytest.raises(WeightsError, match="no such file"):
        FeatureExtractor("osnet_x0_25", tmp_path / "none.pth", device="cpu")
    with caplog.at_level(logging.WARNING):
        torchreid.build_model("osnet_x0_25", 10)
    assert "starts from random weights" in caplog.text


def test_the_snippets_of_the_guide_run(capsys: pytest.CaptureFixture[str]) -> None:
    torchreid.models.show_avai_models()
    assert capsys.readouterr().out.strip() == str(list(osnet.OSNETS))
    model = torchreid.models.build_model(
        name="osnet_x0_25", num_classes=9, loss="triplet", pretrained=False
    )
    torchreid.utils.load_pretrained_weights(model, WEIGHTS)
    logits, embeddings = model.train()(torch.zeros(2, 3, 64, 32))
    assert logits.shape == (2, 9)
    assert embeddings.shape == (2, 512)


@pytest.mark.slow
@pytest.mark.shared
def test_embeddings_equal_torchreid_s(extractor: FeatureExtractor, tmp_path: Path) -> None:
    theirs = host("torchreid").utils.FeatureExtractor(
        model_name="osnet_x0_25", model_path=str(WEIGHTS), device="cpu", verbose=False
    )
    image, found, _ = tud_campus()[0]
    crops: list[Any] = []
    for number, (left, top, right, bottom) in enumerate(found.boxes.astype(int).tolist()):
        crop = image[max(top, 0) : bottom, max(left, 0) : right]
        crops.append(np.ascontiguousarray(crop[..., ::-1]))
        cv2.imwrite(str(tmp_path / f"{number}.png"), crop)
    paths = [str(path) for path in sorted(tmp_path.glob("*.png"))]
    for given in (crops, crops[0], paths, paths[0], torch.rand(2, 3, 256, 128)):
        torch.testing.assert_close(extractor(given), theirs(given), atol=1e-4, rtol=0)
