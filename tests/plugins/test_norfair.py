from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.plugins import norfair as plugin
from reid_tracker.plugins.norfair import reid_distance, to_norfair
from reid_tracker.types import Detections
from tests.plugins.samples import encoder, host, tud_campus


def tracked(*embeddings: Any) -> Any:
    seen = [SimpleNamespace(embedding=one) for one in embeddings]
    return SimpleNamespace(past_detections=seen[:-1], last_detection=seen[-1])


def test_the_distance_is_the_smallest_of_all_pairs() -> None:
    a, b, c = np.eye(3, dtype=np.float32)
    assert reid_distance(tracked(a), tracked(b, a)) == pytest.approx(0)
    assert reid_distance(tracked(a), tracked(b, c)) == pytest.approx(1)
    assert reid_distance(tracked(None), tracked(a)) == 2
    assert reid_distance(tracked(a), tracked(None, a)) == pytest.approx(0)


def test_the_host_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(plugin, "check_host", lambda package, *_: looked.append(package))
    monkeypatch.setitem(sys.modules, "norfair", SimpleNamespace(Detection=SimpleNamespace))
    plugin._check_norfair.cache_clear()
    found = Detections(np.array([[1, 2, 3, 5]]), np.array([0.5]), np.array([2]))
    for _ in range(2):
        (made,) = to_norfair(found, np.eye(1, 3, dtype=np.float32))
    assert to_norfair(found)[0].embedding is None
    plugin._check_norfair.cache_clear()
    assert looked == ["norfair"]
    assert (made.points.tolist(), made.label) == ([[1, 2], [3, 5]], 2)
    assert (made.scores.tolist(), made.embedding.tolist()) == ([0.5, 0.5], [1, 0, 0])


@pytest.mark.slow
@pytest.mark.shared
def test_ids_are_those_with_embeddings_by_hand() -> None:
    norfair = host("norfair")

    def make(distance: Any) -> Any:
        return norfair.Tracker(
            "iou",
            0.7,
            reid_distance_function=distance,
            reid_distance_threshold=0.3,
            reid_hit_counter_max=60,
        )

    def cosine(new: Any, old: Any) -> float:
        pairs = [
            1 - float(one.embedding @ other.embedding)
            for one in [*new.past_detections, new.last_detection]
            for other in [*old.past_detections, old.last_detection]
        ]
        return min(pairs)

    plugged, by_hand = make(reid_distance), make(cosine)
    for image, found, embeddings in tud_campus():
        got = plugged.update(to_norfair(found, encoder().encode(image, found.boxes)))
        given = [
            norfair.Detection(np.array([[x1, y1], [x2, y2]]), np.ones(2), label=0, embedding=row)
            for (x1, y1, x2, y2), row in zip(found.boxes.tolist(), embeddings, strict=True)
        ]
        expected = by_hand.update(given)
        assert [one.id for one in got] == [one.id for one in expected]
        np.testing.assert_allclose(
            [one.estimate for one in got], [one.estimate for one in expected], atol=1e-3
        )
    assert len(got) >= 3
    with pytest.raises(InputError, match="1 embeddings for"):
        to_norfair(found, embeddings[:1])
