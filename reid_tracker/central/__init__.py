"""The centre: tracklets of many camera hosts in, identities out, into one gallery."""

from reid_tracker.central.centre import Central
from reid_tracker.central.run import CentralSite

__all__ = ["Central", "CentralSite"]
