"""The published nets by name, one function each.

Every function takes the number of training identities (0: no classifier) and the options below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from reid_tracker.osnet.blocks import BlockOptions
from reid_tracker.osnet.gate import Aggregation
from reid_tracker.osnet.network import Channels, EmbeddingNet, OSNet, OSNetAIN

if TYPE_CHECKING:
    from typing_extensions import Unpack

X1_0: Channels = (64, 256, 384, 512)
X0_75: Channels = (48, 192, 288, 384)
X0_5: Channels = (32, 128, 192, 256)
X0_25: Channels = (16, 64, 96, 128)


class BlockKeywords(TypedDict, total=False):
    """The fields of `BlockOptions` as keywords.

    Attributes:
        streams: T, the number of streams in a block (4).
        aggregation: how streams are merged ("unified").
        same_depth: make all streams as deep as the deepest (False).
        lite: use Lite 3x3 layers instead of standard 3x3 convolutions (True).
    """

    streams: int
    aggregation: Aggregation
    same_depth: bool
    lite: bool


class NetOptions(BlockKeywords, total=False):
    """Keywords of every function; the defaults are the published net.

    Attributes:
        return_embeddings: return (logits, embeddings) in train mode, for a triplet loss (False).
    """

    return_embeddings: bool


def osnet_x1_0(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet at full width: 2,169,508 parameters."""
    return _osnet(X1_0, num_classes, **options)


def osnet_x0_75(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet at width 0.75: 1,285,754 parameters."""
    return _osnet(X0_75, num_classes, **options)


def osnet_x0_5(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet at width 0.5: 630,034 parameters."""
    return _osnet(X0_5, num_classes, **options)


def osnet_x0_25(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet at width 0.25: 201,864 parameters."""
    return _osnet(X0_25, num_classes, **options)


def osnet_ibn_x1_0(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet-IBN at full width: 2,170,532 parameters."""
    return _osnet(X1_0, num_classes, instance_norm=True, **options)


def osnet_ain_x1_0(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNetAIN:
    """OSNet-AIN at full width: 2,169,508 parameters."""
    return _osnet_ain(X1_0, num_classes, **options)


def osnet_ain_x0_75(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNetAIN:
    """OSNet-AIN at width 0.75: 1,285,754 parameters."""
    return _osnet_ain(X0_75, num_classes, **options)


def osnet_ain_x0_5(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNetAIN:
    """OSNet-AIN at width 0.5: 630,034 parameters."""
    return _osnet_ain(X0_5, num_classes, **options)


def osnet_ain_x0_25(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNetAIN:
    """OSNet-AIN at width 0.25: 201,864 parameters."""
    return _osnet_ain(X0_25, num_classes, **options)


OSNETS: dict[str, Callable[..., EmbeddingNet]] = {
    "osnet_x1_0": osnet_x1_0,
    "osnet_x0_75": osnet_x0_75,
    "osnet_x0_5": osnet_x0_5,
    "osnet_x0_25": osnet_x0_25,
    "osnet_ibn_x1_0": osnet_ibn_x1_0,
    "osnet_ain_x1_0": osnet_ain_x1_0,
    "osnet_ain_x0_75": osnet_ain_x0_75,
    "osnet_ain_x0_5": osnet_ain_x0_5,
    "osnet_ain_x0_25": osnet_ain_x0_25,
}


def _osnet(
    channels: Channels,
    num_classes: int,
    *,
    instance_norm: bool = False,
    return_embeddings: bool = False,
    **block: Unpack[BlockKeywords],
) -> OSNet:
    return OSNet(
        channels,
        num_classes,
        instance_norm=instance_norm,
        options=BlockOptions(**block),
        return_embeddings=return_embeddings,
    )


def _osnet_ain(
    channels: Channels,
    num_classes: int,
    *,
    return_embeddings: bool = False,
    **block: Unpack[BlockKeywords],
) -> OSNetAIN:
    return OSNetAIN(
        channels, num_classes, options=BlockOptions(**block), return_embeddings=return_embeddings
    )
