"""Where sightings are stored, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class GalleryConfig(Checked):
    """Where it is remembered who was seen where, and for how long.

    Attributes:
        address: file, or postgresql://USER@HOST/DATABASE; null remembers nothing beyond the run.
        site: name of the place that the cameras belong to; may be empty.
        retention_h: what was stored more hours ago is deleted; null keeps it until it is purged.
        store_crops: keep a picture of each sighting, with the same retention.
        start_time: when the recording begins, such as "2026-11-24T18:30" (local time) or with a
            zone; null takes what the file says, and the present for cameras and streams.
        max_waiting: most sightings and events kept in memory while the gallery is away.
    """

    address: str | None = None
    site: str = ""
    retention_h: float | None = number(72.0, 0.0, exclusive=True)
    store_crops: bool = False
    start_time: str | None = None
    max_waiting: int = number(20_000, 1)
