from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.plugins.supervision import from_supervision, to_supervision
from reid_tracker.types import Detections, Tracks
from tests.plugins.samples import BOX, scene

sv = pytest.importorskip("supervision")


def tracks() -> Tracks:
    boxes = np.array([[31, 21, 71, 91], [0, 0, 5, 9]], np.float32)
    columns: tuple[Any, ...] = ([3, 7], boxes, [0.5, 0.25], [0, 2], [1, 2], [True, False], [1, -1])
    return Tracks(*columns)


FOUND = Detections(np.array([[1, 1, 2, 2], BOX[0]]), [0.5, 0.75], [2, 0])  # type: ignore[arg-type]


def test_what_a_detector_leaves_out_is_filled_in() -> None:
    bare = from_supervision(sv.Detections(BOX))
    assert (bare.boxes.tolist(), bare.scores.tolist(), bare.classes.tolist()) == (
        BOX.tolist(),
        [1],
        [0],
    )
    full = sv.Detections(BOX, confidence=np.array([0.5]), class_id=np.array([4]))
    assert from_supervision(full).scores.tolist() == [0.5]
    assert from_supervision(full).classes.tolist() == [4]
    assert len(from_supervision(sv.Detections.empty())) == 0
    with pytest.raises(InputError, match=r"expected a supervision\.Detections"):
        from_supervision(BOX)  # type: ignore[arg-type]


def test_boxes_of_tracks_or_of_detections() -> None:
    smooth = to_supervision(tracks(), class_names={0: "person"})
    assert smooth.tracker_id is not None
    assert smooth.tracker_id.tolist() == [3, 7]
    assert smooth.xyxy.tolist() == [[31, 21, 71, 91], [0, 0, 5, 9]]
    assert list(smooth.data["class_name"]) == ["person", "2"]
    sharp = to_supervision(tracks(), boxes="detection", detections=FOUND)
    assert sharp.xyxy.tolist() == [BOX[0].tolist(), [0, 0, 5, 9]]
    assert len(to_supervision(Tracks.empty())) == 0
    for wrong in (None, FOUND[:1]):
        with pytest.raises(InputError, match="needs detections: those that the tracker got"):
            to_supervision(tracks(), boxes="detection", detections=wrong)
    with pytest.raises(InputError, match="expected track or detection"):
        to_supervision(tracks(), boxes="both")  # type: ignore[arg-type]


def test_annotators_draw_our_tracks() -> None:
    drawn = sv.BoxAnnotator().annotate(scene(), to_supervision(tracks()))
    drawn = sv.TraceAnnotator().annotate(drawn, to_supervision(tracks()))
    assert (drawn != scene()).any()
