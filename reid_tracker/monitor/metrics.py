"""Prometheus metrics of a host.

Counts and states are read from those who keep them at the moment of a scrape, so that nothing on
the way of a frame waits for a metric; only durations are told as they happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reid_tracker.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

PREFIX = "reid_"

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "frames_total": ("Frames that were processed.", ("camera",)),
    "frames_dropped_total": ("Frames left out to stay live.", ("camera",)),
    "frames_damaged_total": ("Frames that could not be decoded whole.", ("camera",)),
    "reconnects_total": ("Times a stream was opened again.", ("camera",)),
    "clock_jumps_total": ("Times a camera's clock jumped.", ("camera",)),
    "tracklets_published_total": (
        "Tracklet messages made for the broker; some may still wait on disk.",
        (),
    ),
    "messages_sent_total": ("Messages that the broker has acknowledged.", ()),
    "spool_dropped_total": (
        "Messages lost because the disk, or the memory before it, was full, or they were too old.",
        (),
    ),
    "identity_messages_total": ("Messages of the centre about tracklets of this host.", ()),
    "identity_changes_total": ("Tracklets that got another identity than they had.", ()),
    "outputs_failed_total": ("Times an output could not be written.", ()),
    "messages_total": ("Messages taken from the broker.", ("kind",)),
    "messages_refused_total": ("Messages that could not be used.", ("reason",)),
    "messages_repeated_total": ("Messages that had come before.", ()),
    "messages_late_total": ("Messages that came after their moment was matched.", ()),
    "edge_gaps_total": ("Messages of an edge that are missing in its numbering.", ("edge",)),
    "identities_new_total": ("Identities given out.", ()),
    "identities_unasked_total": (
        "New identities that were not looked for in the gallery, for lack of time.",
        (),
    ),
    "identities_merged_total": ("Identities that turned out to be one.", ()),
    "identities_split_total": ("Identities that turned out to be two.", ()),
}

GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "camera_up": ("1 where frames come, else 0.", ("camera",)),
    "camera_state": ("1 for the state that a camera is in, else 0.", ("camera", "state")),
    "edge_up": ("1 where a camera host is heard of, else 0.", ("site", "edge")),
    "cameras": ("Cameras of all camera hosts by state.", ("state",)),
    "frame_age_seconds": ("Age of a camera's newest frame.", ("camera",)),
    "clock_offset_seconds": (
        "How far a camera's clock is behind the arrival of its frames.",
        ("camera",),
    ),
    "tracks": ("People in sight of a camera.", ("camera",)),
    "identities_known": ("Tracklets of this host whose identity is known.", ()),
    "identities_awaited": ("Tracklets that the centre has not named yet.", ()),
    "memory_messages": ("Messages that wait in memory, for the disk or the broker.", ()),
    "spool_messages": ("Messages that wait on disk for the broker.", ()),
    "spool_bytes": ("Size of what waits on disk for the broker.", ()),
    "broker_up": ("1 where the broker answers, else 0.", ()),
    "broker_pending": ("Messages that wait in the broker for this host.", ()),
    "gallery_waiting": ("Records that wait in memory for the gallery.", ()),
    "gallery_up": ("1 where the gallery answers, else 0.", ()),
    "gallery_sightings": ("Sightings in the gallery.", ()),
    "identities": ("Identities that the matcher holds in memory.", ()),
}

HISTOGRAMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "stage_seconds": ("Time of one batch in a stage.", ("stage",)),
    "match_seconds": ("Time of matching one batch of tracklets.", ()),
    "gallery_write_seconds": ("Time of storing what follows from one batch.", ()),
    "message_age_seconds": ("From capture until the centre has matched it.", ()),
}

_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Reading:
    """The value of one counter or gauge at the moment of a scrape.

    Attributes:
        name: a key of `COUNTERS` or `GAUGES`.
        value: in the unit that the name tells.
        labels: in the order that the catalogue gives.
    """

    name: str
    value: float
    labels: tuple[str, ...] = field(default=())


class Metrics:
    """All metrics of one host, in a registry of its own.

    Raises:
        MissingDependencyError: prometheus_client is not installed.
    """

    def __init__(self) -> None:
        try:
            import prometheus_client
        except ImportError:
            raise MissingDependencyError(
                "metrics need prometheus_client; install it with pip install 'reid-tracker[serve]'"
            ) from None
        self._registry = prometheus_client.CollectorRegistry()
        self._readers: list[Callable[[], Iterable[Reading]]] = []
        # Made when something is observed: a host has no histograms of what others do.
        self._histograms: dict[str, Any] = {}
        self._registry.register(_Readings(self._readers))
        # Memory, CPU time and open files of this process, under the names that all programs use.
        prometheus_client.ProcessCollector(registry=self._registry)

    def read_from(self, reader: Callable[[], Iterable[Reading]]) -> None:
        """Ask `reader` for counts and states at every scrape; it must not wait for anything."""
        self._readers.append(reader)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Tell how long something took.

        Raises:
            InputError: no such histogram.
        """
        if name not in HISTOGRAMS:
            raise InputError(f"no histogram '{name}'; known: {', '.join(HISTOGRAMS)}")
        if name not in self._histograms:
            self._histograms[name] = self._new_histogram(name)
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(seconds)

    def _new_histogram(self, name: str) -> Any:
        from prometheus_client import Histogram

        text, labels = HISTOGRAMS[name]
        return Histogram(PREFIX + name, text, labels, buckets=_BUCKETS_S, registry=self._registry)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class _Readings:
    """Collects what the readers say, as prometheus_client wants it."""

    def __init__(self, readers: list[Callable[[], Iterable[Reading]]]) -> None:
        self._readers = readers

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        values: dict[str, dict[tuple[str, ...], float]] = {}
        for reader in list(self._readers):
            for reading in reader():
                values.setdefault(reading.name, {})[reading.labels] = reading.value
        for catalogue, family in ((COUNTERS, CounterMetricFamily), (GAUGES, GaugeMetricFamily)):
            for name, (text, labels) in catalogue.items():
                metric = family(PREFIX + name, text, labels=labels)
                for label_values, value in sorted(values.pop(name, {}).items()):
                    metric.add_metric(label_values, value)
                yield metric
        if values:
            raise InputError(f"no counter or gauge '{next(iter(values))}'")
