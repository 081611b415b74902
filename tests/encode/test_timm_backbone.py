from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reid_tracker.encode import build_encoder
from reid_tracker.errors import ConfigError, MissingDependencyError, WeightsError
from tests.encode.samples import picture, some_boxes

pytestmark = pytest.mark.usefixtures("timm")


@pytest.fixture(scope="module")
def timm() -> Any:
    """The package, imported only where a test needs it: that takes seconds."""
    return pytest.importorskip("timm")


def test_embedding_size_and_images_are_the_backbones(timm: Any) -> None:
    encoder = build_encoder("timm:test_vit?pretrained=0")
    net = timm.create_model("test_vit", pretrained=False, num_classes=0)
    assert encoder.embedding_size == net.num_features
    assert encoder.encode(picture(), some_boxes(2)).shape == (2, net.num_features)


def test_weights_of_a_file(timm: Any, tmp_path: Path) -> None:
    torch.manual_seed(5)
    net = timm.create_model("test_resnet", pretrained=False)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    image, boxes = picture(), some_boxes(3)
    model = f"timm:test_resnet?weights={tmp_path / 'net.pth'}"
    found = build_encoder(model).encode(image, boxes)
    other = build_encoder("timm:test_resnet?pretrained=0").encode(image, boxes)
    assert not np.allclose(found, other, atol=1e-3)
    np.testing.assert_array_equal(found, build_encoder(model).encode(image, boxes))


def test_missing_weights_file() -> None:
    with pytest.raises(WeightsError, match=r"gone\.pth"):
        build_encoder("timm:test_resnet?weights=gone.pth")


def test_unreachable_weights_give_one_line(timm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(WeightsError, match=r"no route to host.*pretrained=0") as caught:
        build_encoder("timm:test_resnet")
    assert "\n" not in str(caught.value)


def test_unknown_model_names_near_ones() -> None:
    with pytest.raises(ConfigError, match="resnet18"):
        build_encoder("timm:resnet188")


@pytest.mark.parametrize("query", ["pretrained=no", "size=3", "weights"])
def test_unknown_option(query: str) -> None:
    with pytest.raises((ConfigError, WeightsError), match="timm:test_resnet"):
        build_encoder(f"timm:test_resnet?{query}")


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'reid-tracker\[timm\]'"):
        build_encoder("timm:resnet18")
