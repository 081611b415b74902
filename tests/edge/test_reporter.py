"""When tracks become messages, and the content of the messages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.edge import MessageNumbers
from reid_tracker.edge.pictures import SmallPictures
from reid_tracker.match import CameraGround, GroundPlane
from reid_tracker.transport import (
    decode_message,
    encode_message,
)
from tests.edge.world import (
    EMBEDDINGS,
    ENCODER,
    START_S,
    reporter,
    sent,
)
from tests.examples import examples
from tests.transport.samples import PICTURE


def test_reported_when_good_enough_then_at_intervals_then_at_the_end() -> None:
    made = reporter()
    messages = sent(made, range(30), [1])
    messages += sent(made, range(30, 45), [])
    # New positions are sent at the next interval, not only when the tracklet ends.
    assert [one.state for one in messages] == ["new", "update", "update", "update", "end"]
    assert [one.frames for one in messages] == [3, 13, 23, 30, 30]
    assert [one.edge_seq for one in messages] == [0, 1, 2, 3, 4]
    assert len({(one.edge, one.boot, one.camera, one.track) for one in messages}) == 1
    last = messages[-1]
    assert last.start_s == START_S
    assert last.end_s == round(START_S + 2.9, 3)
    assert last.clock == "file"
    assert last.quality == pytest.approx(0.9)
    assert made.tracks == 0
    assert sent(made, range(45, 60), []) == []


def test_embeddings_and_positions() -> None:
    ground = GroundPlane((CameraGround("door", (0.01, 0, 0, 0, 0.01, 0, 0, 0, 1)),))
    (message,) = sent(reporter(ground=ground), range(3), [2])
    assert (message.prototypes.encoder, message.prototypes.dim) == (ENCODER, 8)
    assert message.prototypes.vectors.dtype == np.float16
    np.testing.assert_array_equal(message.prototypes.vectors, EMBEDDINGS[[2]])
    assert sum(message.prototypes.weights) == pytest.approx(2.7, abs=1e-3)
    newest = message.observations[-1]
    assert newest.time_s == message.end_s
    assert newest.box == (0.2, 0.1, 0.25, 0.6)
    assert newest.foot == (0.225, 0.6)
    assert newest.world == (0.45, 0.6)


def test_a_person_barely_seen_is_not_reported() -> None:
    made = reporter()
    assert sent(made, range(2), [1]) == []
    assert sent(made, range(2, 30), [1], score=0.1) == []
    assert sent(made, range(30, 60), []) == []
    assert made.tracks == 0


def test_predicted_boxes_do_not_count() -> None:
    made = reporter()
    sent(made, range(5), [1])
    messages = sent(made, range(5, 30), [1], observed=False)
    assert [(one.state, one.frames) for one in messages] == [("update", 5), ("end", 5)]
    assert messages[1].end_s == round(START_S + 0.4, 3)


def test_tracklets_end_if_no_frames_come() -> None:
    made = reporter()
    sent(made, range(5), [1, 2])
    assert made.no_frame_until(START_S + 1.4) == []
    assert [one.track for one in made.no_frame_until(START_S + 1.5)] == [1, 2]
    assert made.no_frame_until(START_S + 9) == []
    # The tracker may continue the track, but an ended number is not used again.
    assert [one.track for one in sent(made, range(100, 103), [1, 2])] == [3, 4]
    assert made.highest == 4


def test_all_tracklets_end_with_the_run() -> None:
    made = reporter()
    sent(made, range(5), [1])
    sent(made, range(5, 6), [1, 2])
    (last,) = made.finish()
    assert (last.track, last.state, last.frames) == (1, "end", 6)


def test_an_end_without_new_positions_repeats_the_last_one() -> None:
    made = reporter()
    (new,) = sent(made, range(3), [1])
    (end,) = made.finish()
    assert end.observations == new.observations[-1:]


def test_a_row_is_used_again_for_another_person() -> None:
    made = reporter()
    sent(made, range(3), [1])
    messages = sent(made, range(3, 20), [])
    messages += sent(made, range(20, 23), [2])
    assert [(one.track, one.state, one.frames) for one in messages] == [
        (1, "end", 3),
        (2, "new", 3),
    ]
    assert messages[1].start_s == START_S + 2
    np.testing.assert_array_equal(messages[1].prototypes.vectors, EMBEDDINGS[[2]])


def test_cameras_share_sequence_numbers_and_starts_do_not() -> None:
    numbers = MessageNumbers("e1")
    first, second = reporter(numbers), reporter(numbers)
    messages = sent(first, range(3), [1]) + sent(second, range(3), [1])
    assert [one.edge_seq for one in messages] == [0, 1]
    assert MessageNumbers("e1").boot != numbers.boot


def test_a_message_stays_small_after_a_long_interval() -> None:
    made = reporter(report_every_s=3600.0, observe_every_s=0.0)
    sent(made, range(500), [1])
    (end,) = made.finish()
    assert 32 <= len(end.observations) <= 64
    assert end.observations[-1].time_s == end.end_s
    assert len(encode_message(end)) < 10_000


@settings(max_examples=examples(40), deadline=None, derandomize=True)
@given(
    frames=st.lists(
        st.tuples(st.sets(st.integers(1, 7)), st.booleans(), st.sampled_from([0.1, 0.9])),
        max_size=60,
    ),
    min_hits=st.integers(1, 5),
    every_s=st.sampled_from([0.1, 0.5, 3.0]),
)
def test_every_tracklet_starts_once_and_ends_once(
    frames: list[tuple[set[int], bool, float]], min_hits: int, every_s: float
) -> None:
    # Longer than all walks, so that an ended id does not return.
    made = reporter(min_hits=min_hits, report_every_s=every_s)
    made._settings = made._settings._replace(gone_s=100.0)
    messages, seen, good = [], dict.fromkeys(range(8), 0), dict.fromkeys(range(8), 0)
    for step, (ids, observed, score) in enumerate(frames):
        messages += sent(made, range(step, step + 1), sorted(ids), observed=observed, score=score)
        for one in ids:
            seen[one] += observed
            good[one] += observed and score > 0.5
    messages += made.finish()
    assert [one.edge_seq for one in messages] == list(range(len(messages)))
    for one in range(1, 8):
        states = [item.state for item in messages if item.track == one]
        if good[one] < min_hits:
            assert states == []
            continue
        assert states == ["new", *["update"] * (len(states) - 2), "end"]
        last = [item for item in messages if item.track == one][-1]
        assert last.frames == seen[one]
    for item in messages:
        assert decode_message(encode_message(item)) == item


class StubPictures(SmallPictures):
    """Returns one picture, once."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []

    def take(self, camera: str, track: int) -> bytes | None:
        self.asked.append((camera, track))
        return PICTURE if len(self.asked) == 1 else None


def test_pictures_go_with_the_first_and_the_last_message() -> None:
    pictures = StubPictures()
    made = reporter(pictures=pictures)
    messages = sent(made, range(40), [3]) + made.finish()
    assert [one.state for one in messages] == ["new", "update", "update", "update", "end"]
    assert [one.picture for one in messages] == [PICTURE, None, None, None, None]
    assert pictures.asked == [("door", 3)] * 2
