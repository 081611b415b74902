"""Settings of the gallery, which remembers who was seen where."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class GalleryConfig(Checked):
    """Where sightings of people are stored, and for how long.

    Attributes:
        address: file, or postgresql://USER@HOST/DATABASE; null stores nothing beyond the run.
        site: name of the place that the cameras belong to; may be empty.
        retention_h: sightings stored longer ago are deleted; null keeps them until they are purged.
        store_crops: also store a picture of each sighting, with the same retention.
        start_time: time at which the recording begins, such as "2026-11-24T18:30" (local time) or
            with a time zone; null takes the time in the file, and the current time for cameras and
            streams.
        max_waiting: largest number of sightings and events kept in memory while the gallery is
            unavailable.
    """

    address: str | None = None
    site: str = ""
    retention_h: float | None = number(72.0, 0.0, exclusive=True)
    store_crops: bool = False
    start_time: str | None = None
    max_waiting: int = number(20_000, 1)
