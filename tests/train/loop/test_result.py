"""The files of a finished run: no classifier, and an ONNX form that computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from reid_tracker.errors import OutputError
from reid_tracker.osnet import OSNETS, load_checkpoint, load_input_size
from reid_tracker.train import ONNX_RESULT, RESULT
from reid_tracker.train.loop.result import write_result
from tests.osnet.test_fold import with_random_norms

SIZE = (64, 32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("osnet_x0_25", {}),
        ("osnet_ain_x0_25", {}),
        ("osnet_x0_25", {"aggregation": "fixed", "streams": 2}),
    ],
)
def test_onnx_computes_the_same(name: str, options: dict[str, object], tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    net = with_random_norms(OSNETS[name](num_classes=3, **options)).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    write_result(net, tmp_path, SIZE)
    assert net.training
    assert all(value.equal(before[key]) for key, value in net.state_dict().items())
    images = torch.rand(3, 3, *SIZE)
    with torch.inference_mode():
        expected = net.eval()(images).numpy()
    session = ort.InferenceSession(tmp_path / ONNX_RESULT, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": images.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_weights_come_without_the_classifier(tmp_path: Path) -> None:
    net = OSNETS["osnet_x0_25"](num_classes=700)
    write_result(net, tmp_path, SIZE)
    saved, own = load_checkpoint(tmp_path / RESULT), net.state_dict()
    assert load_input_size(tmp_path / RESULT) == SIZE
    assert own.keys() - saved.keys() == {"classifier.weight", "classifier.bias"}
    assert all(value.equal(own[key]) for key, value in saved.items())
    assert (tmp_path / RESULT).stat().st_size < 1_100_000


def test_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*model\.pth"):
        write_result(OSNETS["osnet_x0_25"](), tmp_path / "gone", SIZE)
