"""The flow: frames to detections to embeddings to tracks, and across cameras to identities.

This is the only file that knows every stage. The stages know each other by `types` alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from reid_tracker import zoo
from reid_tracker.config import Config, EncoderConfig, Thresholds
from reid_tracker.detect import Detector, build_detector, detector_thresholds
from reid_tracker.encode import Encoder, build_encoder, encoder_thresholds
from reid_tracker.errors import ConfigError
from reid_tracker.match import CrossCameraMatcher, Matcher, looks_of, matching_from_config
from reid_tracker.track import Tracker, build_tracker
from reid_tracker.types import Embeddings, Frame, FrameResult, IdentityEvent
from reid_tracker.video import Source, SourceGroup

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
        times: time spent per stage: "read", "detect", "encode", "track", "match", and
            "wait", while live sources had no frame.
        last_events: identity events of the final revision, after the last frame.
    """

    def __init__(
        self,
        detector: Detector,
        encoder: Encoder | None,
        new_tracker: Callable[[], Tracker] = build_tracker,
        frames_per_batch: int = 1,
        new_matcher: Callable[[Sequence[str]], Matcher] | None = None,
        *,
        match_single: bool = False,
    ) -> None:
        """Join the stages.

        Args:
            detector: finds people.
            encoder: gives their embeddings; None tracks by motion alone.
            new_tracker: makes a tracker; called once a source, since ids belong to a camera.
            frames_per_batch: frames of each source that are detected and encoded together.
            new_matcher: makes a matcher for the cameras named; called once for a run of several
                sources. None leaves each camera its own ids.
            match_single: also match the tracks of a run of one source, because the matcher knows
                people from earlier runs or other places.
        """
        self.times = StageTimes()
        self._detector = detector
        self._class_names: Mapping[int, str] = getattr(detector, "class_names", {})
        self._encoder = encoder
        self._new_tracker = new_tracker
        self._frames_per_batch = frames_per_batch
        self._new_matcher = new_matcher
        self._match_single = match_single
        self._matcher: Matcher | None = None
        self._group: SourceGroup | None = None
        self._trackers: dict[str, Tracker] = {}
        self.last_events: tuple[IdentityEvent, ...] = ()

    @classmethod
    def from_config(
        cls,
        config: Config,
        new_tracker: Callable[[], Tracker] | None = None,
        remember: Callable[[CrossCameraMatcher], Matcher] | None = None,
    ) -> Pipeline:
        """Build every stage that a configuration names.

        If the encoder is "auto" and none is here, it warns and tracks by motion alone.

        Args:
            config: the configuration. No gallery is opened here, see `remember`.
            new_tracker: replaces its tracker.
            remember: adds a gallery to the matcher, also for a run of one source;
                `match.gallery.run.remembering` makes it from `config.gallery`.

        Raises:
            ConfigError: people are to be remembered, but there is no matching or no encoder.
            ReidTrackerError: a model is missing, damaged or needs a package that is not installed.
        """
        encoder = encoder_or_none(config.encoder)
        config = suited_to_models(config)
        base = matching_from_config(config.match) if config.match.enabled else None
        if remember is not None and (base is None or encoder is None):
            raise ConfigError(
                f"a gallery needs embeddings and matching: match.enabled = {config.match.enabled}, "
                f"encoder.model = {config.encoder.model}; expected true and an encoder"
            )
        new_matcher: Callable[[Sequence[str]], Matcher] | None = base
        if base is not None and remember is not None:
            new_matcher = lambda cameras: remember(base(cameras))  # noqa: E731
        return cls(
            build_detector(config.detector),
            encoder,
            new_tracker or (lambda: build_tracker(config.tracker)),
            config.video.frames_per_batch,
            None if encoder is None else new_matcher,
            match_single=remember is not None,
        )

    @property
    def embedding_size(self) -> int | None:
        """Numbers in an embedding; None without an encoder."""
        return None if self._encoder is None else self._encoder.embedding_size

    def matches(self, sources: Sequence[Source]) -> bool:
        """Whether a run of these sources gives people identities over all of them."""
        return self._new_matcher is not None and (self._match_single or len(sources) > 1)

    def is_over(self, camera: str) -> bool:
        """Whether the present run expects no results of this camera, at least at present."""
        return self._group is None or not self._group.expects(camera)

    def add(self, source: Source) -> None:
        """Add an open source to the present run; call it only from `between` of `run`.

        Its tracks are numbered from 1, even if there was a source of its name before.

        Raises:
            ConfigError: there is a source of its name, or no run is going on.
        """
        if self._group is None:
            raise ConfigError(f"source '{source.name}' cannot be added: no run is going on")
        self._group.add(source)
        self._trackers[source.name] = self._new_tracker()

    def remove(self, name: str) -> None:
        """Remove a source from the present run; call it only from `between` of `run`."""
        if self._group is not None:
            self._group.remove(name)
        self._trackers.pop(name, None)

    def run(
        self, sources: Sequence[Source], between: Callable[[], None] | None = None
    ) -> Iterator[FrameResult]:
        """Track until every source has ended; frames of different sources come interleaved.

        The sources are not closed here. A source that ends early does not stop the others, and the
        run does not wait for a live source without a frame. Matching across cameras uses the
        sources' own times: files count as starting together.

        Args:
            sources: open sources; their names must differ.
            between: called between batches, and about twice a second while no source has a frame.

        Yields:
            One result a frame, in the order of each source.

        Raises:
            ConfigError: two sources share a name.
            SourceError: a source breaks.
        """
        matches = self.matches(sources)
        group = SourceGroup(sources, self._frames_per_batch, in_step=matches)
        trackers = {source.name: self._new_tracker() for source in sources}
        self._trackers = trackers
        self._matcher = None
        if self._new_matcher is not None and matches:
            self._matcher = self._new_matcher(list(trackers))
        self.last_events = ()
        self._group = group
        while not group.ended():
            if between is not None:
                between()
            with self.times.measure("read"):
                batch = group.take()
            if batch:
                yield from self._process(batch, trackers)
            elif not group.ended():
                with self.times.measure("wait"):
                    group.wait()
        if self._matcher is not None:
            self._matcher.finish()
            self.last_events = tuple(self._matcher.events())

    def _process(
        self, batch: list[tuple[str, Frame]], trackers: dict[str, Tracker]
    ) -> Iterator[FrameResult]:
        images = [frame.image for _, frame in batch]
        with self.times.measure("detect"):
            detections = self._detector.detect_batch(images, [frame.index for _, frame in batch])
        embeddings = None
        if self._encoder is not None:
            with self.times.measure("encode"):
                boxes = [found.boxes for found in detections]
                embeddings = self._encoder.encode_batch(images, boxes)
        for row, (camera, frame) in enumerate(batch):
            with self.times.measure("track"):
                tracks = trackers[camera].update(
                    detections[row],
                    embeddings=None if embeddings is None else embeddings[row],
                    timestamp_s=frame.timestamp_s,
                    frame=frame.image,
                )
            rows = None if embeddings is None else looks_of(tracks, embeddings[row])
            result = FrameResult(
                camera,
                frame,
                detections[row],
                tracks,
                embeddings=rows,
                class_names=self._class_names,
            )
            yield result if rows is None else self._matched(result, rows)

    def _matched(self, result: FrameResult, embeddings: Embeddings) -> FrameResult:
        """Add the identities over all cameras, if the run matches."""
        if self._matcher is None:
            return result
        with self.times.measure("match"):
            time_s = result.frame.timestamp_s
            identities = self._matcher.update(result.camera, result.tracks, embeddings, time_s)
        return replace(result, identities=identities, events=tuple(self._matcher.events()))


def suited_to_models(config: Config) -> Config:
    """Return a configuration with the models' own thresholds for those that nobody set.

    Raises:
        WeightsError: the encoder named is not on this machine, or a model cannot be read.
    """
    detector = detector_thresholds(config.detector)
    without = has_no_encoder(config.encoder)
    encoder = Thresholds() if without else encoder_thresholds(config.encoder)
    return config.suited_to(
        replace(
            encoder,
            min_confidence=detector.min_confidence,
            high_confidence=detector.high_confidence,
        )
    )


def has_no_encoder(config: EncoderConfig) -> bool:
    """Whether only motion is asked for, or this machine has no encoder for "auto"."""
    if config.model == MOTION_ONLY:
        return True
    return config.model == "auto" and zoo.best("encoder") is None


def encoder_or_none(config: EncoderConfig) -> Encoder | None:
    """Build the encoder; None to track by motion alone, with a warning if "auto" finds none."""
    if not has_no_encoder(config):
        return build_encoder(config)
    if config.model != MOTION_ONLY:
        logger.warning(
            "no encoder is on this machine: tracking by motion alone; get one with `reid-track "
            "weights pull osnet_x1_0_msmt17`, or choose with --encoder"
        )
    return None
