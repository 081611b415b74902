"""Tracks of many cameras to identities: the live matcher, the cameras' topology, the floor plan."""

from reid_tracker.match.base import Matcher
from reid_tracker.match.build import build_matcher, matching_from_config
from reid_tracker.match.ground import CameraGround, GroundPlane, load_ground, save_ground
from reid_tracker.match.identity_events import final_identities
from reid_tracker.match.learn import PairLinks, confident_links, supported_topology
from reid_tracker.match.matcher import CrossCameraMatcher
from reid_tracker.match.quality import looks_of
from reid_tracker.match.sighting_log import FloorPath, SightingLog
from reid_tracker.match.topology import Passage, Topology, load_topology, save_topology
from reid_tracker.match.tracklet_batch import TrackletBatch
from reid_tracker.match.transit import Sighting, Transit, learn_topology, transits

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
    "transits",
]
