from __future__ import annotations

import builtins
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from reid_tracker.errors import MissingDependencyError, WeightsError
from reid_tracker.osnet import (
    EmbeddingNet,
    infer_architecture,
    load_onnx_weights,
    load_weights,
    osnet_ain_x0_25,
    osnet_ibn_x1_0,
    osnet_x0_25,
)
from tests.osnet.test_fold import with_random_norms

onnx = pytest.importorskip("onnx")


def export(net: nn.Module, path: Path, *, fold: bool = True) -> Path:
    """Export with PyTorch's TorchScript exporter, which needs no further package."""
    mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(), (torch.zeros(1, 3, 64, 32),), path, dynamo=False, training=mode
        )
    return path


def edit(path: Path, change: Callable[[Any], None]) -> Path:
    model = onnx.load(str(path))
    change(model)
    onnx.save(model, str(path))
    return path


def strip_names(model: Any) -> None:
    for index, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{index}"


def count(path: Path, operator: str) -> int:
    return sum(node.op_type == operator for node in onnx.load(str(path)).graph.node)


def assert_same_embeddings(net: EmbeddingNet, path: Path, like: EmbeddingNet) -> None:
    load_weights(net, load_onnx_weights(path), source=str(path))
    x = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(x), like.eval()(x), rtol=1e-4, atol=1e-4)


NETS: list[Callable[[], EmbeddingNet]] = [osnet_x0_25, osnet_ain_x0_25, osnet_ibn_x1_0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "build", [NETS[0], *(pytest.param(build, marks=pytest.mark.slow) for build in NETS[1:])]
)
def test_export_and_read_back(build: Callable[[], EmbeddingNet], tmp_path: Path) -> None:
    net = with_random_norms(build())
    path = export(net, tmp_path / "net.onnx")
    assert count(path, "BatchNormalization") == 1
    assert_same_embeddings(build(), path, net)
    assert infer_architecture(load_onnx_weights(path)) == build.__name__


@pytest.mark.slow
@pytest.mark.parametrize("build", [osnet_x0_25, osnet_ain_x0_25])
def test_export_without_folding_comes_back_exactly(
    build: Callable[[], EmbeddingNet], tmp_path: Path
) -> None:
    net = with_random_norms(build())
    path = export(net, tmp_path / "net.onnx", fold=False)
    assert count(path, "BatchNormalization") > 70
    got, expected = load_onnx_weights(path), net.state_dict()
    assert list(got) == list(expected)
    assert all(torch.equal(got[key], expected[key]) for key in expected)


@pytest.mark.slow
@pytest.mark.parametrize("fold", [True, False])
def test_nodes_without_paths_are_named_by_their_order(tmp_path: Path, fold: bool) -> None:
    net = with_random_norms(osnet_ain_x0_25())
    path = edit(export(net, tmp_path / "net.onnx", fold=fold), strip_names)
    assert_same_embeddings(osnet_ain_x0_25(), path, net)


@pytest.mark.slow
def test_order_is_trusted_only_from_pytorch(tmp_path: Path) -> None:
    def disown(model: Any) -> None:
        strip_names(model)
        model.producer_name = "somebody else"

    path = edit(export(osnet_x0_25(), tmp_path / "net.onnx"), disown)
    with pytest.raises(WeightsError, match="not those of a published OSNet"):
        load_onnx_weights(path)


