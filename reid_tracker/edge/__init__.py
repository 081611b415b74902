"""A camera host: follows people as usual, and tells a broker instead of keeping files."""

from reid_tracker.edge.reporter import MessageNumbers, Reported, TrackletReporter
from reid_tracker.edge.run import Changes, EdgeRun

__all__ = ["Changes", "EdgeRun", "MessageNumbers", "Reported", "TrackletReporter"]
