"""The centre: tracklets of many camera hosts in, identities out, into one gallery."""

from reid_tracker.central.centre import Central
from reid_tracker.central.matcher import Matching
from reid_tracker.central.site import CentralSite

__all__ = ["Central", "CentralSite", "Matching"]
