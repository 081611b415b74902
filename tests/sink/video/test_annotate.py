"""Drawing: what is drawn where, in which colours, at what size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reid_tracker.sink.video.annotate import Annotator, _one_each
from reid_tracker.sink.video.palette import (
    identity_colours,
)
from reid_tracker.types import FrameResult, ImageBGR, Tracks
from tests.sink.results import make_result, make_tracks, with_identities


def scene(
    index: int = 0,
    size: tuple[int, int] = (320, 240),
    ids: tuple[int, ...] = (1,),
    boxes: list[list[float]] | None = None,
) -> FrameResult:
    tracks = make_tracks(ids, boxes or [[100.0 + 20 * k, 80, 160 + 20 * k, 200] for k in ids])
    width, height = size
    return make_result(index, tracks, np.full((height, width, 3), 128, np.uint8), index / 10)


def changed(image: ImageBGR) -> np.ndarray:
    mask: np.ndarray = (image != 128).any(axis=2)
    return mask


def test_input_is_not_modified() -> None:
    result = scene()
    image = Annotator().draw(result)
    assert (result.frame.image == 128).all()
    assert changed(image).any()


def test_read_only_frames_are_fine() -> None:
    result = scene()
    result.frame.image.flags.writeable = False
    assert changed(Annotator().draw(result)).any()


def test_frame_without_tracks_is_copied() -> None:
    result = make_result(0, Tracks.empty())
    image = Annotator().draw(result)
    assert (image == result.frame.image).all()
    assert image is not result.frame.image


def test_box_has_the_colour_of_its_id() -> None:
    red, green, blue = identity_colours()[1]
    image = Annotator().draw(scene())
    assert image[140, 120].tolist() == [blue, green, red]


def test_label_stands_above_the_box() -> None:
    inside_label = changed(Annotator().draw(scene()))[69:78, 122:128]
    assert inside_label.all()


def test_predicted_box_is_drawn_differently() -> None:
    boxes = [[20.0, 80, 80, 200], [200.0, 80, 260, 200]]
    drawn = changed(Annotator(trail_s=0).draw(scene(ids=(1, 2), boxes=boxes)))
    assert drawn[140, 18:24].any()  # observed: the side is drawn all along
    assert not drawn[140, 190:270].any()  # predicted: corners only
    assert drawn[196:202, 198:208].any()


def test_same_id_same_colour_everywhere() -> None:
    first = Annotator(trail_s=0).draw(scene(0))
    later = Annotator(trail_s=5)
    for index in range(3):
        later.draw(scene(index, ids=(7, 8)))
    again = later.draw(scene(9))
    assert (first == again)[:200].all()  # without the legend


@pytest.mark.parametrize("size", [(320, 240), (1920, 1080), (3840, 2160)])
def test_label_height_suits_the_frame(size: tuple[int, int]) -> None:
    width, height = size
    box = [width * 0.4, height * 0.5, width * 0.5, height * 0.8]
    drawn = changed(Annotator(trail_s=0).draw(scene(size=size, boxes=[box])))
    label_rows = drawn[: int(box[1]) - 4].any(axis=1).sum()
    assert 10 <= label_rows <= height / 12


def test_labels_stay_in_the_frame() -> None:
    corners = [[-20.0, -30, 30, 60], [300.0, -30, 350, 60], [300.0, 200, 340, 260]]
    for box in corners:
        drawn = changed(Annotator(trail_s=0).draw(scene(ids=(123456,), boxes=[box])))
        rows, columns = np.nonzero(drawn)
        assert np.ptp(columns) > 40  # the whole number is there
        assert np.ptp(rows) > 10


@pytest.mark.parametrize("box", [[5.0, 5, 5, 5], [-1e9, -1e9, 1e9, 1e9], [1e6, 1e6, 2e6, 2e6]])
def test_degenerate_boxes_do_no_harm(box: list[float]) -> None:
    annotator = Annotator()
    for index in range(3):
        annotator.draw(scene(index, boxes=[box]))


def test_labels_can_hold_class_and_score() -> None:
    plain = changed(Annotator(trail_s=0).draw(scene())).sum()
    named = replace(scene(), class_names={0: "person"})
    full = Annotator(trail_s=0, labels=("id", "class", "confidence")).draw(named)
    assert changed(full).sum() > 1.3 * plain
    row = Annotator(labels=("class", "id"))._labels(named.tracks, np.array([4]), named.class_names)
    assert row == ["person 4"]
    assert Annotator(labels=())._labels(named.tracks, np.array([4]), {}) == [""]


def test_lines_are_as_thick_as_asked_for() -> None:
    thin = changed(Annotator(line_thickness=1).draw(scene()))[140, 110:130].sum()
    thick = changed(Annotator(line_thickness=7).draw(scene()))[140, 110:130].sum()
    assert thin == 1
    assert thick >= 7


def test_a_legend_says_what_thin_corners_are_once_they_were_there() -> None:
    def corner(image: ImageBGR) -> bool:
        return bool(changed(image)[460:, :150].any())

    annotator = Annotator()
    size = (640, 480)
    assert not corner(annotator.draw(scene(0, size)))
    assert corner(annotator.draw(scene(1, size, (1, 2))))  # the second is predicted
    assert corner(annotator.draw(scene(2, size)))


def test_trail_is_drawn_behind_a_track() -> None:
    annotator = Annotator(trail_s=2)
    for index in range(10):
        left = 20.0 + 20 * index
        image = annotator.draw(scene(index, boxes=[[left, 80, left + 40, 200]]))
    assert changed(image)[198:203, 60:180].any(axis=0).all()
    assert not changed(Annotator(trail_s=0).draw(scene(9)))[198:203, 60:110].any()


@pytest.mark.parametrize("identity", [4, 0])
def test_colours_follow_the_identity_not_the_track(identity: int) -> None:
    box = [[100.0, 80, 160, 200]]
    image = np.full((240, 320, 3), 60, np.uint8)
    result = make_result(0, make_tracks((9,), box), image)
    drawn = Annotator().draw(with_identities(result, identity))
    rgb = identity_colours()[identity].tolist() if identity else [128, 128, 128]
    assert drawn[140, 100].tolist() == rgb[::-1]


def test_two_people_are_never_labelled_alike() -> None:
    tracks = make_tracks()
    result = with_identities(make_result(tracks=tracks), *[7] * len(tracks))
    ids = _one_each(result.identities.ids, tracks)  # type: ignore[union-attr]
    assert sorted(ids.tolist()) == [0, 0, 7]
    labels = Annotator()._labels(tracks, ids, {})
    assert len(set(labels)) == len(tracks)
