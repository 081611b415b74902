"""Pictures, boxes and networks that the encoder tests share; nothing here shows a real person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from reid_tracker.types import Boxes, ImageBGR

SHARED = Path(__file__).parents[3] / "shared"
SHARED_ONNX = SHARED / "weights" / "osnet_x0_25_msmt17.onnx"
TUD = SHARED / "data" / "mot" / "TUD-Campus"


def picture(height: int = 240, width: int = 320, seed: int = 0) -> ImageBGR:
    """Blocks of random colours, blue weaker than red so that a channel swap shows."""
    cells = np.random.default_rng(seed).integers(0, 256, (-(-height // 8), -(-width // 8), 3))
    cells[..., 0] //= 3
    blocks = np.kron(cells, np.ones((8, 8, 1), np.int64))[:height, :width]
    return blocks.astype(np.uint8)


def some_boxes(count: int = 6, seed: int = 0, height: int = 240, width: int = 320) -> Boxes:
    """Boxes of people's shape, most inside the picture, some over its edge."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform((0, 0), (width, height), (count, 2))
    size = rng.uniform((8, 20), (60, 150), (count, 2))
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)


def tiny_onnx(
    path: Path,
    *,
    batch: int | str = "batch",
    size: tuple[int | str, int | str] = (256, 128),
    kind: int = TensorProto.FLOAT,
    features: int = 512,
    keep_map: bool = False,
    channels: int = 3,
) -> Path:
    """Write a small network with the interface of a ReID net: one convolution, ReLU, mean."""
    dtype: Any = np.float16 if kind == TensorProto.FLOAT16 else np.float32
    weights = np.random.default_rng(1).normal(0, 0.1, (features, channels, 4, 4)).astype(dtype)
    shape_out = [batch, features, 1, 1] if keep_map else [batch, features]
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["c"], strides=[8, 8], kernel_shape=[4, 4]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["out" if keep_map else "p"]),
    ]
    if not keep_map:
        nodes.append(helper.make_node("Flatten", ["p"], ["out"]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", kind, [batch, channels, *size])],
        [helper.make_tensor_value_info("out", kind, shape_out)],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path
