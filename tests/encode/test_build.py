from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reid_tracker import osnet, resources
from reid_tracker.config import EncoderConfig
from reid_tracker.encode import build_encoder
from reid_tracker.errors import ConfigError, ReidTrackerError, WeightsError
from tests.encode.samples import picture, some_boxes, tiny_onnx
from tests.zoo.samples import entry, write_manifest


def saved_net(path: Path, name: str = "osnet_x0_25", seed: int = 3) -> Path:
    torch.manual_seed(seed)
    torch.save(osnet.OSNETS[name]().state_dict(), path)
    return path


def refuses(kind: type[ReidTrackerError], *fragments: str, **options: Any) -> None:
    with pytest.raises(kind) as caught:
        build_encoder(**options)
    message = str(caught.value)
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


def test_untrained_size_warns_and_is_the_same_every_time(caplog: pytest.LogCaptureFixture) -> None:
    before = torch.random.get_rng_state()
    with caplog.at_level(logging.WARNING):
        first = build_encoder("osnet_x0_25")
    assert "osnet_x0_25 is untrained" in caplog.text
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(123)
    second = build_encoder("osnet_x0_25")
    image, boxes = picture(), some_boxes(3)
    np.testing.assert_array_equal(first.encode(image, boxes), second.encode(image, boxes))


def test_none_is_the_callers_business() -> None:
    refuses(ConfigError, "none", "motion alone", model="none")


@pytest.mark.parametrize("model", ["osnet_x025", "banana", "osnet"])
def test_unknown_name_lists_the_choices(model: str) -> None:
    refuses(ConfigError, model, "osnet_x0_25", "timm:NAME", ".onnx", model=model)


@pytest.mark.parametrize("name", ["gone.onnx", "gone.pt", "gone.pth", "gone.pth.tar-60"])
def test_missing_file(name: str, tmp_path: Path) -> None:
    refuses(WeightsError, name, "no such file", model=str(tmp_path / name))


