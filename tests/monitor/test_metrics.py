from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reid_tracker.errors import InputError
from reid_tracker.monitor import Metrics, Reading
from reid_tracker.monitor.metrics import COUNTERS, GAUGES, HISTOGRAMS
from tests.conftest import ROOT


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_readings_are_taken_at_the_scrape() -> None:
    metrics, frames = Metrics(), [0]
    metrics.read_from(lambda: [Reading("frames_total", frames[0], ("door",))])
    metrics.read_from(lambda: [Reading("spool_bytes", 12), Reading("camera_up", 1, ("hall",))])
    frames[0] = 7
    found = samples(metrics)
    assert found["reid_frames_total", (("camera", "door"),)] == 7
    assert found["reid_spool_bytes", ()] == 12
    assert found["reid_camera_up", (("camera", "hall"),)] == 1


def test_durations_go_into_buckets() -> None:
    metrics = Metrics()
    for seconds in (0.002, 0.2, 0.2):
        metrics.observe("stage_seconds", seconds, "detect")
    metrics.observe("match_seconds", 0.5)
    found = samples(metrics)
    assert found["reid_stage_seconds_count", (("stage", "detect"),)] == 3
    assert found["reid_stage_seconds_bucket", (("le", "0.1"), ("stage", "detect"))] == 1
    assert found["reid_match_seconds_sum", ()] == 0.5


def test_label_values_of_any_kind_stay_one_label() -> None:
    metrics, name = Metrics(), 'a"b\\c\nd{}=,é'
    metrics.read_from(lambda: [Reading("camera_up", 1, (name,))])
    assert samples(metrics)["reid_camera_up", (("camera", name),)] == 1


def test_unknown_names_are_errors() -> None:
    metrics = Metrics()
    with pytest.raises(InputError, match="no histogram 'detecting'; known: stage_seconds"):
        metrics.observe("detecting", 1.0)
    metrics.read_from(lambda: [Reading("camera_upp", 1, ("a",))])
    with pytest.raises(InputError, match="no counter or gauge 'camera_upp'"):
        metrics.text()


def test_the_catalogue_follows_the_naming_rules_of_prometheus() -> None:
    assert all(name.endswith("_total") for name in COUNTERS)
    assert not any(name.endswith("_total") for name in {*GAUGES, *HISTOGRAMS})
    assert len({*COUNTERS, *GAUGES, *HISTOGRAMS}) == len(COUNTERS) + len(GAUGES) + len(HISTOGRAMS)


def test_the_table_for_operators_has_them_all() -> None:
    """`docs/operations/metrics.md` and the catalogue name the same metrics with the same labels."""
    table = (ROOT / "docs" / "operations" / "metrics.md").read_text(encoding="utf-8")
    told: dict[str, tuple[str, ...]] = {}
    for line in table.splitlines():
        if line.startswith("| `"):
            names, labels = line.split("|")[1:3]
            each = tuple(label.strip() for label in labels.split(",") if label.strip())
            told |= dict.fromkeys(re.findall(r"`(\w+)`", names), each)
    catalogue = {**COUNTERS, **GAUGES, **HISTOGRAMS}
    assert told == {name: labels for name, (_, labels) in catalogue.items()}


def test_the_process_is_told_of_too() -> None:
    assert samples(Metrics())["process_resident_memory_bytes", ()] > 1e6
