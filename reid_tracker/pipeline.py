"""The flow: frames to detections to embeddings to tracks, for one camera or several side by side.

This is the only file that knows every stage. The stages know each other by `types` alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from reid_tracker import zoo
from reid_tracker.config import Config, EncoderConfig
from reid_tracker.detect import Detector, build_detector
from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.errors import ConfigError
from reid_tracker.track import Tracker, build_tracker
from reid_tracker.types import Frame, FrameResult
from reid_tracker.video import Source

logger = logging.getLogger(__name__)

MOTION_ONLY = "none"
"""The encoder name that asks for tracking without appearance."""


class StageTimes:
    """Seconds spent in each stage since the start of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time that the `with` block takes to `stage`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


class Pipeline:
    """Tracks people in the frames of one or more sources.

    Attributes:
        times: time spent per stage: "read", "detect", "encode", "track".
    """

    def __init__(
        self,
        detector: Detector,
        encoder: Encoder | None,
        new_tracker: Callable[[], Tracker] = build_tracker,
        frames_per_batch: int = 1,
    ) -> None:
        """Join the stages.

        Args:
            detector: finds people.
            encoder: describes their looks; None tracks by motion alone.
            new_tracker: makes a tracker; called once a source, since ids belong to a camera.
            frames_per_batch: frames of each source that are detected and encoded together.
        """
        self.times = StageTimes()
        self._detector = detector
        self._encoder = encoder
        self._new_tracker = new_tracker
        self._frames_per_batch = frames_per_batch

    @classmethod
    def from_config(cls, config: Config) -> Pipeline:
        """Build every stage that a configuration names.

        Where the encoder is "auto" and none is on this machine, the pipeline warns and tracks by
        motion alone.

        Raises:
            ReidTrackerError: a model is missing, damaged or needs a package that is not installed.
        """
        return cls(
            build_detector(config.detector),
            _encoder_or_none(config.encoder),
            lambda: build_tracker(config.tracker),
            config.video.frames_per_batch,
        )

    def run(self, sources: Sequence[Source]) -> Iterator[FrameResult]:
        """Track until every source has ended; frames of different sources come interleaved.

        The sources are not closed here. A source that ends early does not stop the others.

        Args:
            sources: open sources; their names must differ.

        Yields:
            One result a frame, in the order of each source.

        Raises:
            ConfigError: two sources share a name.
            SourceError: a source breaks.
        """
        trackers = {source.name: self._new_tracker() for source in sources}
        if len(trackers) < len(sources):
            raise ConfigError(f"sources share a name: {[source.name for source in sources]}")
        readers = {source.name: iter(source) for source in sources}
        while readers:
            batch = self._read(readers)
            if batch:
                yield from self._process(batch, trackers)

    def _read(self, readers: dict[str, Iterator[Frame]]) -> list[tuple[str, Frame]]:
        """Take the next frames of every source; sources that have ended leave `readers`."""
        batch: list[tuple[str, Frame]] = []
        with self.times.measure("read"):
            for camera, reader in list(readers.items()):
                frames = list(islice(reader, self._frames_per_batch))
                batch.extend((camera, frame) for frame in frames)
                if not frames:
                    del readers[camera]
        return batch

    def _process(
        self, batch: list[tuple[str, Frame]], trackers: dict[str, Tracker]
    ) -> Iterator[FrameResult]:
        images = [frame.image for _, frame in batch]
        with self.times.measure("detect"):
            detections = self._detector.detect_batch(images, [frame.index for _, frame in batch])
        if self._encoder is None:
            embeddings = None
        else:
            with self.times.measure("encode"):
                embeddings = self._encoder.encode_batch(
                    images, [found.boxes for found in detections]
                )
        for row, (camera, frame) in enumerate(batch):
            with self.times.measure("track"):
                tracks = trackers[camera].update(
                    detections[row],
                    embeddings=None if embeddings is None else embeddings[row],
                    timestamp_s=frame.timestamp_s,
                    frame=frame.image,
                )
            yield FrameResult(camera, frame, detections[row], tracks)


def _encoder_or_none(config: EncoderConfig) -> Encoder | None:
    """Build the encoder; None where motion alone is asked for, or all that this machine can do."""
    if config.model == MOTION_ONLY:
        return None
    if config.model == "auto" and zoo.best("encoder") is None:
        logger.warning(
            "no encoder is on this machine: tracking by motion alone; get one with `reid-track "
            "weights pull osnet_x1_0_msmt17`, or choose with --encoder"
        )
        return None
    return build_encoder(config)
