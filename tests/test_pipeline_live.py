"""The flow with network cameras: ids and identities outlive a camera's absence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reid_tracker import DeepSortConfig, Pipeline, build_tracker
from reid_tracker.config import MatchConfig, StreamConfig
from reid_tracker.match import build_matcher
from reid_tracker.types import FrameResult, SourceState
from reid_tracker.video import LiveSource, open_sources
from tests.test_pipeline import ColourEncoder, WalkerDetector
from tests.video.rtsp import Camera, need_server, write_scene

QUICK = StreamConfig(reconnect_after_s=0.1, reconnect_most_s=0.3, hardware="none")


@pytest.mark.slow
def test_ids_and_identities_go_on_after_a_reconnect(tmp_path: Path) -> None:
    need_server()
    clip = write_scene(tmp_path / "clip.mp4")
    tracking = DeepSortConfig(max_age_s=20, max_cosine_distance=0.3)
    matching = MatchConfig(min_hits=3, patience_s=0.5, loose=0.1, tight=0.1)
    pipeline = Pipeline(
        WalkerDetector(),
        ColourEncoder(),  # type: ignore[arg-type]
        lambda: build_tracker(tracking),
        new_matcher=lambda cameras: build_matcher(cameras, matching),
    )
    with Camera({"a": clip}) as first, Camera({"b": clip}) as second:
        sources = open_sources([first.url("a"), second.url("b")], stream=QUICK)
        a, b = (source.name for source in sources)
        away = sources[0]
        assert isinstance(away, LiveSource)
        seen: dict[str, list[FrameResult]] = {a: [], b: []}
        killed = returned = 0.0
        end = time.monotonic() + 60
        for result in pipeline.run(sources):
            seen[result.camera].append(result)
            now = time.monotonic()
            assert now < end, [source.status() for source in sources]  # type: ignore[attr-defined]
            if not killed and min(map(len, seen.values())) >= 20:
                killed = now
                first.kill()
            elif killed and not returned and now - killed > 2:
                assert away.status().state is SourceState.GONE
                before = {camera: len(results) for camera, results in seen.items()}
                first.start()
                returned = now
            elif returned and len(seen[a]) >= before[a] + 20:
                break
        for source in sources:
            source.close()
    assert before[b] > before[a] + 10  # the other went on meanwhile
    for camera in (a, b):
        ids = {i for result in seen[camera][10:] for i in result.tracks.ids.tolist()}
        assert ids == {1}, camera
    people = {
        i
        for results in seen.values()
        for result in results
        if result.identities is not None
        for i in result.identities.ids.tolist()
        if i
    }
    assert people == {1}
    assert away.status().reconnects == 1
    assert "wait" in pipeline.times.seconds


@pytest.mark.slow
def test_a_run_ends_when_its_cameras_are_closed(tmp_path: Path) -> None:
    need_server()
    with Camera({"a": write_scene(tmp_path / "clip.mp4")}) as camera:
        (source,) = open_sources([camera.url("a")], stream=QUICK)
        results = []
        for result in Pipeline(WalkerDetector(), None).run([source]):
            results.append(result)
            if len(results) == 5:
                source.close()
    assert 5 <= len(results) <= 6
    assert results[0].frame.timestamp_s == 0
    assert results[-1].frame.timestamp_s == pytest.approx(
        results[-1].frame.captured_s - results[0].frame.captured_s  # type: ignore[operator]
    )
