"""What a camera host tells of tracks: when they are told of, with what, and how cameras are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker import Pipeline, open_source
from reid_tracker.config import EdgeConfig, MatchConfig, TransportConfig
from reid_tracker.edge import Changes, EdgeRun, MessageNumbers, Reported, TrackletReporter
from reid_tracker.edge.camera import EdgeCamera
from reid_tracker.edge.journal import Journal
from reid_tracker.match import CameraGround, GroundPlane
from reid_tracker.transport import (
    MemoryBroker,
    Receiver,
    Sender,
    TrackletMessage,
    decode_message,
    encode_message,
    pattern_of,
)
from reid_tracker.types import Detections, Frame, FrameResult, SourceState, SourceStatus, Tracks
from tests.conftest import write_video
from tests.test_pipeline import ColourEncoder, WalkerDetector
from tests.transport.samples import PICTURE

START_S = 1_764_000_000.0
STEP_S = 0.1
WIDTH, HEIGHT = 200, 100
ENCODER = "ab" * 32
LOOKS = np.eye(8, dtype=np.float32)


def reporter(
    numbers: MessageNumbers | None = None,
    *,
    ground: GroundPlane | None = None,
    min_hits: int = 3,
    picture_of: Callable[[str, int], bytes | None] = lambda camera, track: None,
    **edge: Any,
) -> TrackletReporter:
    settings = Reported(
        encoder=ENCODER,
        dim=8,
        gone_s=1.0,
        edge=EdgeConfig(**{"report_every_s": 1.0, "observe_every_s": 0.2, **edge}),
        match=MatchConfig(min_hits=min_hits),
        ground=ground or GroundPlane(),
        picture_of=picture_of,
    )
    return TrackletReporter("door", numbers or MessageNumbers("e1"), settings)


def frame_of(
    step: int, ids: list[int], *, observed: bool = True, score: float = 0.9
) -> tuple[FrameResult, float]:
    """A frame in which people stand 20 pixels apart; each has the look of their number."""
    count = len(ids)
    boxes = [[20 * one, 10.0, 20 * one + 10, 60.0] for one in ids]
    tracks = Tracks(
        ids=np.array(ids, np.int64),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.full(count, score, np.float32),
        classes=np.zeros(count, np.int64),
        ages_s=np.zeros(count),
        observed=np.full(count, observed),
        detection_index=np.arange(count) if observed else np.full(count, -1),
    )
    looks = LOOKS[ids] if observed else np.zeros((count, 8), np.float32)
    frame = Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), step, step * STEP_S)
    result = FrameResult("door", frame, Detections.empty(), tracks, embeddings=looks)
    return result, START_S + step * STEP_S


def told(
    made: TrackletReporter, steps: range, ids: list[int], **words: Any
) -> list[TrackletMessage]:
    found = []
    for step in steps:
        result, time_s = frame_of(step, ids, **words)
        found += made.update(result, time_s, "file")
    return found


def test_told_of_when_good_enough_then_now_and_then_then_at_the_end() -> None:
    made = reporter()
    messages = told(made, range(30), [1])
    messages += told(made, range(30, 45), [])
    # Also what was seen since the last message is told in time, not only when they are given up.
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
    assert told(made, range(45, 60), []) == []


def test_looks_and_places() -> None:
    ground = GroundPlane((CameraGround("door", (0.01, 0, 0, 0, 0.01, 0, 0, 0, 1)),))
    (message,) = told(reporter(ground=ground), range(3), [2])
    assert (message.prototypes.encoder, message.prototypes.dim) == (ENCODER, 8)
    assert message.prototypes.vectors.dtype == np.float16
    np.testing.assert_array_equal(message.prototypes.vectors, LOOKS[[2]])
    assert sum(message.prototypes.weights) == pytest.approx(2.7, abs=1e-3)
    newest = message.observations[-1]
    assert newest.time_s == message.end_s
    assert newest.box == (0.2, 0.1, 0.25, 0.6)
    assert newest.foot == (0.225, 0.6)
    assert newest.world == (0.45, 0.6)


def test_somebody_barely_seen_is_not_told_of() -> None:
    made = reporter()
    assert told(made, range(2), [1]) == []
    assert told(made, range(2, 30), [1], score=0.1) == []
    assert told(made, range(30, 60), []) == []
    assert made.tracks == 0


def test_predicted_boxes_are_no_sight() -> None:
    made = reporter()
    told(made, range(5), [1])
    messages = told(made, range(5, 30), [1], observed=False)
    assert [(one.state, one.frames) for one in messages] == [("update", 5), ("end", 5)]
    assert messages[1].end_s == round(START_S + 0.4, 3)


def test_frames_that_stop_coming_end_tracklets() -> None:
    made = reporter()
    told(made, range(5), [1, 2])
    assert made.no_frame_until(START_S + 1.4) == []
    assert [one.track for one in made.no_frame_until(START_S + 1.5)] == [1, 2]
    assert made.no_frame_until(START_S + 9) == []
    # The tracker may know them again; what has ended does not begin again by the same number.
    assert [one.track for one in told(made, range(100, 103), [1, 2])] == [3, 4]
    assert made.highest == 4


def test_the_end_of_the_run_ends_whoever_is_there() -> None:
    made = reporter()
    told(made, range(5), [1])
    told(made, range(5, 6), [1, 2])
    (last,) = made.finish()
    assert (last.track, last.state, last.frames) == (1, "end", 6)


def test_an_end_without_news_repeats_the_last_place() -> None:
    made = reporter()
    (new,) = told(made, range(3), [1])
    (end,) = made.finish()
    assert end.observations == new.observations[-1:]


def test_a_row_is_used_again_for_somebody_else() -> None:
    made = reporter()
    told(made, range(3), [1])
    messages = told(made, range(3, 20), [])
    messages += told(made, range(20, 23), [2])
    assert [(one.track, one.state, one.frames) for one in messages] == [
        (1, "end", 3),
        (2, "new", 3),
    ]
    assert messages[1].start_s == START_S + 2
    np.testing.assert_array_equal(messages[1].prototypes.vectors, LOOKS[[2]])


def test_cameras_share_the_count_and_starts_do_not() -> None:
    numbers = MessageNumbers("e1")
    first, second = reporter(numbers), reporter(numbers)
    messages = told(first, range(3), [1]) + told(second, range(3), [1])
    assert [one.edge_seq for one in messages] == [0, 1]
    assert MessageNumbers("e1").boot != numbers.boot


def test_a_message_stays_small_however_long_it_is_waited_for() -> None:
    made = reporter(report_every_s=3600.0, observe_every_s=0.0)
    told(made, range(500), [1])
    (end,) = made.finish()
    assert 32 <= len(end.observations) <= 64
    assert end.observations[-1].time_s == end.end_s
    assert len(encode_message(end)) < 10_000


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    frames=st.lists(
        st.tuples(st.sets(st.integers(1, 7)), st.booleans(), st.sampled_from([0.1, 0.9])),
        max_size=60,
    ),
    min_hits=st.integers(1, 5),
    every_s=st.sampled_from([0.1, 0.5, 3.0]),
)
def test_whatever_comes_every_tracklet_is_new_once_and_ends_once(
    frames: list[tuple[set[int], bool, float]], min_hits: int, every_s: float
) -> None:
    # Longer than any of the walks: an id that was given up does not come again.
    made = reporter(min_hits=min_hits, report_every_s=every_s)
    made._settings = made._settings._replace(gone_s=100.0)
    messages, seen, good = [], dict.fromkeys(range(8), 0), dict.fromkeys(range(8), 0)
    for step, (ids, observed, score) in enumerate(frames):
        messages += told(made, range(step, step + 1), sorted(ids), observed=observed, score=score)
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


def test_pictures_go_with_the_first_and_the_last_message() -> None:
    asked = []

    def picture_of(camera: str, track: int) -> bytes | None:
        asked.append((camera, track))
        return PICTURE if len(asked) == 1 else None

    made = reporter(picture_of=picture_of)
    messages = told(made, range(40), [3]) + made.finish()
    assert [one.state for one in messages] == ["new", "update", "update", "update", "end"]
    assert [one.picture for one in messages] == [PICTURE, None, None, None, None]
    assert asked == [("door", 3)] * 2


def test_journal_keeps_the_newest_and_steps_before_it() -> None:
    journal = Journal(0.25)
    journal.grow(3)
    rows = np.array([0, 2])
    for step in range(11):
        journal.add(rows, step / 10, np.full((2, 4), step), np.full((2, 2), math.nan))
    taken = journal.take(0, 1.0)
    np.testing.assert_allclose(taken[:, 0], [0.0, 0.3, 0.6, 0.9, 1.0])
    assert journal.frames.tolist() == [11, 0, 11]
    journal.add(rows[:1], 1.1, np.zeros((1, 4)), np.zeros((1, 2)))
    np.testing.assert_allclose(journal.take(0, 1.1)[:, 0], [1.1])


class StubCamera:
    """A live source that is as it is told to be."""

    name, live, label, began_s, closed, info = "door", True, "rtsp://door", None, False, None

    def __init__(self) -> None:
        self.now = SourceStatus("door", SourceState.CONNECTING, 0.0)

    def status(self) -> SourceStatus:
        return self.now

    def _nothing(self, *_: object) -> None:
        return None

    poll = ring = waiting_since = announce = close = __iter__ = __enter__ = __exit__ = _nothing


def test_a_camera_tells_changes_at_once_and_else_now_and_then() -> None:
    stub, numbers = StubCamera(), MessageNumbers("e1")
    camera = EdgeCamera(stub, 0.0)  # type: ignore[arg-type]
    first = camera.news(numbers, 10.0)
    assert first is not None
    assert (first.state, first.reason, first.frames) == ("connecting", "", 0)
    assert camera.news(numbers, 10.0) is None
    stub.now = SourceStatus("door", SourceState.LIVE, 1.0, frames=7, dropped=2, clock="rtcp")
    second = camera.news(numbers, 10.0)
    assert second is not None
    assert (second.state, second.reason, second.frames, second.dropped) == ("live", "", 7, 2)
    assert (second.clock, second.edge_seq) == ("rtcp", 1)
    assert camera.news(numbers, 0.0) is not None
    stub.now = SourceStatus("door", SourceState.STALLED, 1.0, frames=7)
    third = camera.news(numbers, 10.0)
    assert third is not None
    assert (third.state, third.reason) == ("stalled", "")
    stub.now = SourceStatus("door", SourceState.GONE, 1.0, reason="no route")
    camera.end("stopped")
    last = camera.news(numbers, 10.0)
    assert last is not None
    assert (last.state, last.reason) == ("gone", "stopped")


def test_times_are_the_cameras_own_or_count_from_the_start() -> None:
    stub = StubCamera()
    camera = EdgeCamera(stub, START_S)  # type: ignore[arg-type]
    image = np.zeros((2, 2, 3), np.uint8)
    assert camera.take(Frame(image, 0, 3.0)) == START_S + 3
    assert camera.take(Frame(image, 1, 3.0, captured_s=START_S + 50)) == START_S + 50
    assert camera.take(Frame(image, 2, 1.0)) == pytest.approx(START_S + 50.001, abs=1e-6)
    assert camera.silent_now() is None
    stub.now = SourceStatus("door", SourceState.STALLED, 2.0, frames=2, frame_age_s=5.0)
    assert camera.silent_now() == pytest.approx(START_S + 55.001, abs=1e-6)


def test_cameras_come_and_go_and_the_others_keep_their_tracks(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{name}.mp4") for name in "abc"]
    a, b, c = (open_source(str(path)) for path in paths)
    rounds = itertools.count()

    def changes() -> Changes | None:
        return Changes([c], ["b"]) if next(rounds) == 20 else None

    broker = MemoryBroker(TransportConfig())
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"))
    shared = Reported(ENCODER, 3, 1.0, EdgeConfig(), MatchConfig(min_hits=3))
    pipeline = Pipeline(WalkerDetector(), ColourEncoder())  # type: ignore[arg-type]
    with Sender("", lambda: broker) as sender, a, b, c:
        run = EdgeRun(
            *(pipeline, [a, b], sender, MessageNumbers("e1"), shared),
            start_s=START_S,
            changes=changes,
        )
        run.run()
        assert run.health().healthy
        run.finish("ended")
        readings = {(one.name, one.labels): one.value for one in run.readings()}
        assert readings["frames_total", ("c",)] == 40
        assert ("frames_total", ("b",)) not in readings
        assert sender.wait_sent(30)
        messages = []
        while (got := receiver.receive(0)) is not None:
            messages.append(got.message)
            got.ack()
    ended = {
        (one.camera, one.track): one.frames
        for one in messages
        if isinstance(one, TrackletMessage) and one.state == "end"
    }
    assert {camera for camera, _ in ended} == {"a", "b", "c"}
    for track in (1, 2):
        # The tracker reports from the third frame on.
        assert ended["a", track] == ended["c", track] > 30
        assert ended["b", track] == 18
