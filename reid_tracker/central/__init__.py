"""The centre: matches the tracklets of many camera hosts and stores identities in one gallery."""

from reid_tracker.central.centre import Central
from reid_tracker.central.matcher import Matching
from reid_tracker.central.site import CentralSite

__all__ = ["Central", "CentralSite", "Matching"]
