"""The flow: frames to detections to embeddings to tracks, and across cameras to identities.

This is the only file that knows every stage. The stages know each other by `types` alone.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from reid_tracker import zoo
from reid_tracker.config import Config, EncoderConfig, Thresholds
from reid_tracker.detect import Detector, build_detector, detector_thresholds
from reid_tracker.encode import Encoder, build_encoder, encoder_thresholds, resolve_model
from reid_tracker.errors import ConfigError
from reid_tracker.match import CrossCameraMatcher, Matcher, looks_of, matching_from_config
from reid_tracker.overlap import Overlap, StageTimes
from reid_tracker.track import Asked, AskingTracker, Tracker, build_tracker
from reid_tracker.types import (
    Detections,
    Embeddings,
    Frame,
    FrameResult,
    IdentityEvent,
    ImageBGR,
    Tracks,
)
from reid_tracker.video import Source, SourceGroup

if TYPE_CHECKING:
    from reid_tracker.device.path import DevicePath, Pending

logger = logging.getLogger(__name__)

MOTION_ONLY = "none"
"""The encoder name that asks for tracking without appearance."""

FRAMES_ON = ("auto", "host", "device")
"""The values of `video.frames_on`."""


@dataclass
class _Camera:
    """A source of a run, which its frames carry along, since another may get its name.

    Attributes:
        over: whether all results of a source that is not live were given.
    """

    source: Source
    tracker: Tracker
    over: bool = False


@dataclass
class _Batch:
    """Frames that go through the stages together, and what the stages found.

    Attributes:
        ended: cameras whose last frames were in earlier batches.
        all_boxes: whether every box is encoded, whatever the trackers ask for.
    """

    frames: list[tuple[_Camera, Frame]]
    ended: list[_Camera]
    all_boxes: bool
    detections: list[Detections] = field(default_factory=list)
    embeddings: list[Embeddings] | None = None
    results: list[FrameResult] = field(default_factory=list)

    @property
    def images(self) -> list[ImageBGR]:
        return [frame.image for _, frame in self.frames]

    def asking(self) -> list[AskingTracker]:
        """Return the tracker of each frame if all choose which boxes are encoded, else none."""
        if self.all_boxes:
            return []
        trackers = [camera.tracker for camera, _ in self.frames]
        asking = [one for one in trackers if isinstance(one, AskingTracker) and one.selective]
        return asking if len(asking) == len(trackers) else []

    def rounds(self) -> list[list[int]]:
        """Return the numbers of the frames in rounds: each has one of each camera, in order."""
        rounds: list[list[int]] = []
        taken: dict[int, int] = {}
        for row, (camera, _) in enumerate(self.frames):
            number = taken[id(camera)] = taken.get(id(camera), -1) + 1
            if number == len(rounds):
                rounds.append([])
            rounds[number].append(row)
        return rounds


_Batches = Generator[_Batch]
_Tracked = tuple[Tracks, Embeddings | None]


class Pipeline:
    """Tracks people in the frames of one or more sources.

    The stages work at the same time, each in a thread of its own: while a frame is tracked, the
    next one is encoded, and people are detected in the one after that. Trackers that choose which
    boxes are encoded have a stage together with the encoder. Matching runs in the thread
    that takes the results. The results and their order are those of one stage after the other.
    With a device path, detection and encoding are one stage, and its time is that of "detect".

    Attributes:
        times: time spent per stage: "read", "detect", "encode", "track", "match", and
            "wait", while live sources had no frame. Their sum is more than the run took.
        boxes: number of boxes that the detector found.
        encoded: number of those that were encoded.
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
        path: DevicePath | None = None,
        select_to_match: bool = True,
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
            path: detects and encodes on a device, with the networks of `detector` and `encoder`,
                which are then not called.
            select_to_match: whether trackers choose which boxes are encoded also in a run that
                matches. Most of these are of people close together, so the matcher knows less.
        """
        self.times = StageTimes()
        self.boxes = self.encoded = 0
        self._detector = detector
        self._class_names: Mapping[int, str] = getattr(detector, "class_names", {})
        self._encoder = encoder
        self._path = path
        self._new_tracker = new_tracker
        self._frames_per_batch = frames_per_batch
        self._new_matcher = new_matcher
        self._match_single = match_single
        self._select_to_match = select_to_match
        self._encode_all = False
        self._matcher: Matcher | None = None
        self._group: SourceGroup | None = None
        self._cameras: dict[str, _Camera] = {}
        self._changing = threading.Lock()  # guards the group and the cameras
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
        config = suited_to_models(config)
        encoder = encoder_or_none(config.encoder)
        base = matching_from_config(config.match) if config.match.enabled else None
        if remember is not None and (base is None or encoder is None):
            raise ConfigError(
                f"a gallery needs embeddings and matching: match.enabled = {config.match.enabled}, "
                f"encoder.model = {config.encoder.model}; expected true and an encoder"
            )
        new_matcher: Callable[[Sequence[str]], Matcher] | None = base
        if base is not None and remember is not None:
            new_matcher = lambda cameras: remember(base(cameras))  # noqa: E731
        detector = build_detector(config.detector)
        return cls(
            detector,
            encoder,
            new_tracker or (lambda: build_tracker(config.tracker)),
            config.video.frames_per_batch,
            None if encoder is None else new_matcher,
            match_single=remember is not None,
            path=device_path(config.video.frames_on, detector, encoder),
            select_to_match=config.tracker.encode != "auto",
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
        found = self._cameras.get(camera)
        if found is None or self._group is None:
            return True
        return not self._group.expects(camera) if found.source.live else found.over

    def add(self, source: Source) -> None:
        """Add an open source to the present run; call it only from `between` of `run`.

        Its tracks are numbered from 1, even if there was a source of its name before.

        Raises:
            ConfigError: there is a source of its name, or no run is going on.
        """
        if self._group is None:
            raise ConfigError(f"source '{source.name}' cannot be added: no run is going on")
        with self._changing:
            self._group.add(source)
            self._cameras[source.name] = _Camera(source, self._new_tracker())

    def remove(self, name: str) -> None:
        """Remove a source from the present run; call it only from `between` of `run`.

        Its frames that were read already give no results.
        """
        with self._changing:
            if self._group is not None:
                self._group.remove(name)
            self._cameras.pop(name, None)

    def run(
        self, sources: Sequence[Source], between: Callable[[], None] | None = None
    ) -> Generator[FrameResult]:
        """Track until every source has ended; frames of different sources come interleaved.

        The sources are not closed here; close what this returns before them if you stop early, as
        leaving a for-loop over it does. A source that ends early does not stop the others, and the
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
        self._cameras = {source.name: _Camera(source, self._new_tracker()) for source in sources}
        self._matcher = None
        if self._new_matcher is not None and matches:
            self._matcher = self._new_matcher(list(self._cameras))
        self._encode_all = self._matcher is not None and not self._select_to_match
        self.last_events = ()
        self._group = group
        while not group.ended():  # a source may be added after the others have ended
            with Overlap(self.times) as overlap:
                batches = self._batches(group, overlap)
                while True:
                    if between is not None:
                        between()
                    if (batch := next(batches, None)) is None:
                        break
                    for camera in batch.ended:
                        camera.over = True
                    yield from self._matched(batch)
        if self._matcher is not None:
            self._matcher.finish()
            self.last_events = tuple(self._matcher.events())

    def _batches(self, group: SourceGroup, overlap: Overlap) -> Iterator[_Batch]:
        """Return the batches after all stages but matching."""
        # A live frame must not grow old while it waits for the detector.
        live = any(camera.source.live for camera in self._cameras.values())
        read = overlap.ahead("read", self._read(group), depth=0 if live else 1)
        if self._path is not None:
            encoded = overlap.ahead("detect", self._perceive(read, self._path, wait=live))
        else:
            found = overlap.ahead("detect", self._detect(read))
            encoded = overlap.ahead("encode", self._encode(found))
        return overlap.ahead("track", self._track(encoded))

    def _read(self, group: SourceGroup) -> _Batches:
        """Read batches; an empty one about twice a second while no source has a frame."""
        while not group.ended():
            with self._changing, self.times.measure("read"):
                taken = [(self._cameras[name], frame) for name, frame in group.take()]
                cameras = self._cameras.items()
                ended = [camera for name, camera in cameras if not group.expects(name)]
            if not taken and not group.ended():
                with self.times.measure("wait"):
                    group.wait()
            yield _Batch(taken, ended, self._encode_all)

    def _detect(self, batches: Iterable[_Batch]) -> _Batches:
        for batch in batches:
            if batch.frames:
                with self.times.measure("detect"):
                    indices = [frame.index for _, frame in batch.frames]
                    batch.detections = self._detector.detect_batch(batch.images, indices)
            yield batch

    def _encode(self, batches: Iterable[_Batch]) -> _Batches:
        """Encode all boxes of a batch at once, unless the trackers choose."""
        for batch in batches:
            if batch.frames and self._encoder is not None and not batch.asking():
                with self.times.measure("encode"):
                    boxes = [found.boxes for found in batch.detections]
                    batch.embeddings = self._encoder.encode_batch(batch.images, boxes)
                self.encoded += sum(map(len, boxes))
            yield batch

    def _perceive(self, batches: Iterable[_Batch], path: DevicePath, *, wait: bool) -> _Batches:
        """Detect and encode on a device.

        Unless it is to `wait`, which live sources want, the device gets a batch before the one
        before it is taken, so that it always has work.
        """
        from reid_tracker.device.pictures import picture_of

        under_way: deque[tuple[_Batch, Pending | None]] = deque()
        try:
            for batch in batches:
                with self.times.measure("detect"):
                    pictures = [picture_of(frame) for _, frame in batch.frames]
                    under_way.append((batch, path.launch(pictures) if pictures else None))
                if wait or len(under_way) > 1:
                    yield self._perceived(path, *under_way.popleft())
            while under_way:
                yield self._perceived(path, *under_way.popleft())
        finally:
            path.forget()

    def _perceived(self, path: DevicePath, batch: _Batch, pending: Pending | None) -> _Batch:
        if pending is not None:
            with self.times.measure("detect"):
                seen = path.collect(pending)
            batch.detections = [found for found, _ in seen]
            if self._encoder is not None:
                batch.embeddings = [rows for _, rows in seen if rows is not None]
        return batch

    def _track(self, batches: Iterable[_Batch]) -> _Batches:
        for batch in batches:
            self.boxes += sum(map(len, batch.detections))
            asking = batch.asking()
            if self._encoder is not None and asking:
                tracked = self._encode_and_track(batch, asking, self._encoder)
            else:
                tracked = self._track_encoded(batch)
            for (camera, frame), detections, (tracks, embeddings) in zip(
                batch.frames, batch.detections, tracked, strict=True
            ):
                result = FrameResult(
                    camera.source.name,
                    frame,
                    detections,
                    tracks,
                    embeddings=embeddings,
                    class_names=self._class_names,
                )
                batch.results.append(result)
            yield batch

    def _track_encoded(self, batch: _Batch) -> list[_Tracked]:
        tracked: list[_Tracked] = []
        for row, (camera, frame) in enumerate(batch.frames):
            embeddings = None if batch.embeddings is None else batch.embeddings[row]
            with self.times.measure("track"):
                tracks = camera.tracker.update(
                    batch.detections[row],
                    embeddings=embeddings,
                    timestamp_s=frame.timestamp_s,
                    frame=frame.image,
                )
                looks = None if embeddings is None else looks_of(tracks, embeddings)
            tracked.append((tracks, looks))
        return tracked

    def _encode_and_track(
        self, batch: _Batch, trackers: Sequence[AskingTracker], encoder: Encoder
    ) -> list[_Tracked]:
        """Encode what the trackers ask for, one frame of each camera at a time, and track.

        What a tracker asks for depends on the frame before.
        """
        tracked: dict[int, _Tracked] = {}
        for rows in batch.rounds():
            asked: list[Asked] = []
            with self.times.measure("track"):
                for row in rows:
                    frame, found = batch.frames[row][1], batch.detections[row]
                    asked.append(trackers[row].ask(found, frame.timestamp_s, frame.image))
            boxes = [
                batch.detections[row].boxes[one.rows] for row, one in zip(rows, asked, strict=True)
            ]
            with self.times.measure("encode"):
                images = [batch.frames[row][1].image for row in rows]
                encoded = encoder.encode_batch(images, boxes)
            self.encoded += sum(map(len, boxes))
            with self.times.measure("track"):
                for row, one, embeddings in zip(rows, asked, encoded, strict=True):
                    tracks = one.finish(embeddings)
                    every = np.zeros((len(batch.detections[row]), encoder.embedding_size))
                    every[one.rows] = embeddings
                    tracked[row] = tracks, looks_of(tracks, every.astype(np.float32))
        return [tracked[row] for row in range(len(batch.frames))]

    def _matched(self, batch: _Batch) -> Iterator[FrameResult]:
        """Yield the results, with the identities over all cameras if the run matches."""
        for (camera, _), result in zip(batch.frames, batch.results, strict=True):
            if self._cameras.get(result.camera) is not camera:
                continue  # it was removed meanwhile
            if self._matcher is None or result.embeddings is None:
                yield result
                continue
            with self.times.measure("match"):
                time_s = result.frame.timestamp_s
                identities = self._matcher.update(
                    result.camera, result.tracks, result.embeddings, time_s
                )
                events = tuple(self._matcher.events())
            yield replace(result, identities=identities, events=events)


