from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.plugins import hosts, trackers
from reid_tracker.track import build_tracker
from tests.plugins.samples import BOX, COLOUR, colours, encoder, host, rows_of, scene, tud_campus

sv = pytest.importorskip("supervision")


@pytest.fixture
def plugin() -> Any:
    host("trackers")
    return trackers


def test_a_missing_or_old_host_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "version", lambda package: "2.5.0")
    with pytest.raises(MissingDependencyError, match=r"too old.*'reid-tracker\[trackers\]'"):
        trackers.DeepSortTracker(encoder=colours())


@pytest.mark.slow
@pytest.mark.shared
def test_ids_are_those_of_our_tracker_by_hand(plugin: Any) -> None:
    plugged, by_hand = plugin.DeepSortTracker(encoder=encoder()), build_tracker()
    for image, found, embeddings in tud_campus():
        table = rows_of(found)
        given = sv.Detections(table[:, :4], confidence=table[:, 4])
        got = plugged.update(given, image)
        expected = by_hand.update(found, embeddings, frame=image)
        assert given.tracker_id is None
        ids = np.full(len(found), -1)
        seen = expected.detection_index >= 0
        ids[expected.detection_index[seen]] = expected.ids[seen]
        assert got.tracker_id.tolist() == ids.tolist()
        np.testing.assert_allclose(got.xyxy, found.boxes)
        assert plugged.tracked_objects.tracker_id.tolist() == expected.ids.tolist()
    assert len(set(ids)) >= 3
    plugged.reset()
    assert len(plugged.tracked_objects) == 0


@pytest.mark.slow
def test_their_registry_has_it_and_empty_frames_pass(plugin: Any) -> None:
    base = host("trackers.core.base").BaseTracker
    assert base._lookup_tracker("reid_tracker").tracker_class is plugin.DeepSortTracker
    tracker = plugin.DeepSortTracker(encoder=None)
    assert len(tracker.update(sv.Detections.empty(), scene())) == 0
    with pytest.raises(InputError, match=r"expected a supervision\.Detections"):
        tracker.update(BOX)


@pytest.mark.slow
def test_the_encoder_has_both_names(plugin: Any) -> None:
    ours, found = plugin.ReidEncoder(colours()), sv.Detections(BOX)
    for rows in (
        ours.extract_features(found, scene()),
        ours.extract_embeddings(found, scene(), batch_size=8),
    ):
        np.testing.assert_allclose(rows[0], COLOUR, atol=1e-6)
