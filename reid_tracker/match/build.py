"""Make a matcher from a configuration and the names of the cameras that a run has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.places.ground import GroundPlane, load_ground
from reid_tracker.match.places.topology import Topology, load_topology

_log = logging.getLogger(__name__)

NewMatcher = Callable[[Sequence[str]], CrossCameraMatcher]


def matching_from_config(config: MatchConfig) -> NewMatcher:
    """Read the files that a configuration names, at once, and return what makes matchers of them.

    Raises:
        ConfigError: the topology or the homographies are missing or wrong.
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
    """Make a matcher, and warn of cameras that topology or homographies leave out.

    A name that is written differently there is the usual slip, and would silently do nothing.
    """
    named = {
        "topology": [name for passage in topology.passages for name in passage.between]
        if topology
        else [],
        "ground": [item.camera for item in ground.cameras] if ground else [],
    }
    for what, names in named.items():
        missing = sorted(set(cameras) - set(names))
        if names and missing:
            _log.warning(
                "match.%s says nothing of %s; it names %s",
                what,
                ", ".join(missing),
                ", ".join(sorted(set(names))),
            )
    return CrossCameraMatcher(config, topology, ground, numbers)
