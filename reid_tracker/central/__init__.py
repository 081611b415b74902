"""The centre: tracklets of many camera hosts in, identities out, into one gallery."""

from reid_tracker.central.run import Central, CentralSite

__all__ = ["Central", "CentralSite"]
