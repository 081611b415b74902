"""The sheet about tracks: bars as long as stretches, markers at their frames, colours of ids."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.evaluate.mot import Following, MotScores, ScoredFrames, Stretch, Switch, follow
from reid_tracker.explain.sheet import rgb
from reid_tracker.explain.switch_strips import CELL, SwitchStrip
from reid_tracker.explain.track_sheet import colours_of_ids, track_sheet

CURVE = tuple(np.linspace(0.9, 0.1, 19).tolist())
SCORES = MotScores(
    hota=0.5, det_a=0.5, ass_a=0.5, loc_a=0.5, det_re=0.5, det_pr=0.5, ass_re=0.5, ass_pr=0.5,
    mota=0.5, motp=0.5, idf1=0.5, idp=0.5, idr=0.5, switches=2, fragments=3, mostly_tracked=1,
    partly_tracked=1, mostly_lost=1, false_positives=5, missed=6, true_boxes=100, found_boxes=99,
    found_ids=4, hota_by_iou=CURVE, det_a_by_iou=CURVE, ass_a_by_iou=CURVE,
)  # fmt: skip
PERSON = Following(
    3,
    [Stretch(1, 10, None), Stretch(11, 50, 5), Stretch(51, 60, None), Stretch(61, 100, 9)],
    [Switch(3, 50, 61, 5, 9)],
    [61],
)


def test_the_timeline_has_a_bar_per_stretch_and_a_mark_per_event() -> None:
    pytest.importorskip("matplotlib")
    sheet = track_sheet("door", SCORES, [PERSON], combined=SCORES)
    curves, timeline = sheet._figure.axes
    assert len(curves.lines) == 6  # three of the sequence, three of all
    assert np.allclose(curves.lines[3].get_ydata(), CURVE)
    bars = [(bar.get_x(), bar.get_width()) for bar in timeline.patches]
    assert bars == [(0.5, 10), (10.5, 40), (50.5, 10), (60.5, 40)]
    switch, fragment = timeline.lines[:2]
    assert (switch.get_xdata().tolist(), fragment.get_xdata().tolist()) == ([60.5], [60.5])
    assert [text.get_text() for text in timeline.texts] == ["5", "9"]
    assert [label.get_text() for label in timeline.get_yticklabels()] == ["3"]


def test_ids_that_follow_each_other_have_different_colours() -> None:
    rng = np.random.default_rng(0)
    people = [
        Following(n, [Stretch(k, k, int(one)) for k, one in enumerate(rng.integers(0, 30, 4))])
        for n in range(12)
    ]
    colours = colours_of_ids(people)
    for person in people:
        for one, other in zip(person.stretches, person.stretches[1:], strict=False):
            if one.followed_by != other.followed_by:
                assert colours[one.followed_by or 0] != colours[other.followed_by or 0]
    assert colours == colours_of_ids(people)


@pytest.mark.slow
def test_twenty_people_stay_readable_and_hundreds_are_cut() -> None:
    pytest.importorskip("matplotlib")
    heights = []
    for count in (20, 300):
        people = [Following(n, [Stretch(n + 1, n + 50, n)]) for n in range(count)]
        sheet = track_sheet("crowd", SCORES, people)
        timeline = sheet._figure.axes[1]
        assert len(timeline.get_yticks()) == min(count, 60)
        heights.append(sheet.pixels().shape[0])
    assert heights[0] > 20 * 24
    assert heights[1] < 2500


@pytest.mark.slow
def test_strips_stand_below_and_missing_frames_are_named() -> None:
    pytest.importorskip("matplotlib")
    picture = np.zeros((*CELL, 3), np.uint8)
    picture[:] = rgb("#123456")[::-1]
    strip = SwitchStrip(PERSON.switches[0], (50, 55, 61), {50: picture, 61: picture})
    pixels = track_sheet("door", SCORES, [PERSON], strips=[strip]).pixels()
    assert (pixels == rgb("#123456")).all(axis=2).sum() == 2 * CELL[0] * CELL[1]
    again = track_sheet("door", SCORES, [PERSON], strips=[strip]).pixels()
    assert (again == pixels).all()
    assert (pixels == 235).all(axis=2).sum() >= CELL[0] * CELL[1]


def test_a_sequence_without_people_has_an_empty_timeline() -> None:
    pytest.importorskip("matplotlib")
    nobody = follow(ScoredFrames(np.array([], np.int64), [], [], []))
    assert len(track_sheet("empty", SCORES, nobody)._figure.axes) == 2
