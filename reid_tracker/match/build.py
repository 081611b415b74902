"""Builds a matcher from a configuration and the names of a run's cameras."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.places.ground import GroundPlane, load_ground
from reid_tracker.match.places.topology import Topology, load_topology

logger = logging.getLogger(__name__)


def matching_from_config(config: MatchConfig) -> Callable[[Sequence[str]], CrossCameraMatcher]:
    """Read the files that a configuration names and return a function that builds matchers.

    Raises:
        ConfigError: the file of the topology or of the homographies is missing or wrong.
    """
    topology = None if config.topology is None else load_topology(config.topology)
    ground = None if config.ground is None else load_ground(config.ground)
    return lambda cameras: build_matcher(cameras, config, topology, ground)


def build_matcher(
    cameras: Sequence[str],
    config: MatchConfig | None = None,
    topology: Topology | None = None,
    ground: GroundPlane | None = None,
    numbers: Iterator[int] | None = None,
) -> CrossCameraMatcher:
    """Build a matcher, and warn about cameras that topology or homographies leave out.

    Usually such a camera has another name there, and its entries would silently do nothing.
    """
    passages = topology.passages if topology else ()
    named = {
        "topology": {name for passage in passages for name in passage.between},
        "ground": {item.camera for item in ground.cameras} if ground else set(),
    }
    for what, names in named.items():
        missing = set(cameras) - names
        if names and missing:
            logger.warning(
                "match.%s has no entry for %s; it names %s",
                what,
                ", ".join(sorted(missing)),
                ", ".join(sorted(names)),
            )
    return CrossCameraMatcher(config, topology, ground, numbers)
