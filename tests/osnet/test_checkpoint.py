from __future__ import annotations

import logging
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from reid_tracker.errors import WeightsError
from reid_tracker.osnet import (
    OSNETS,
    infer_architecture,
    load_checkpoint,
    load_input_size,
    load_weights,
    osnet_ain_x0_25,
    osnet_x0_5,
    osnet_x0_25,
)


class Malicious:
    """Runs a command when unpickled the careless way."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch SHOULD_NOT_EXIST",)


def save(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def assert_equal(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(got) == list(expected)
    assert all(torch.equal(got[key], expected[key]) for key in expected)


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(3)
    return osnet_x0_25(num_classes=4).state_dict()


# Reading files


def test_bare_state_dict(state: dict[str, Tensor], tmp_path: Path) -> None:
    assert_equal(load_checkpoint(save(state, tmp_path / "net.pth")), state)


def test_text_path_and_old_file_format(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "net.pth.tar"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert_equal(load_checkpoint(str(path)), state)


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model"])
def test_wrapped_state_dict(state: dict[str, Tensor], tmp_path: Path, wrapper: str) -> None:
    path = save({wrapper: state, "epoch": 3}, tmp_path / "net.pth")
    assert_equal(load_checkpoint(path), state)


def test_module_prefix(state: dict[str, Tensor], tmp_path: Path) -> None:
    prefixed = OrderedDict((f"module.{key}", value) for key, value in state.items())
    assert_equal(load_checkpoint(save(prefixed, tmp_path / "net.pth")), state)


@pytest.mark.slow
def test_training_checkpoint_with_numpy_scores(tmp_path: Path) -> None:
    net = osnet_x0_25(num_classes=4)
    optimizer = torch.optim.Adam(net.parameters(), amsgrad=True)
    net.train()(torch.randn(2, 3, 64, 32)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [60])
    content = {
        "state_dict": net.state_dict(),
        "epoch": 60,
        "rank1": np.float64(0.614),
        "cmc": np.array([0.6, 0.7], np.float32),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    path = save(content, tmp_path / "model.pth.tar-60")
    assert_equal(load_checkpoint(path), net.state_dict())


def test_numpy_one_names_are_read_too(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "old.pth.tar"
    content = {"state_dict": state, "rank1": np.float64(0.614)}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    raw = path.read_bytes()
    assert b"numpy._core.multiarray" in raw or b"numpy.core.multiarray" in raw
    path.write_bytes(raw.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert_equal(load_checkpoint(path), state)


def test_a_pickle_with_code_is_refused_and_not_run(
    state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = save({"state_dict": state, "epoch": Malicious()}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=r"bad\.pth: refused.*system\).*bare state dict") as info:
        load_checkpoint(path)
    assert "\n" not in str(info.value)
    assert not (tmp_path / "SHOULD_NOT_EXIST").exists()


def test_a_plain_pickle_with_code_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pth"
    path.write_bytes(pickle.dumps(Malicious(), protocol=2))
    with pytest.raises(WeightsError):
        load_checkpoint(path)
    assert not (tmp_path / "SHOULD_NOT_EXIST").exists()


def test_a_whole_pickled_net_is_refused(tmp_path: Path) -> None:
    path = save(osnet_x0_25(), tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"run code \(reid_tracker\.osnet\.network\.OSNet\)"):
        load_checkpoint(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(WeightsError, match="no such file; check the path"):
            load_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 1, 100, 5000, -200])
@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_file(state: dict[str, Tensor], tmp_path: Path, keep: int, zipped: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"net\.pth: .*damaged.*get the file again") as info:
        load_checkpoint(path)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("text", ["<html>not found</html>", "version https://git-lfs", "{}", "\n"])
def test_text_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "net.pth"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"net\.pth: not a PyTorch checkpoint, or damaged"):
        load_checkpoint(path)


def test_an_onnx_file_points_to_its_reader(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x07\x12\x07pytorch")
    with pytest.raises(WeightsError, match=r"net\.onnx: .*use load_onnx_weights"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "no keys"),
        ({"epoch": 3, "loss": 0.1}, "a dict with keys epoch, loss"),
        ([torch.zeros(3)], "contains a list"),
        (torch.zeros(3), "contains a Tensor"),
        ({"state_dict": {}}, "no keys"),
        ({1: torch.zeros(3)}, "a dict with keys 1"),
        ({str(i): i for i in range(9)}, "keys 0, 1, 2, 3, 4 and 4 more"),
    ],
)
def test_a_checkpoint_without_state_dict(content: object, message: str, tmp_path: Path) -> None:
    path = save(content, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=f"{message}, not a state dict of named tensors"):
        load_checkpoint(path)


# Loading into nets


def test_weights_are_copied_exactly(state: dict[str, Tensor]) -> None:
    net = osnet_x0_25(num_classes=4)
    load_weights(net, state)
    assert_equal(net.state_dict(), state)


@pytest.mark.parametrize("classes", [0, 9])
def test_a_foreign_classifier_is_left_out(
    state: dict[str, Tensor], classes: int, caplog: pytest.LogCaptureFixture
) -> None:
    net = osnet_x0_25(num_classes=classes)
    before = {k: v.clone() for k, v in net.state_dict().items() if k.startswith("classifier")}
    with caplog.at_level(logging.INFO, logger="reid_tracker.osnet"):
        load_weights(net, state, source="msmt17.pth")
    assert "msmt17.pth: ignoring its classifier" in caplog.text
    after = net.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert torch.equal(after["conv5.conv.weight"], state["conv5.conv.weight"])
    assert "classifier.weight" in state  # the caller's dict is untouched


def test_a_missing_classifier_keeps_the_nets_own(state: dict[str, Tensor]) -> None:
    del state["classifier.weight"], state["classifier.bias"]
    net = osnet_x0_25(num_classes=4)
    load_weights(net, state)
    assert torch.equal(net.state_dict()["fc.0.weight"], state["fc.0.weight"])


def test_old_checkpoints_without_batch_counts(state: dict[str, Tensor]) -> None:
    old = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    assert len(old) == 567 - 80
    net = osnet_x0_25(num_classes=4)
    load_weights(net, old)
    assert_equal(net.state_dict(), state)


def test_half_precision_is_widened(state: dict[str, Tensor]) -> None:
    net = osnet_x0_25()
    load_weights(net, {k: v.half() if v.is_floating_point() else v for k, v in state.items()})
    assert net.conv1.conv.weight.dtype == torch.float32


def test_wrong_names_and_shapes_are_listed_and_nothing_is_loaded(state: dict[str, Tensor]) -> None:
    net = osnet_x0_25(num_classes=4)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    del state["conv5.bn.bias"]
    state["extra.weight"] = torch.zeros(1)
    state["fc.0.bias"] = torch.zeros(7)
    with pytest.raises(WeightsError) as info:
        load_weights(net, state, source="some.pth")
    assert str(info.value) == (
        "some.pth does not fit OSNet: missing conv5.bn.bias; unexpected extra.weight; "
        "wrong shape fc.0.bias (7,) instead of (512,). "
        "Check that the file belongs to this net and its options"
    )
    assert_equal(net.state_dict(), before)


def test_another_architecture_is_named(state: dict[str, Tensor]) -> None:
    with pytest.raises(WeightsError) as info:
        load_weights(osnet_ain_x0_25(), state)
    message = str(info.value)
    assert "missing conv2.0.conv2.0.layers.0.conv1.weight, " in message
    assert "unexpected conv1.bn.running_mean, " in message
    assert " and " in message
    assert message.endswith("look like osnet_x0_25, not osnet_ain_x0_25: build that net")
    assert len(message) < 1000


def test_another_width_is_named() -> None:
    with pytest.raises(
        WeightsError, match=r"\(32, 3, 7, 7\) instead of \(16, 3, 7, 7\).*x0_5, not osnet_x0_25:"
    ):
        load_weights(osnet_x0_25(), osnet_x0_5().state_dict())


def test_an_ablation_net_says_what_differs(state: dict[str, Tensor]) -> None:
    with pytest.raises(WeightsError, match=r"unexpected conv2\.0\.conv2d\.0\.conv1\.weight"):
        load_weights(osnet_x0_25(streams=3), state)


def test_weights_of_something_else() -> None:
    with pytest.raises(WeightsError, match=r"unexpected layer\.weight.*belongs to this net"):
        load_weights(osnet_x0_25(), {"layer.weight": torch.zeros(2)})


# Telling nets apart


@pytest.mark.parametrize("name", OSNETS)
def test_architecture_is_told_from_the_tensors(name: str) -> None:
    with torch.device("meta"):
        assert infer_architecture(OSNETS[name](num_classes=3).state_dict()) == name


def test_not_an_osnet() -> None:
    with pytest.raises(WeightsError, match="not the weights of an OSNet"):
        infer_architecture({})
    with pytest.raises(WeightsError, match="not the weights of an OSNet"):
        infer_architecture({"conv1.conv.weight": torch.zeros(64, 3, 7, 7)})


def test_an_osnet_that_was_never_published(state: dict[str, Tensor]) -> None:
    state["conv1.conv.weight"] = torch.zeros(20, 3, 7, 7)
    with pytest.raises(WeightsError, match=r"no published osnet has 20 channels.*64, 48, 32, 16"):
        infer_architecture(state)
    state["conv1.conv.weight"] = torch.zeros(16, 3, 7, 7)
    state["conv2.0.IN.weight"] = torch.zeros(64)
    with pytest.raises(WeightsError, match="no published osnet_ibn has 16 channels"):
        infer_architecture(state)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        ({"input_size": [128, 64]}, (128, 64)),
        ({}, None),
        ({"input_size": "128x64"}, None),
        ({"input_size": [128]}, None),
        ({"input_size": [128.0, 64.0]}, None),
    ],
)
def test_size_of_the_images(
    content: dict[str, object], size: tuple[int, int] | None, tmp_path: Path
) -> None:
    torch.save({"state_dict": {}, **content}, tmp_path / "net.pth")
    assert load_input_size(tmp_path / "net.pth") == size


@pytest.mark.parametrize("size", [[0, 64], [128, 10**6]])
def test_size_that_no_image_has(size: list[int], tmp_path: Path) -> None:
    torch.save({"input_size": size}, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match="get the file again"):
        load_input_size(tmp_path / "net.pth")
