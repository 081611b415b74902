"""Matches the tracks of many cameras to people. Open `decide/matcher.py` first.

`tracklets` stores what is known of each tracklet, `places` how cameras lie, `decide` finds out who
is who, and `gallery` remembers people beyond a run.
"""

from reid_tracker.match.base import Matcher
from reid_tracker.match.build import build_matcher, matching_from_config
from reid_tracker.match.decide.ledger import final_identities
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.places.ground import CameraGround, GroundPlane, load_ground, save_ground
from reid_tracker.match.places.learn import PairLinks, confident_links, supported_topology
from reid_tracker.match.places.topology import Passage, Topology, load_topology, save_topology
from reid_tracker.match.places.transit import Sighting, Transit, learn_topology, transits
from reid_tracker.match.tracklets.batch import TrackletBatch
from reid_tracker.match.tracklets.log import FloorPath, SightingLog
from reid_tracker.match.tracklets.quality import track_embeddings

looks_of = track_embeddings
"""Earlier name of `track_embeddings`."""

__all__ = [
    "CameraGround",
    "CrossCameraMatcher",
    "FloorPath",
    "GroundPlane",
    "Matcher",
    "PairLinks",
    "Passage",
    "Sighting",
    "SightingLog",
    "Topology",
    "TrackletBatch",
    "Transit",
    "build_matcher",
    "confident_links",
    "final_identities",
    "learn_topology",
    "load_ground",
    "load_topology",
    "looks_of",
    "matching_from_config",
    "save_ground",
    "save_topology",
    "supported_topology",
    "track_embeddings",
    "transits",
]
