"""Embeddings of boxes in pictures that lie on a device: crops, network and unit rows stay there."""

from __future__ import annotations

import torch

from reid_tracker.device.crops import sample_crops
from reid_tracker.device.graphs import GraphedNet, bucket
from reid_tracker.device.transfer import PixelPool
from reid_tracker.encode.base import Encoder
from reid_tracker.encode.pooled import PooledEncoder
from reid_tracker.encode.preprocess import Cropping
from reid_tracker.encode.torch_backend import TorchNetwork

_SHORTEST = 1e-12  # as in pooled.py


class TensorOsnet:
    """Embeds boxes of pictures on a device; see `device.path.TensorEncoder`.

    Args:
        network: the torch back end.
        batch_size: most crops in one run of it; bounds the memory.
        cropping: what is cut out for a box.

    Attributes:
        device: where it runs.
        embedding_size: D.
    """

    def __init__(
        self, network: TorchNetwork, batch_size: int = 64, cropping: Cropping = Cropping()
    ) -> None:
        self.device = network.device
        if str(self.device) == "cuda":
            self.device = torch.device("cuda", torch.cuda.current_device())
        self.embedding_size = network.embedding_size
        self._size = network.input_size
        self._batch_size = bucket(batch_size)
        self._cropping = cropping
        self._net = GraphedNet(network.embed, self.device)

    def embed(self, pool: PixelPool, boxes: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Embed (M, 4) boxes of the pictures with (M,) numbers as (M, D) float32 unit rows."""
        parts = [boxes.new_zeros(0, self.embedding_size)]
        for first in range(0, len(boxes), self._batch_size):
            part = slice(first, first + self._batch_size)
            crops = sample_crops(pool, boxes[part], numbers[part], self._size, self._cropping)
            parts.append(unit_rows(self._net(crops)))
        return torch.cat(parts)


def unit_rows(rows: torch.Tensor) -> torch.Tensor:
    """Scale (n, D) rows to length 1; one without direction becomes the first unit vector."""
    lengths = rows.norm(dim=1, keepdim=True)
    lost = ~(torch.isfinite(lengths) & (lengths > _SHORTEST))
    first = torch.zeros_like(rows)
    first[:, 0] = 1
    return torch.where(lost, first, rows / torch.where(lost, 1, lengths))


def tensor_osnet(encoder: Encoder) -> TensorOsnet | None:
    """Return an encoder of tensors with the network of another; None if that is not torch's.

    The two share the network, and must not be used at the same time.
    """
    if not isinstance(encoder, PooledEncoder) or not isinstance(encoder.network, TorchNetwork):
        return None
    return TensorOsnet(encoder.network, encoder.batch_size, encoder.cropping)
