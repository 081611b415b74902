"""A centre: serves several sites in turn and maintains their gallery."""

from __future__ import annotations

import time
from collections.abc import Sequence

from reid_tracker.central.site import CentralSite
from reid_tracker.central.upkeep import GalleryUpkeep
from reid_tracker.errors import ConfigError
from reid_tracker.match.gallery.store import GalleryStore


class Central:
    """Serves several sites in turn, in one thread.

    Args:
        sites: at least one.
        store: their gallery.
        batch_s: duration of one turn over all sites.
        retention_s: older records are deleted about once a minute; None keeps all.

    Attributes:
        turned_s: time of the last turn, on `time.monotonic`.
        upkeep: maintains the gallery.
    """

    def __init__(
        self,
        sites: Sequence[CentralSite],
        store: GalleryStore,
        batch_s: float,
        retention_s: float | None = None,
    ) -> None:
        if not sites:
            raise ConfigError("central.sites = (): expected the name of a site, e.g. --site hall")
        self.sites = list(sites)
        self.upkeep = GalleryUpkeep(store, retention_s)
        self._share_s = batch_s / len(self.sites)
        self.turned_s = time.monotonic()

    def turn(self) -> None:
        """Give each site a turn.

        Raises:
            ReidTrackerError: the broker or the gallery refuses permanently.
        """
        for site in self.sites:
            site.turn(self._share_s)
        times = [site.intake.clocks.common_time_s for site in self.sites]
        self.upkeep.turn([time_s for time_s in times if time_s is not None])
        self.turned_s = time.monotonic()

    def finish(self) -> None:
        """Match and store the messages received so far, and end the subscriptions."""
        for site in self.sites:
            site.finish()
