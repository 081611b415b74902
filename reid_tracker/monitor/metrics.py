"""Prometheus metrics of a host.

Counts and states are read at the moment of a scrape, so that processing a frame never waits for a
metric; only durations are recorded as they happen.
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
    "frames_total": ("Frames processed.", ("camera",)),
    "frames_dropped_total": ("Frames skipped to stay live.", ("camera",)),
    "frames_damaged_total": ("Frames that could not be decoded completely.", ("camera",)),
    "reconnects_total": ("Times a stream was reconnected.", ("camera",)),
    "clock_jumps_total": ("Times a camera's clock jumped.", ("camera",)),
    "tracklets_published_total": (
        "Tracklet messages created; some may still wait on disk.",
        (),
    ),
    "messages_sent_total": ("Messages acknowledged by the broker.", ()),
    "spool_dropped_total": (
        "Messages lost because disk or memory was full, or because they were too old.",
        (),
    ),
    "identity_messages_total": ("Messages from the centre about tracklets of this host.", ()),
    "identity_changes_total": ("Tracklets whose identity was changed.", ()),
    "outputs_failed_total": ("Times an output could not be written.", ()),
    "messages_total": ("Messages received from the broker.", ("kind",)),
    "messages_refused_total": ("Messages refused.", ("reason",)),
    "messages_repeated_total": ("Messages received more than once.", ()),
    "clock_corrected_total": ("Messages with a time in the future, which was corrected.", ()),
    "messages_late_total": ("Messages that arrived after later ones were matched.", ()),
    "edge_gaps_total": ("Messages of a camera host that never arrived.", ("edge",)),
    "identities_new_total": ("Identities created.", ()),
    "identities_unasked_total": (
        "New identities that were not looked up in the gallery for lack of time.",
        (),
    ),
    "identities_merged_total": ("Identities merged because they are one person.", ()),
    "identities_split_total": ("Identities split because they are two people.", ()),
}

GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "camera_up": ("1 if frames arrive, else 0.", ("camera",)),
    "camera_state": ("1 for the current state of a camera, else 0.", ("camera", "state")),
    "edge_up": ("1 if a camera host is up, else 0.", ("site", "edge")),
    "cameras": ("Cameras of all camera hosts by state.", ("state",)),
    "frame_age_seconds": ("Age of a camera's newest frame.", ("camera",)),
    "clock_offset_seconds": (
        "How far a camera's clock lags behind the arrival of its frames.",
        ("camera",),
    ),
    "tracks": ("People visible to a camera.", ("camera",)),
    "identities_known": ("Tracklets of this host whose identity is known.", ()),
    "identities_awaited": ("Tracklets whose identity the centre has not sent yet.", ()),
    "memory_messages": ("Messages waiting in memory for the disk or the broker.", ()),
    "spool_messages": ("Messages waiting on disk for the broker.", ()),
    "spool_bytes": ("Size of the messages waiting on disk for the broker.", ()),
    "broker_up": ("1 if the broker answers, else 0.", ()),
    "broker_pending": ("Messages waiting in the broker for this host.", ()),
    "gallery_waiting": ("Records waiting in memory for the gallery.", ()),
    "gallery_up": ("1 if the gallery answers, else 0.", ()),
    "gallery_sightings": ("Sightings in the gallery.", ()),
    "identities": ("Identities in the memory of the matcher.", ()),
}

HISTOGRAMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "stage_seconds": ("Time of one batch in a stage.", ("stage",)),
    "match_seconds": ("Time of matching one batch of tracklets.", ()),
    "gallery_write_seconds": ("Time of storing the results of one batch.", ()),
    "message_age_seconds": ("Time from capture until the centre has matched and stored it.", ()),
}

_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Reading:
    """The value of one counter or gauge at the moment of a scrape.

    Attributes:
        name: a key of `COUNTERS` or `GAUGES`.
        value: in the unit of the name.
        labels: in the order of the catalogue.
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
        # Created at the first observation, so that a host exposes only the histograms it uses.
        self._histograms: dict[str, Any] = {}
        self._registry.register(_Readings(self._readers))
        # Memory, CPU time and open files of this process, under the usual names.
        prometheus_client.ProcessCollector(registry=self._registry)

    def read_from(self, reader: Callable[[], Iterable[Reading]]) -> None:
        """Call `reader` for counts and states at every scrape; it must not block."""
        self._readers.append(reader)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Record a duration.

        Raises:
            InputError: the histogram is unknown.
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
    """Collects the readings in the form that prometheus_client needs."""

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
