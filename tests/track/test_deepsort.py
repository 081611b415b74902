"""The tracker against the plain one of the paper, and what must hold in every scene."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from reid_tracker.config import DeepSortConfig, Thresholds
from reid_tracker.errors import InputError
from reid_tracker.geometry import iou_matrix
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections, Tracks
from tests.examples import examples
from tests.oracles.deepsort_plain import PlainDeepSort, PlainOptions
from tests.track.scenes import Observation, SceneOptions, random_scene

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
# A scene does not become simpler with a smaller seed, so nothing is shrunk.
some = settings(max_examples=examples(40), deadline=None, derandomize=True, phases=[Phase.generate])
few = settings(some, max_examples=examples(12))
seeds = st.integers(0, 2**32 - 1)

scene_options = st.builds(
    SceneOptions,
    people=st.integers(1, 6),
    frames=st.integers(30, 60),
    width=st.sampled_from([100, 400]),
    miss_rate=st.sampled_from([0.0, 0.1, 0.3]),
    false_rate=st.sampled_from([0.0, 0.5, 1.5]),
    drop_rate=st.sampled_from([0.0, 0.0, 0.3]),
    with_appearance=st.booleans(),
    bare_rate=st.sampled_from([0.0, 0.2]),
    zero_rate=st.sampled_from([0.0, 0.1]),
)
configs = st.builds(
    DeepSortConfig,
    min_confidence=st.sampled_from([0.0, 0.3]),
    high_confidence=st.sampled_from([0.3, 0.65, 0.95]),
    max_cosine_distance=st.sampled_from([0.1, 0.3, 0.6, 1.0]),
    motion_weight=st.sampled_from([0.02, 0.1, 0.5, 1.0]),
    cascade=st.booleans(),
    max_iou_distance=st.sampled_from([0.5, 0.8]),
    gate_overlap=st.booleans(),
    gate_probability=st.sampled_from([0.8, 0.95, 0.999]),
    nn_budget=st.sampled_from([1, 4, 100]),
    n_init=st.integers(1, 4),
    confirm_first=st.booleans(),
    max_age_s=st.sampled_from([0.1, 0.5, 3.0]),
    steady_size=st.booleans(),
    recover_s=st.sampled_from([0.0, 0.3, 3.0]),
    exit_s=st.sampled_from([0.0, 0.2, 1.0]),
    duplicate_cover=st.sampled_from([0.5, 0.85, 1.0]),
    whole_below=st.sampled_from([0.0, 0.9, 1.0]),
    coast_s=st.sampled_from([0.0, 0.1, 0.3]),
    hidden_s=st.sampled_from([0.0, 0.2, 1.0]),
    matched_weight=st.sampled_from([0.0, 0.3, 1.0]),
    std_weight_position=st.sampled_from([1 / 20, 1 / 40]),
    std_weight_velocity=st.sampled_from([1 / 160, 1 / 60]),
    std_weight_measurement=st.sampled_from([1 / 10, 1 / 40]),
)


def play(tracker: DeepSort, scene: list[Observation]) -> list[Tracks]:
    return [tracker.update(o.detections, o.embeddings, o.timestamp_s) for o in scene]


def assert_equals_the_plain_tracker(scene: list[Observation], config: DeepSortConfig) -> None:
    tracker = DeepSort(config)
    options = config.suited_to(Thresholds())
    oracle = PlainDeepSort(PlainOptions(**dataclasses.asdict(options)))
    for frame in scene:
        actual = tracker.update(frame.detections, frame.embeddings, frame.timestamp_s)
        expected = oracle.update(frame.detections, frame.embeddings, frame.timestamp_s)
        where = f"frame {frame.number}"
        assert actual.ids.tolist() == [row.id for row in expected], where
        assert actual.detection_index.tolist() == [row.detection_index for row in expected], where
        assert actual.observed.tolist() == [row.observed for row in expected], where
        assert actual.classes.tolist() == [row.class_number for row in expected], where
        for column, values in (
            ("boxes", np.array([row.box for row in expected]).reshape(-1, 4)),
            ("scores", [row.score for row in expected]),
            ("ages_s", [row.age_s for row in expected]),
        ):
            np.testing.assert_allclose(getattr(actual, column), values, atol=1e-3, err_msg=where)


@pytest.mark.slow
@some
@given(seed=seeds, options=scene_options, config=configs)
def test_equals_the_plain_tracker(seed: int, options: SceneOptions, config: DeepSortConfig) -> None:
    scene = random_scene(np.random.default_rng(seed), options)
    assert_equals_the_plain_tracker(scene, config)


@pytest.mark.slow
@few
@given(seed=seeds, drop_rate=st.sampled_from([0.0, 0.4]))
def test_equals_the_plain_tracker_with_the_defaults(seed: int, drop_rate: float) -> None:
    options = SceneOptions(people=6, frames=60, width=200, miss_rate=0.2, drop_rate=drop_rate)
    scene = random_scene(np.random.default_rng(seed), options)
    assert_equals_the_plain_tracker(scene, DeepSortConfig())


@few
@given(seed=seeds, with_appearance=st.booleans())
def test_equals_the_plain_tracker_where_tracks_expire(seed: int, with_appearance: bool) -> None:
    options = SceneOptions(
        people=5, frames=60, miss_rate=0.4, drop_rate=0.3, with_appearance=with_appearance
    )
    scene = random_scene(np.random.default_rng(seed), options)
    assert_equals_the_plain_tracker(scene, DeepSortConfig(max_age_s=0.15, n_init=1, coast_s=0.05))


@few
@given(seed=seeds)
def test_outputs_keep_the_public_contract(seed: int) -> None:
    scene = random_scene(np.random.default_rng(seed), SceneOptions(people=5, false_rate=1.0))
    before: set[int] = set()
    kinds: dict[int, int] = {}
    for frame, tracks in zip(scene, play(DeepSort(), scene), strict=True):
        assert_contract(tracks, frame.detections)
        fresh = [track for track in tracks.ids.tolist() if track not in before]
        assert all(track > max(before, default=0) for track in fresh)
        before |= set(fresh)
        for track, kind in zip(tracks.ids.tolist(), tracks.classes.tolist(), strict=True):
            assert kinds.setdefault(track, kind) == kind


def assert_contract(tracks: Tracks, detections: Detections) -> None:
    count = len(tracks)
    for column, dtype, shape in (
        ("ids", np.int64, (count,)),
        ("boxes", np.float32, (count, 4)),
        ("scores", np.float32, (count,)),
        ("classes", np.int64, (count,)),
        ("ages_s", np.float64, (count,)),
        ("observed", np.bool_, (count,)),
        ("detection_index", np.int64, (count,)),
    ):
        array = getattr(tracks, column)
        assert array.dtype == dtype, column
        assert array.shape == shape, column
    assert (tracks.ids > 0).all()
    assert (np.diff(tracks.ids) > 0).all()
    assert (tracks.ages_s >= 0).all()
    np.testing.assert_array_equal(tracks.detection_index >= 0, tracks.observed)
    np.testing.assert_array_equal(tracks.detection_index[~tracks.observed], -1)
    taken = tracks.detection_index[tracks.observed]
    assert len(np.unique(taken)) == len(taken)
    np.testing.assert_array_equal(tracks.scores[tracks.observed], detections.scores[taken])
    overlaps = iou_matrix(tracks.boxes[tracks.observed], detections.boxes[taken])
    assert (np.diag(overlaps) > 0).all()


@pytest.mark.slow
@few
@given(seed=seeds, with_appearance=st.booleans())
def test_the_order_of_detections_does_not_matter(seed: int, with_appearance: bool) -> None:
    generator = np.random.default_rng(seed)
    scene = random_scene(generator, SceneOptions(people=5, with_appearance=with_appearance))
    ours, shuffled = DeepSort(), DeepSort()
    names: dict[int, int] = {}
    for frame in scene:
        order = generator.permutation(len(frame.detections))
        moved = None if frame.embeddings is None else frame.embeddings[order]
        one = ours.update(frame.detections, frame.embeddings, frame.timestamp_s)
        other = shuffled.update(frame.detections[order], moved, frame.timestamp_s)
        # Tracks born in one frame may swap names; each keeps its other name for good.
        assert len(one) == len(other)
        rows = np.array([_same_box(box, other) for box in one.boxes], np.int64)
        assert sorted(rows.tolist()) == list(range(len(one)))
        for name, row in zip(one.ids.tolist(), rows.tolist(), strict=True):
            assert names.setdefault(name, int(other.ids[row])) == int(other.ids[row])
        back = other.detection_index[rows]
        np.testing.assert_array_equal(
            one.detection_index, np.where(back >= 0, np.append(order, -1)[back], -1)
        )


def _same_box(box: np.ndarray[tuple[int, ...], np.dtype[np.float32]], tracks: Tracks) -> int:
    return int(np.abs(tracks.boxes - box).max(axis=1).argmin())


@pytest.mark.slow
@few
@given(seed=seeds)
def test_two_runs_are_bit_identical(seed: int) -> None:
    scene = random_scene(np.random.default_rng(seed), SceneOptions(people=6, drop_rate=0.2))
    tracker = DeepSort()
    first, second = play(tracker, scene), play(DeepSort(), scene)
    tracker.reset()
    again = play(tracker, scene)
    for one, other, third in zip(first, second, again, strict=True):
        for item in dataclasses.fields(Tracks):
            expected = getattr(one, item.name)
            np.testing.assert_array_equal(getattr(other, item.name), expected)
            np.testing.assert_array_equal(getattr(third, item.name), expected)


def test_the_arguments_are_left_alone_and_old_results_do_not_change() -> None:
    scene = random_scene(np.random.default_rng(3), SceneOptions(people=5, frames=20))
    tracker = DeepSort()
    kept: list[tuple[Tracks, list[bytes]]] = []
    for frame in scene:
        assert frame.embeddings is not None
        before = frame.detections.boxes.copy(), frame.embeddings.copy()
        tracks = tracker.update(frame.detections, frame.embeddings, frame.timestamp_s)
        np.testing.assert_array_equal(frame.detections.boxes, before[0])
        np.testing.assert_array_equal(frame.embeddings, before[1])
        kept.append((tracks, _columns(tracks)))
    for tracks, columns in kept:
        assert _columns(tracks) == columns


def _columns(tracks: Tracks) -> list[bytes]:
    return [getattr(tracks, item.name).tobytes() for item in dataclasses.fields(Tracks)]


@pytest.mark.slow
def test_memory_is_bounded_by_the_tracks_alive_at_once() -> None:
    generator = np.random.default_rng(1)
    tracker = DeepSort(DeepSortConfig(max_age_s=0.2, recover_s=1.0, nn_budget=5))
    most_alive = 0
    for _ in range(500):
        count = int(generator.integers(0, 12))
        corner = generator.uniform(0, 3000, (count, 2)).astype(np.float32)
        boxes = np.concatenate([corner, corner + np.array((60, 150), np.float32)], axis=1)
        tracker.update(
            Detections(boxes, np.full(count, 0.9), np.zeros(count)),  # type: ignore[arg-type]
            np.abs(generator.normal(size=(count, 8))).astype(np.float32),
        )
        alive = len(tracker._tracks) + len(tracker._recovery.lost)
        most_alive = max(most_alive, alive)
        assert int((~tracker._memory._free).sum()) == alive
    assert tracker._next_id > 20 * most_alive
    assert len(tracker._memory._free) <= 2 * most_alive + 16


def test_two_threads_in_one_tracker_are_one_clear_error() -> None:
    tracker, found = DeepSort(), Detections([[0, 0, 10, 30]], [0.9], [0])  # type: ignore[arg-type]
    tracker.update(found)
    with tracker._busy, pytest.raises(InputError, match="a tracker for each camera"):
        tracker.update(found)
    assert tracker.update(found).ids.tolist() == [1]