@pytest.mark.parametrize("name", ["bad.onnx", "bad.pt", "bad.jpg"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken", bytes(range(256)) * 40])
def test_damaged_file(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    refuses(WeightsError, name, model=str(tmp_path / name))


def test_folder(tmp_path: Path) -> None:
    refuses(WeightsError, "a folder", model=str(tmp_path))


def test_path_objects_are_taken(tmp_path: Path) -> None:
    assert build_encoder(saved_net(tmp_path / "net.pth")).embedding_size == 512


@pytest.mark.slow
def test_checkpoint_gives_the_nets_own_embeddings(tmp_path: Path) -> None:
    path = saved_net(tmp_path / "net.pth", "osnet_x0_5")
    encoder = build_encoder(path, device="cpu")
    # One crop that needs no resizing, so that the expected value needs no code of ours but the net.
    image = picture(256, 128)
    rgb = image[..., ::-1].astype(np.float32) / 255
    rgb = (rgb - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    net = osnet.osnet_x0_5().eval()
    osnet.load_weights(net, osnet.load_checkpoint(path))
    with torch.inference_mode():
        row = net(torch.from_numpy(rgb.transpose(2, 0, 1)[None].astype(np.float32)))
    expected = torch.nn.functional.normalize(row).numpy()
    found = encoder.encode(image, np.array([[0, 0, 128, 256]], np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_architecture_of_a_checkpoint(tmp_path: Path) -> None:
    path = saved_net(tmp_path / "net.pt")
    assert build_encoder(path, architecture="osnet_x0_25").embedding_size == 512
    refuses(WeightsError, "net.pt", "osnet_x0_25", model=path, architecture="osnet_x1_0")
    refuses(ConfigError, "osnet_x9", "osnet_x1_0", model=path, architecture="osnet_x9")


def test_checkpoint_of_another_net_names_the_file(tmp_path: Path) -> None:
    torch.save({"layer.weight": torch.ones(2)}, tmp_path / "other.pt")
    refuses(WeightsError, "other.pt", "OSNet", model=str(tmp_path / "other.pt"))


def test_configuration_and_keywords(tmp_path: Path) -> None:
    config = EncoderConfig(model=str(tiny_onnx(tmp_path / "net.onnx")), batch_size=2)
    assert build_encoder(config).encode(picture(), some_boxes(5)).shape == (5, 512)
    refuses(ConfigError, "batch_size = 0", model=config, batch_size=0)
    refuses(ConfigError, "batch_size", model=config, batch_size="many")


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "tpu", ""])
@pytest.mark.parametrize("back_end", ["torch", "onnx"])
def test_absent_device_is_named(
    device: str, back_end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    model = "osnet_x0_25" if back_end == "torch" else str(tiny_onnx(tmp_path / "net.onnx"))
    refuses(ConfigError, f"device = {device}", "cpu", model=model, device=device)


# --- models of the manifest -------------------------------------------------------------------


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest with two encoders, neither of which is here; returns its folder."""
    package = tmp_path / "site" / "reid_tracker"
    package.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    monkeypatch.chdir(tmp_path)
    encoder = {"task": "encoder", "architecture": "osnet_x0_25"}
    far = entry("osnet_far", url="https://127.0.0.1:9/osnet_far.pt", rank=2, **encoder)
    near = entry("osnet_near", sha256="0" * 64, rank=1, **encoder)
    write_manifest(tmp_path / "site" / "weights", far, near)
    return tmp_path / "site" / "weights"


def test_auto_takes_the_best_on_this_machine(
    manifest: Path, own_downloads: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refuses(WeightsError, "auto", "reid-track weights pull osnet_x1_0_msmt17", model="auto")
    own_downloads.mkdir(parents=True)
    far = saved_net(own_downloads / "osnet_far.pt")
    with caplog.at_level(logging.INFO):
        build_encoder("auto")
    assert f"encoder osnet_far: {far}" in caplog.text
    near = saved_net(manifest / "osnet_near.pt")
    with caplog.at_level(logging.INFO):
        build_encoder(EncoderConfig())
    assert f"encoder osnet_near: {near}" in caplog.text


@pytest.mark.slow
def test_auto_leaves_the_form_for_cpus_to_cpus(
    manifest: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = {"task": "encoder", "architecture": "osnet_x0_25", "sha256": "0" * 64}
    fast = entry("osnet_fast", rank=1, cpu_form=True, **encoder)
    write_manifest(manifest, fast, entry("osnet_near", rank=2, **encoder))
    for name in ("osnet_fast", "osnet_near"):
        saved_net(manifest / f"{name}.pt")
    with caplog.at_level(logging.INFO):
        build_encoder("auto", device="cpu")
    assert "encoder osnet_fast: " in caplog.text
    caplog.clear()
    monkeypatch.setattr("reid_tracker.encode.build.runs_on_cpu", lambda device: device == "cpu")
    with caplog.at_level(logging.INFO):
        build_encoder("auto")
    assert "encoder osnet_near: " in caplog.text


@pytest.mark.slow
def test_name_of_the_manifest(manifest: Path, tmp_path: Path) -> None:
    """It is never downloaded here, and a file of that name comes first."""
    refuses(WeightsError, "reid-track weights pull osnet_far", model="osnet_far")
    refuses(ConfigError, "osnet_fra", "did you mean osnet_far", model="osnet_fra")
    near = saved_net(manifest / "osnet_near.pt", seed=4)
    image, boxes = picture(), some_boxes(3)
    expected = build_encoder(near).encode(image, boxes)
    np.testing.assert_array_equal(build_encoder("osnet_near").encode(image, boxes), expected)
    own = saved_net(tmp_path / "osnet_near", seed=5)
    expected = build_encoder(own).encode(image, boxes)
    np.testing.assert_array_equal(build_encoder("osnet_near").encode(image, boxes), expected)


def test_file_that_is_not_what_the_manifest_says(manifest: Path) -> None:
    saved_net(manifest / "osnet_near.pt", "osnet_x0_5")
    refuses(WeightsError, "osnet_near.pt", "osnet_x0_25", model="osnet_near")