@pytest.mark.slow
def test_a_net_exported_inside_another_module(tmp_path: Path) -> None:
    class Normalised(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.normalize(self.net(x))

    net = with_random_norms(osnet_x0_25())
    assert_same_embeddings(osnet_x0_25(), export(Normalised(net), tmp_path / "net.onnx"), net)


@pytest.mark.slow
def test_a_layer_that_is_not_linear_transposed(tmp_path: Path) -> None:
    def transpose(model: Any) -> None:
        gemm = next(node for node in model.graph.node if node.op_type == "Gemm")
        tensor = next(t for t in model.graph.initializer if t.name == gemm.input[1])
        turned = onnx.numpy_helper.to_array(tensor).T.copy()
        tensor.CopyFrom(onnx.numpy_helper.from_array(turned, tensor.name))
        next(a for a in gemm.attribute if a.name == "transB").i = 0

    net = with_random_norms(osnet_x0_25())
    path = edit(export(net, tmp_path / "net.onnx"), transpose)
    assert_same_embeddings(osnet_x0_25(), path, net)


@pytest.mark.slow
def test_another_net_is_refused(tmp_path: Path) -> None:
    other = nn.Sequential(nn.Conv2d(3, 16, 7), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    path = export(other, tmp_path / "net.onnx")
    with pytest.raises(WeightsError, match=r"net\.onnx: its layers are not those of a published"):
        load_onnx_weights(path)


@pytest.mark.slow
def test_a_net_without_weights_is_refused(tmp_path: Path) -> None:
    path = export(nn.ReLU(), tmp_path / "net.onnx")
    with pytest.raises(WeightsError, match="not those of a published OSNet"):
        load_onnx_weights(path)


@pytest.mark.slow
def test_an_ablation_net_is_refused_by_name(tmp_path: Path) -> None:
    path = export(osnet_x0_25(streams=3), tmp_path / "net.onnx")
    with pytest.raises(WeightsError, match=r"missing conv2\.0\.conv2d\.0\.conv1\.weight"):
        load_onnx_weights(path)


@pytest.mark.slow
def test_weights_that_are_computed_are_refused(tmp_path: Path) -> None:
    def forget(model: Any) -> None:
        del model.graph.initializer[:]

    path = edit(export(osnet_x0_25(), tmp_path / "net.onnx"), forget)
    with pytest.raises(WeightsError, match=r"the weight of layer /conv1/conv/Conv is computed"):
        load_onnx_weights(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"<html>" * 50, bytes(300)])
def test_a_file_that_is_no_onnx(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"net\.onnx: .*get the file again"):
        load_onnx_weights(path)


@pytest.mark.slow
def test_a_truncated_file(tmp_path: Path) -> None:
    path = export(osnet_x0_25(), tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(WeightsError, match=r"net\.onnx: .*get the file again"):
        load_onnx_weights(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        load_onnx_weights(tmp_path / "none.onnx")


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_onnx(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(MissingDependencyError, match=r"pip install 'reid-tracker\[onnx\]'"):
        load_onnx_weights("net.onnx")


@pytest.fixture
def real_net(shared_onnx: Path) -> EmbeddingNet:
    net = osnet_x0_25()
    load_weights(net, load_onnx_weights(shared_onnx), source=str(shared_onnx))
    return net.eval()


def onnx_runtime(path: Path, x: Tensor) -> Tensor:
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": x.numpy()})[0])


@pytest.mark.shared
@pytest.mark.slow
def test_real_weights_give_every_key(shared_onnx: Path) -> None:
    state = load_onnx_weights(shared_onnx)
    assert infer_architecture(state) == "osnet_x0_25"
    assert list(state) == list(osnet_x0_25().state_dict())


@pytest.mark.shared
@pytest.mark.golden
def test_real_weights_equal_onnx_runtime(real_net: EmbeddingNet, shared_onnx: Path) -> None:
    x = torch.randn(4, 3, 256, 128)
    with torch.no_grad():
        got = real_net(x)
        swapped = real_net(x.flip(1))
    expected = onnx_runtime(shared_onnx, x)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-4)
    # Blue for red must not pass unseen: on noise the net is far off.
    assert (swapped - expected).abs().max() > 0.1


@pytest.mark.slow
@pytest.mark.shared
def test_real_weights_by_order_equal_those_by_path(shared_onnx: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(shared_onnx.read_bytes())
    edit(path, strip_names)
    by_path, by_order = load_onnx_weights(shared_onnx), load_onnx_weights(path)
    assert list(by_path) == list(by_order)
    assert all(torch.equal(by_path[key], by_order[key]) for key in by_path)