def device_path(frames_on: str, detector: Detector, encoder: Encoder | None) -> DevicePath | None:
    """Return what detects and encodes frames on the models' device; None to do so with arrays.

    Args:
        frames_on: see `VideoConfig`.
        detector: found on its own device.
        encoder: likewise.

    Raises:
        ConfigError: `frames_on` is unknown, or "device" with models that are not torch's or not on
            one device.
    """
    if frames_on not in FRAMES_ON:
        raise ConfigError(f"video.frames_on = {frames_on}: expected one of {', '.join(FRAMES_ON)}")
    device = getattr(detector, "device", "cpu")
    if frames_on == "host" or (frames_on == "auto" and not device.startswith("cuda")):
        return None
    from reid_tracker.detect.tensors import tensor_yolo
    from reid_tracker.device.path import DevicePath
    from reid_tracker.encode.tensors import tensor_osnet

    found = tensor_yolo(detector)
    embeds = None if encoder is None else tensor_osnet(encoder)
    if found is None or (encoder is not None and embeds is None):
        reason = (
            f"the {'detector is no YOLO' if found is None else 'encoder does not run'} in torch"
        )
    elif embeds is not None and embeds.device != found.device:
        reason = f"the detector is on {found.device}, the encoder on {embeds.device}"
    else:
        logger.info("frames are detected and encoded in the memory of %s", found.device)
        return DevicePath(found, embeds)
    if frames_on == "device":
        raise ConfigError(
            f"video.frames_on = device: {reason}; give both as torch models (.pt, .pth) on one "
            "device, or set it to auto"
        )
    logger.warning("frames go through the host's memory, which is slower: %s", reason)
    return None


def suited_to_models(config: Config) -> Config:
    """Return a configuration with the models' own thresholds for those that nobody set.

    Its encoder is the file that the name stands for, so that it is looked up once.

    Raises:
        WeightsError: the encoder named is not on this machine, or a model cannot be read.
    """
    detector = detector_thresholds(config.detector)
    encoder = Thresholds()
    if not has_no_encoder(config.encoder):
        resolved = resolve_model(config.encoder)
        encoder = encoder_thresholds(config.encoder, resolved)
        config = replace(config, encoder=resolved)
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
