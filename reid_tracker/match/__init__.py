"""Tracks of many cameras to identities: the live matcher, the cameras' topology, the floor plan."""

from reid_tracker.match.events import IdentityEvent
from reid_tracker.match.ground import CameraGround, GroundPlane, load_ground
from reid_tracker.match.matcher import CrossCameraMatcher, final_identities
from reid_tracker.match.topology import Passage, Topology, load_topology, save_topology

__all__ = [
    "CameraGround",
    "CrossCameraMatcher",
    "GroundPlane",
    "IdentityEvent",
    "Passage",
    "Topology",
    "final_identities",
    "load_ground",
    "load_topology",
    "save_topology",
]
