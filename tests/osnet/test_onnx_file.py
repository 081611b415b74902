"""A network as an ONNX file: any batch, the same numbers, and the network left alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from reid_tracker.osnet import to_onnx


def test_any_batch_gives_what_torch_gives() -> None:
    import onnxruntime as ort

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).train()
    data = to_onnx(net, (16, 8))
    assert net.training
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    for count in (1, 3):
        images = torch.rand(count, 3, 16, 8)
        with torch.inference_mode():
            expected = net(images).numpy()
        (found,) = session.run(["embeddings"], {"images": images.numpy()})
        np.testing.assert_allclose(found, expected, atol=1e-6)
