"""A camera host: tracks people and sends their tracklets to a broker; writes files on request."""

from reid_tracker.edge.listener import IdentityListener
from reid_tracker.edge.outbox import Outbox
from reid_tracker.edge.pictures import SmallPictures
from reid_tracker.edge.reporter import MessageNumbers, Reported, TrackletReporter
from reid_tracker.edge.run import Changes, EdgeRun, Hooks
from reid_tracker.run.known import KnownIdentities
from reid_tracker.run.rotating import EdgeOutputs

__all__ = [
    "Changes",
    "EdgeOutputs",
    "EdgeRun",
    "Hooks",
    "IdentityListener",
    "KnownIdentities",
    "MessageNumbers",
    "Outbox",
    "Reported",
    "SmallPictures",
    "TrackletReporter",
]
