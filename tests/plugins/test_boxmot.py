from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.config import EncoderConfig
from reid_tracker.encode import build_encoder
from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.plugins import hosts
from reid_tracker.plugins.boxmot import ReidModel
from tests.conftest import ROOT
from tests.plugins.samples import BOX, COLOUR, colours, encoder, host, rows_of, scene, tud_campus


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ReidModel:
    monkeypatch.setattr(hosts, "version", lambda package: "25.0.0")
    return ReidModel(colours())


def test_boxes_are_xyxy_and_rows_keep_their_order(model: ReidModel) -> None:
    boxes = np.concatenate([BOX, [[100, 0, 120, 50]]])
    rows = model.get_features(boxes, scene())
    np.testing.assert_allclose(rows[0], COLOUR, atol=1e-6)
    assert rows[1].argmax() == 0
    assert model.get_features(np.empty((0, 4), np.float32), scene()).shape == (0, 3)


def test_oriented_boxes_are_encoded_by_their_hull(model: ReidModel) -> None:
    turned = np.array([[50, 55, 70, 40, np.pi / 2]], np.float32)
    np.testing.assert_allclose(model.get_features(turned, scene())[0], COLOUR, atol=0.05)


def test_wrong_arrays_are_one_line(model: ReidModel) -> None:
    with pytest.raises(InputError, match=r"boxes have shape \(1, 6\)"):
        model.get_features(np.ones((1, 6)), scene())
    with pytest.raises(InputError, match="image is float64"):
        model.get_features(BOX, scene() / 255)  # type: ignore[arg-type]


def test_an_old_boxmot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "version", lambda package: "12.0.0")
    with pytest.raises(MissingDependencyError, match=r"reid-tracker\[boxmot\]"):
        ReidModel(colours())


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["BotSort", "StrongSort"])
def test_ids_are_those_with_embeddings_by_hand(name: str) -> None:
    boxmot, structures = host("boxmot"), host("boxmot.structures")
    torch = host("torch")
    plugged = getattr(boxmot, name)(reid_model=ReidModel(encoder()))
    by_hand = getattr(boxmot, name)(reid_model=NoModel())
    most = 0
    for number, (image, found, embeddings) in enumerate(tud_campus()):
        got = plugged.update(rows_of(found), image)
        given = structures.Detections(
            geometry=structures.Boxes(torch.from_numpy(found.boxes)),
            scores=torch.from_numpy(found.scores),
            class_ids=torch.from_numpy(found.classes),
            sample_id=str(number),
            embeddings=torch.from_numpy(embeddings),
        )
        expected = by_hand.update(given, image)
        ids = np.asarray(getattr(expected, "track_ids", None))
        assert got[:, 4].astype(int).tolist() == ids.astype(int).tolist()
        most = max(most, len(got))
    assert most >= 3


@pytest.mark.slow
@pytest.mark.shared
def test_rounded_crops_give_the_embeddings_of_boxmot(tmp_path: Path) -> None:
    runtime = host("boxmot.reid.core.runtime")
    weights = tmp_path / "osnet_x0_25_msmt17.pt"  # BoxMOT reads the network from the name
    shipped = ROOT / "weights" / "osnet_x0_25_cuhk03.pth"
    weights.write_bytes(shipped.read_bytes())
    config = EncoderConfig(model=str(shipped), device="cpu", crop_rounded=True)
    ours, theirs = ReidModel(build_encoder(config)), runtime.ReID(weights, device="cpu")
    image, found, _ = tud_campus()[0]
    got, expected = ours.get_features(found.boxes, image), theirs(image, found.boxes)
    np.testing.assert_allclose((got * np.asarray(expected)).sum(axis=1), 1, atol=1e-3)


class NoModel:
    """Fails if the host asks for an embedding."""

    def get_features(self, boxes: Any, image: Any) -> Any:
        raise AssertionError
