"""Health and metrics of the centre, for /health and /metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import get_args

from reid_tracker.central.admission import REASONS
from reid_tracker.central.centre import Central
from reid_tracker.central.site import CentralSite
from reid_tracker.monitor import Health, Reading
from reid_tracker.transport.wire.messages import CameraState

_STUCK_S = 30.0


def health(centre: Central) -> Health:
    """Return whether broker and gallery answer and the centre does not hang."""
    age_s = time.monotonic() - centre.turned_s
    broker = all(site.intake.broker_up for site in centre.sites)
    gallery = all(site.recording.gallery_up for site in centre.sites)
    details = {
        "broker": broker,
        "gallery": gallery,
        "last_turn_s": round(age_s, 1),
        "sites": {one.name: {"edges": one.intake.presence.details()} for one in centre.sites},
    }
    return Health(broker and gallery and age_s < _STUCK_S, details)


def _site_readings(site: CentralSite) -> Iterator[Reading]:
    intake, matcher = site.intake, site.recording.matcher
    received, counts = intake.receiver.counts, intake.counts
    for kind in ("tracklet", "status"):
        yield Reading("messages_total", counts[kind], (kind,))
    refused = dict(received.refused_by) | {name: counts[name] for name in REASONS}
    for reason, count in refused.items():
        yield Reading("messages_refused_total", count, (reason,))
    for edge, count in dict(received.missing_of).items():
        yield Reading("edge_gaps_total", count, (edge,))
    yield Reading("clock_corrected_total", counts["clock"])
    matched: Mapping[str, int] = matcher.counts if matcher else {}
    for edge, up in intake.presence.hosts().items():
        yield Reading("edge_up", float(up), (site.name, edge))
    cameras = intake.presence.cameras()
    for state in get_args(CameraState):
        yield Reading("cameras", cameras[state], (state,))
    yield Reading("messages_repeated_total", received.duplicates + matched.get("stale", 0))
    yield Reading("messages_late_total", counts["late"])
    yield Reading("identities_unasked_total", matched.get("unasked", 0))
    for kind, name in (("new", "new"), ("merge", "merged"), ("split", "split")):
        yield Reading(f"identities_{name}_total", matched.get(kind, 0))
    yield Reading("identities", site.identities)
    yield Reading("broker_pending", site.pending)
    yield Reading("gallery_waiting", site.recording.waiting)


def readings(centre: Central) -> Iterator[Reading]:
    """Yield the metrics, summed over the sites for each set of labels."""
    sums: dict[tuple[str, tuple[str, ...]], float] = {}
    for site in centre.sites:
        for reading in _site_readings(site):
            key = reading.name, reading.labels
            sums[key] = sums.get(key, 0) + reading.value
    for (name, labels), value in sums.items():
        yield Reading(name, value, labels)
    if centre.upkeep.sightings is not None:
        yield Reading("gallery_sightings", centre.upkeep.sightings)
    yield Reading("broker_up", float(all(site.intake.broker_up for site in centre.sites)))
    yield Reading("gallery_up", float(all(site.recording.gallery_up for site in centre.sites)))
