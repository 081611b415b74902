"""A camera host: follows people as usual, and tells a broker; files of its own are an option."""

from reid_tracker.edge.listener import IdentityListener
from reid_tracker.edge.pictures import SmallPictures
from reid_tracker.edge.reporter import MessageNumbers, Reported, TrackletReporter
from reid_tracker.edge.run import Changes, EdgeRun
from reid_tracker.run.known import KnownIdentities
from reid_tracker.run.rotating import EdgeOutputs

__all__ = [
    "Changes",
    "EdgeOutputs",
    "EdgeRun",
    "IdentityListener",
    "KnownIdentities",
    "MessageNumbers",
    "Reported",
    "SmallPictures",
    "TrackletReporter",
]
