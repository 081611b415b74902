"""A run of a camera host."""

from __future__ import annotations

import itertools
from pathlib import Path

from reid_tracker import Pipeline, open_source
from reid_tracker.config import EdgeConfig, MatchConfig, TransportConfig
from reid_tracker.edge import (
    Changes,
    EdgeRun,
    Hooks,
    MessageNumbers,
    Outbox,
    Reported,
)
from reid_tracker.transport import (
    MemoryBroker,
    Receiver,
    Sender,
    TrackletMessage,
    pattern_of,
)
from tests.conftest import write_video
from tests.edge.world import (
    ENCODER,
    START_S,
)
from tests.test_pipeline import ColourEncoder, WalkerDetector
from tests.waiting import PATIENCE_S


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
            pipeline,
            [a, b],
            Outbox(sender),
            MessageNumbers("e1"),
            shared,
            start_s=START_S,
            hooks=Hooks(changes=changes),
        )
        run.run()
        assert run.health().healthy
        run.finish("ended")
        readings = {(one.name, one.labels): one.value for one in run.readings()}
        assert readings["frames_total", ("c",)] == 40
        assert ("frames_total", ("b",)) not in readings
        assert sender.wait_sent(PATIENCE_S)
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
        # People who are visible when a camera starts are reported from its first frame.
        assert ended["a", track] == ended["c", track] == 40
        assert ended["b", track] == 20
