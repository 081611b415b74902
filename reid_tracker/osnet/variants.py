"""The published nets by name, one function each.

Every function takes the number of training identities (0: no classifier) and the options below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict

from reid_tracker.osnet.blocks import BlockOptions
from reid_tracker.osnet.gate import Aggregation
from reid_tracker.osnet.network import Channels, EmbeddingNet, OSNet, OSNetAIN

if TYPE_CHECKING:
    from typing_extensions import Unpack

X1_0: Channels = (64, 256, 384, 512)
X0_75: Channels = (48, 192, 288, 384)
X0_5: Channels = (32, 128, 192, 256)
X0_25: Channels = (16, 64, 96, 128)


class NetOptions(TypedDict, total=False):
    """Keywords of every function; the defaults are the published net.

    Attributes:
        streams: T, the number of streams in a block (4).
        aggregation: how streams are merged ("unified").
        same_depth: make all streams as deep as the deepest (False).
        lite: use Lite 3x3 layers instead of standard 3x3 convolutions (True).
        return_embeddings: return (logits, embeddings) in train mode, for a triplet loss (False).
    """

    streams: int
    aggregation: Aggregation
    same_depth: bool
    lite: bool
    return_embeddings: bool


def osnet_x1_0(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet at full width: 2,169,508 parameters."""
    return OSNet(X1_0, num_classes, **_keywords(options))


def osnet_x0_75(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet at width 0.75: 1,285,754 parameters."""
    return OSNet(X0_75, num_classes, **_keywords(options))


def osnet_x0_5(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet at width 0.5: 630,034 parameters."""
    return OSNet(X0_5, num_classes, **_keywords(options))


def osnet_x0_25(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet at width 0.25: 201,864 parameters."""
    return OSNet(X0_25, num_classes, **_keywords(options))


def osnet_ibn_x1_0(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNet:
    """OSNet-IBN at full width: 2,170,532 parameters."""
    return OSNet(X1_0, num_classes, instance_norm=True, **_keywords(options))


def osnet_ain_x1_0(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNetAIN:
    """OSNet-AIN at full width: 2,169,508 parameters."""
    return OSNetAIN(X1_0, num_classes, **_keywords(options))


def osnet_ain_x0_75(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNetAIN:
    """OSNet-AIN at width 0.75: 1,285,754 parameters."""
    return OSNetAIN(X0_75, num_classes, **_keywords(options))


def osnet_ain_x0_5(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNetAIN:
    """OSNet-AIN at width 0.5: 630,034 parameters."""
    return OSNetAIN(X0_5, num_classes, **_keywords(options))


def osnet_ain_x0_25(num_classes: int = 0, **options: Unpack[NetOptions]) -> OSNetAIN:
    """OSNet-AIN at width 0.25: 201,864 parameters."""
    return OSNetAIN(X0_25, num_classes, **_keywords(options))


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


def _keywords(options: NetOptions) -> dict[str, Any]:
    """Return the keywords of the classes, which take the options of blocks as one object."""
    block: dict[str, Any] = dict(options)
    embeddings = block.pop("return_embeddings", False)
    return {"options": BlockOptions(**block), "return_embeddings": embeddings}
