from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.plugins import hosts
from reid_tracker.plugins.deep_sort_realtime import Embedder, update_tracks
from reid_tracker.types import Detections
from tests.plugins.samples import BOX, COLOUR, colours, encoder, host, scene, tud_campus


@pytest.mark.parametrize("color", ["bgr", "rgb"])
def test_crops_become_unit_rows_and_empty_ones_too(
    color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "version", lambda package: "1.3.2")
    crop = scene()[20:90, 30:70]
    rows = Embedder(colours(), color=color).predict([crop, crop[:, :0]])
    np.testing.assert_allclose(rows[0], COLOUR[:: 1 if color == "bgr" else -1], atol=1e-6)
    assert np.linalg.norm(rows[1]) == pytest.approx(1)


def test_boxes_without_area_take_their_embeddings_with_them() -> None:
    calls: list[Any] = []

    def remember(rows: Any, embeds: Any, frame: Any) -> list[Any]:
        calls.append((rows, embeds))
        return []

    boxes = np.concatenate([[[5, 5, 5, 30]], BOX])
    found = Detections(boxes, [0.5, 0.75], [0, 0])  # type: ignore[arg-type]
    update_tracks(SimpleNamespace(update_tracks=remember), found, scene(), colours())
    ((rows, embeds),) = calls
    assert rows == [([30, 20, 40, 70], 0.75, 0)]
    np.testing.assert_allclose(embeds[0], COLOUR, atol=1e-6)
    with pytest.raises(InputError, match="expected DeepSort of deep-sort-realtime"):
        update_tracks(object(), found, scene(), colours())


def ids(tracks: list[Any]) -> list[tuple[str, bool, int]]:
    return [(t.track_id, t.is_confirmed(), t.time_since_update) for t in tracks]


@pytest.mark.slow
@pytest.mark.shared
def test_ids_are_those_with_embeddings_by_hand() -> None:
    make = host("deep_sort_realtime.deepsort_tracker").DeepSort
    plugged, by_hand = make(embedder=None, nn_budget=100), make(embedder=None, nn_budget=100)
    for image, found, embeddings in tud_campus():
        got = update_tracks(plugged, found, image, encoder())
        rows = [(box, 1.0, 0) for box in xyxy_to_tlwh(found.boxes).tolist()]
        expected = by_hand.update_tracks(rows, embeds=list(embeddings))
        assert ids(got) == ids(expected)
    assert sum(confirmed for _, confirmed, _ in ids(got)) >= 3


@pytest.mark.slow
@pytest.mark.shared
def test_the_embedder_gets_the_crops_of_the_host() -> None:
    make = host("deep_sort_realtime.deepsort_tracker").DeepSort
    plugged, by_hand = make(embedder=None), make(embedder=None)
    plugged.embedder = Embedder(encoder())
    for image, found, _ in tud_campus():
        rows = [(box, 1.0, 0) for box in xyxy_to_tlwh(found.boxes).tolist()]
        crops = []
        for left, top, wide, tall in [map(int, row[0]) for row in rows]:
            crops.append(image[max(top, 0) : top + tall, max(left, 0) : left + wide])
        given = encoder().encode_crops(crops)
        rows.append(([-500.0, -500.0, 20.0, 50.0], 1.0, 0))  # an empty crop
        black = encoder().encode(np.zeros((2, 2, 3), np.uint8), np.array([[0, 0, 2, 2]]))
        got = plugged.update_tracks(rows, frame=image)
        expected = by_hand.update_tracks(rows, embeds=[*given, black[0]])
        assert ids(got) == ids(expected)
