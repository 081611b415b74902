"""Gate profiles: which streams, and thus which scales, the aggregation gates prefer.

Each block of an OSNet has T streams of growing receptive field; a gate decides per image how much
of each stream passes. The paper finds that images with similar gate activations look similar to
people; `cluster_gates` shows it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.cluster.vq import kmeans2

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.errors import InputError
from reid_tracker.explain.nets import network_batches, to_crops
from reid_tracker.osnet import EmbeddingNet
from reid_tracker.osnet.blocks import ConvNorm, Lite3x3, OSBlock
from reid_tracker.osnet.gate import UnifiedGate
from reid_tracker.types import ImageBGR

LAST_BLOCKS = 2
"""Number of blocks whose gates represent an image: those of the last stage."""

_RESTARTS = 10
_ITERATIONS = 100


@dataclass(frozen=True, eq=False)
class GateRecord:
    """Gate activations of a net for B images.

    Attributes:
        blocks: K block names in forward order: "conv2.0", ...
        receptive_fields: (T,) int64 receptive field of each stream in pixels of its feature map.
        activations: K arrays (B, T, C) float32 in (0, 1); C is the number of gated channels of the
            block, or 1 for stream-wise gates.
    """

    blocks: tuple[str, ...]
    receptive_fields: IntArray
    activations: tuple[Float32Array, ...]

    def __len__(self) -> int:
        return len(self.activations[0])

    def profiles(self) -> Float32Array:
        """Return the (B, K, T) mean activation of each gate for each stream."""
        return np.stack([block.mean(axis=2) for block in self.activations], axis=1)

    def relative_profiles(self) -> Float32Array:
        """Return the (B, K, T) profiles minus their mean over the images.

        A net prefers some streams for all images; the difference shows what is special about one.
        """
        profiles = self.profiles()
        relative: Float32Array = profiles - profiles.mean(axis=0)
        return relative

    def mean_fields(self) -> Float32Array:
        """Return the (B, K) mean receptive fields in pixels, weighted by the gates."""
        profiles = self.profiles()
        weights = profiles / profiles.sum(axis=2, keepdims=True)
        fields: Float32Array = (weights @ self.receptive_fields).astype(np.float32)
        return fields

    def coarseness(self, last: int | None = None) -> Float32Array:
        """Return (B,) scores: above 0 the gates prefer large parts, below 0 fine detail.

        The score is the mean over blocks of `mean_fields`, in standard deviations over the images,
        because differences in pixels are small.

        Only the `last` blocks are used; None means all.
        """
        fields = in_deviations(self.mean_fields())
        coarseness: Float32Array = fields[:, -last if last else 0 :].mean(axis=1)
        return coarseness

    def vectors(self, last: int = LAST_BLOCKS) -> Float32Array:
        """Return (B, D) concatenated activations of the last blocks, minus their mean."""
        flat = [block.reshape(len(block), -1) for block in self.activations[-last:]]
        joined = np.concatenate(flat, axis=1)
        relative: Float32Array = joined - joined.mean(axis=0)
        return relative


@dataclass(frozen=True, eq=False)
class GateClusters:
    """Images clustered by their gate vectors, sorted from fine to coarse.

    Attributes:
        labels: (B,) int64 cluster of each image, from 0.
        distances: (B,) float32 distance of each image to its cluster centre.
    """

    labels: IntArray
    distances: Float32Array

    @property
    def count(self) -> int:
        """Number of clusters."""
        return int(self.labels.max()) + 1

    def typical(self, cluster: int, count: int) -> IntArray:
        """Return at most `count` images of a cluster, nearest to the centre first."""
        members = np.nonzero(self.labels == cluster)[0]
        order = np.argsort(self.distances[members], kind="stable")
        typical: IntArray = members[order[:count]].astype(np.int64)
        return typical


def record_gates(
    net: EmbeddingNet, images: Sequence[ImageBGR], *, batch_size: int = 32
) -> GateRecord:
    """Record the activations of all gates of a net for images.

    Args:
        net: in eval mode, with a unified gate, channel-wise or stream-wise, in every block.
        images: B >= 1 images, (H, W, 3) uint8 BGR, any sizes.
        batch_size: images per forward pass.

    Raises:
        InputError: there is no image, or the net has another kind of aggregation.
    """
    if not images:
        raise InputError("record_gates got no image, expected at least one")
    blocks = {name: module for name, module in net.named_modules() if isinstance(module, OSBlock)}
    if not blocks:
        raise InputError("the net has no omni-scale blocks and thus no gates; expected an OSNet")
    for name, block in blocks.items():
        if not isinstance(block.gate, UnifiedGate):
            raise InputError(
                f"{name} merges its streams by {type(block.gate).__name__}, expected the unified "
                "aggregation gate (aggregation unified or stream), whose activations can be "
                "compared between streams"
            )
    found: dict[str, list[Float32Array]] = {name: [] for name in blocks}
    with _listening(blocks, found), torch.inference_mode():
        for batch in network_batches(net, to_crops(images, net.input_size), batch_size):
            net.feature_map(batch)
    first = next(iter(blocks.values()))
    fields = [
        1 + 2 * sum(isinstance(part, Lite3x3 | ConvNorm) for part in stream.modules())
        for stream in first.streams
    ]
    activations = tuple(np.concatenate(parts) for parts in found.values())
    return GateRecord(tuple(blocks), np.array(fields, np.int64), activations)


def cluster_gates(
    record: GateRecord, clusters: int = 5, *, last: int = LAST_BLOCKS, seed: int = 0
) -> GateClusters:
    """Cluster images by k-means on the gate vectors of the last blocks.

    Args:
        record: gate activations of B images.
        clusters: maximum number of clusters.
        last: number of last blocks to compare.
        seed: seed of the random restarts, of which the best is kept.
    """
    vectors = record.vectors(last).astype(np.float64)
    generator = np.random.default_rng(seed)
    runs = [_group(vectors, _distant_rows(vectors, clusters, generator)) for _ in range(_RESTARTS)]
    labels, squares = min(runs, key=lambda run: float(run[1].sum()))
    coarse = np.bincount(labels, record.coarseness(last)) / np.bincount(labels)
    place = np.argsort(np.argsort(coarse, kind="stable"))
    return GateClusters(place[labels].astype(np.int64), np.sqrt(squares).astype(np.float32))


def in_deviations(values: Float32Array) -> Float32Array:
    """Return (B, ...) values in standard deviations from their mean over B; 0 if all are equal."""
    relative = values - values.mean(axis=0)
    deviation = values.std(axis=0)
    # Equal float32 values can differ by about 1e-7 due to rounding.
    scaled: Float32Array = np.where(deviation > 1e-6, relative / np.maximum(deviation, 1e-6), 0)
    return scaled.astype(np.float32)


@contextmanager
def _listening(blocks: dict[str, OSBlock], found: dict[str, list[Float32Array]]) -> Iterator[None]:
    """Append the (b, T, C) activations of every batch to `found` inside the `with` block."""

    def listener(name: str) -> Any:
        def listen(gate: Any, arguments: tuple[Any, ...]) -> None:
            weights = [gate.activations(stream).flatten(1) for stream in arguments[0]]
            found[name].append(torch.stack(weights, dim=1).float().cpu().numpy())

        return listen

    hooks = [block.gate.register_forward_pre_hook(listener(name)) for name, block in blocks.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _group(vectors: FloatArray, starts: FloatArray) -> tuple[IntArray, FloatArray]:
    """Run k-means; return the cluster of each row and its squared distance to the centre.

    Empty clusters are dropped.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kmeans2 warns about empty clusters
        centres, labels = kmeans2(vectors, starts, iter=_ITERATIONS, minit="matrix")
    squares = np.square(vectors - centres[labels]).sum(axis=1)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64), squares


def _distant_rows(vectors: FloatArray, count: int, generator: np.random.Generator) -> FloatArray:
    """Choose initial centres by k-means++.

    scipy can do this, but the name of its seed argument depends on the version.
    """
    chosen = [vectors[generator.integers(len(vectors))]]
    nearest = np.full(len(vectors), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, np.square(vectors - chosen[-1]).sum(axis=1))
        if nearest.max() <= 0:
            break  # all distinct rows are chosen
        chosen.append(vectors[generator.choice(len(vectors), p=nearest / nearest.sum())])
    return np.array(chosen)
