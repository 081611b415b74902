"""A cache on disk of what models find in recorded videos, so that each video is processed once.

One file per video holds detections, embeddings and camera motion, which is all that the tracker
needs. Its name is a hash of the content of the video and the models, and of the settings. Files are
written atomically: an interrupted run leaves no partial file, and runs may share the cache.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl

import numpy as np

from reid_tracker import __version__
from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.config import Config, DeepSortConfig
from reid_tracker.detect import Detector, build_detector
from reid_tracker.detect.build import resolve_model as resolve_detector
from reid_tracker.detect.thresholds import with_own_settings
from reid_tracker.encode import Encoder
from reid_tracker.encode.build import resolve_model as resolve_encoder
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.pipeline import encoder_or_none, has_no_encoder
from reid_tracker.resources import user_cache
from reid_tracker.track.camera_motion import CameraMotion, RecordedMotion
from reid_tracker.track.deepsort import DeepSort
from reid_tracker.types import Detections, Embeddings, Frame
from reid_tracker.video import open_source
from reid_tracker.zoo.content import content_of

_FORMAT = 1
"""Increase it when the same models and videos give other arrays."""
_ABANDONED_S = 86_400.0
"""A temporary file unchanged for a day was left by a run that was killed."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FoundVideo:
    """The tracker's input for a video of F frames with N detections in all.

    Attributes:
        content: hash of the video's content.
        frames: (F,) frame numbers, from 0.
        times_s: (F,) their times.
        sizes: (F, 2) width and height.
        motions: (F, 2, 3) motions of the camera as `CameraMotion` returns them; NaN where unknown.
        counts: (F,) number of detections.
        boxes: (N, 4) xyxy.
        scores: (N,) confidences.
        classes: (N,) class numbers.
        embeddings: (N, D) unit rows; D is 0 without an encoder.
    """

    content: str
    frames: IntArray
    times_s: FloatArray
    sizes: IntArray
    motions: FloatArray
    counts: IntArray
    boxes: Float32Array
    scores: Float32Array
    classes: IntArray
    embeddings: Float32Array

    @classmethod
    def loaded(cls, file: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            OSError: there is no file, or it cannot be read.
            ValueError: the file does not hold such arrays.
        """
        with np.load(file, allow_pickle=False) as data:
            arrays = {item.name: data[item.name] for item in dataclasses.fields(cls)}
        found = cls(**{**arrays, "content": str(arrays["content"])})
        frames, rows = len(found.frames), int(found.counts.sum())
        expected = [(frames,)] * 2 + [(frames, 2), (frames, 2, 3), (frames,)]
        expected += [(rows, 4), (rows,), (rows,), (rows, *found.embeddings.shape[1:])]
        shapes = [getattr(found, item.name).shape for item in dataclasses.fields(cls)[1:]]
        if shapes != expected or found.embeddings.ndim != 2:
            raise ValueError("its arrays do not fit together")
        return found

    def save(self, file: Path) -> None:
        """Write the file atomically.

        Raises:
            OSError: it cannot be written.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        for other in file.parent.glob("*.part"):
            with suppress(OSError):
                if time.time() - other.stat().st_mtime > _ABANDONED_S:
                    other.unlink()
        part, name = tempfile.mkstemp(suffix=".part", dir=file.parent)
        try:
            with open(part, "wb") as stream:
                arrays = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
                np.savez(stream, allow_pickle=False, **arrays)
                stream.flush()
                os.fsync(part)
            os.replace(name, file)
        except BaseException:
            os.unlink(name)
            raise

    def each(self) -> Iterator[tuple[int, float, tuple[int, int], Detections, Embeddings | None]]:
        """Yield number, time, size, detections and their embeddings, frame by frame."""
        ends = np.cumsum(self.counts)
        for row, end in enumerate(ends.tolist()):
            rows = slice(end - int(self.counts[row]), end)
            yield (
                int(self.frames[row]),
                float(self.times_s[row]),
                (int(self.sizes[row, 0]), int(self.sizes[row, 1])),
                Detections(self.boxes[rows], self.scores[rows], self.classes[rows]),
                self.embeddings[rows] if self.embeddings.shape[1] else None,
            )


def replay(found: FoundVideo, config: DeepSortConfig) -> tuple[FloatArray, float]:
    """Run the tracker on cached detections, without models or pictures.

    Returns:
        (R, 7) rows as MOTChallenge text has them: frame from 1, id, left, top, width, height,
        confidence, two decimals; and the seconds that the tracker took.
    """
    tracker = DeepSort(config, RecordedMotion(found.motions))
    rows, seconds = [np.empty((0, 7))], 0.0
    pixel = np.zeros((1, 1, 1), np.uint8)
    for number, time_s, (width, height), detections, embeddings in found.each():
        picture = np.broadcast_to(pixel, (height, width, 3))  # only its size counts
        encode = None if embeddings is None else embeddings.__getitem__
        start = time.perf_counter()
        tracks = tracker.update(detections, encode, time_s, picture)
        seconds += time.perf_counter() - start
        numbers = np.full(len(tracks), number + 1)
        boxes = xyxy_to_tlwh(tracks.boxes)
        rows.append(np.column_stack([numbers, tracks.ids, boxes, tracks.scores]))
    return np.concatenate(rows).round(2), seconds


class FoundVideos:
    """The detections and embeddings of videos, from the cache where possible.

    Models are loaded for the first video that is not in the cache.

    Args:
        config: settings of the models and of reading videos.
        cached: whether the cache is used; if not, every video is processed.
    """

    def __init__(self, config: Config, *, cached: bool = True) -> None:
        self._config = config
        self._cached = cached

    def of(
        self, video: Path, frame_rate: float | None, step: Callable[[], None] = lambda: None
    ) -> FoundVideo:
        """Return the detections and embeddings of a video.

        Args:
            video: a file, or a folder of images.
            frame_rate: frames per second; None takes the file's own.
            step: called after each processed frame.

        Raises:
            ReidTrackerError: a model or the video cannot be used.
        """
        content = content_of(video).sha256
        settings = {"video": content, "rate": frame_rate, **self._models}
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        file = cache_folder() / f"{key}.npz"
        if self._cached and file.exists():
            try:
                found = FoundVideo.loaded(file)
            except Exception as error:  # zipfile and numpy raise many types for damaged files
                _log.warning("%s is damaged and will be rebuilt: %s", file, error)
            else:
                _log.info("%s: read from %s", video, file)
                return found
        found = self._look(video, content, frame_rate, step)
        if self._cached:
            try:
                found.save(file)
            except OSError as error:
                _log.warning("%s cannot be kept in %s: %s", video, file.parent, error.strerror)
        return found

    @cached_property
    def _models(self) -> dict[str, Any]:
        """Return what the result depends on besides the video."""
        detector = with_own_settings(resolve_detector(self._config.detector))
        settings: dict[str, Any] = {
            "format": _FORMAT,
            "version": __version__,
            "stride": self._config.video.stride,
            "detector": {**dataclasses.asdict(detector), "model": _content(detector.model)},
        }
        if not has_no_encoder(self._config.encoder):
            encoder = resolve_encoder(self._config.encoder)
            named = {**dataclasses.asdict(encoder), "model": _content(encoder.model)}
            del named["batch_size"]  # no effect on the result, see `Encoder`
            settings["encoder"] = named
        return settings

    @cached_property
    def _stages(self) -> tuple[Detector, Encoder | None]:
        return build_detector(self._config.detector), encoder_or_none(self._config.encoder)

    def _look(
        self, video: Path, content: str, frame_rate: float | None, step: Callable[[], None]
    ) -> FoundVideo:
        """Run detector and encoder over a video."""
        detector, encoder = self._stages
        camera, frames = CameraMotion(), _Frames()
        settings = self._config.video
        with open_source(video, stride=settings.stride, frame_rate=frame_rate) as source:
            waiting = iter(source)
            while batch := list(islice(waiting, settings.frames_per_batch)):
                images = [frame.image for frame in batch]
                found = detector.detect_batch(images, [frame.index for frame in batch])
                rows: list[Embeddings | None] = [None] * len(batch)
                if encoder is not None:
                    rows[:] = encoder.encode_batch(images, [one.boxes for one in found])
                for frame, detections, embeddings in zip(batch, found, rows, strict=True):
                    boxes = detections.boxes.astype(np.float64)
                    frames.add(frame, detections, embeddings, camera.estimate(frame.image, boxes))
                    step()
        return frames.joined(content)


class _Frames:
    """Collects what is found frame by frame."""

    def __init__(self) -> None:
        self._frames: list[tuple[int, float, tuple[int, int]]] = []
        self._motions = [np.empty((0, 2, 3))]
        self._detections: list[Detections] = []
        self._embeddings: list[Embeddings] = []

    def add(
        self,
        frame: Frame,
        detections: Detections,
        embeddings: Embeddings | None,
        motion: FloatArray | None,
    ) -> None:
        height, width = frame.image.shape[:2]
        self._frames.append((frame.index, frame.timestamp_s, (width, height)))
        self._motions.append(np.full((1, 2, 3), np.nan) if motion is None else motion[None])
        self._detections.append(detections)
        none = np.empty((len(detections), 0), np.float32)
        self._embeddings.append(none if embeddings is None else embeddings)

    def joined(self, content: str) -> FoundVideo:
        some = self._detections or [Detections.empty()]
        sizes = [len(one) for one in self._detections]
        return FoundVideo(
            content=content,
            frames=np.array([index for index, _, _ in self._frames], np.int64),
            times_s=np.array([time_s for _, time_s, _ in self._frames], np.float64),
            sizes=np.array([size for _, _, size in self._frames], np.int64).reshape(-1, 2),
            motions=np.concatenate(self._motions),
            counts=np.array(sizes, np.int64),
            boxes=np.concatenate([one.boxes for one in some]),
            scores=np.concatenate([one.scores for one in some]),
            classes=np.concatenate([one.classes for one in some]),
            embeddings=np.concatenate(self._embeddings or [np.empty((0, 0), np.float32)]),
        )


def cache_folder() -> Path:
    """Return the cache folder, which may not exist yet.

    It is found/ in $REID_TRACKER_HOME, else reid_tracker/found/ in the user's cache folder. Files
    in it may be deleted at any time.
    """
    return user_cache("found")


def _content(model: str) -> str:
    """Return a model's identity: the hash of its content, or its name if it has no file."""
    if os.path.exists(model):
        return content_of(Path(model)).sha256
    file = Path(dict(parse_qsl(model.partition("?")[2])).get("weights", ""))  # of timm:NAME
    return f"{model} {content_of(file).sha256 if file.is_file() else ''}"
