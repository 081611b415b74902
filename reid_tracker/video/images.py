"""Images read as a video: folders, globs, single and animated files, MOTChallenge sequences."""

from __future__ import annotations

import configparser
import glob
import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from reid_tracker.errors import InputError, SourceError
from reid_tracker.picture_size import MOST_PIXELS, picture_size, too_large
from reid_tracker.types import Frame, ImageBGR, VideoInfo
from reid_tracker.video.naming import printable, safe_name
from reid_tracker.video.source import BaseSource, Source

_log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_ANIMATED_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".webp"})
_DEFAULT_RATE = Fraction(25)
_MOST_ANIMATED_PIXELS = 4 * MOST_PIXELS  # in one file, since its pictures are decoded together
_LEAST_S = 0.001
_MOST_BYTES = 2048
"""Maximum read of a seqinfo.ini, which has about 150 bytes."""

VIDEO_SUFFIXES = frozenset(
    {".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".3gp", ".h264", ".h265", ".mjpeg", ".ts", ".webm", ".wmv"}
)
_NOT_OURS = frozenset(
    {"@eadir", "#recycle", "$recycle.bin", "__macosx", "lost+found", "system volume information"}
)
"""Folders in which file servers and systems keep thumbnails and deleted files, in lower case."""

_RATE = re.compile(r"\d{1,9}(\.\d{1,9})?(/\d{1,9})?", re.ASCII)


class ImageSource(BaseSource):
    """A source of images in natural order ("frame9" before "frame10"), one frame each.

    A file with several pictures gives a frame for each. An image that cannot be read is skipped
    with a warning and leaves a gap in the frame numbers. Images of different sizes are yielded
    unchanged, with one warning; `info` describes the first.

    Args:
        paths: the images, in order.
        label: the source's name in messages.
        name: stem for output files.
        frame_rate: frames per second.
        stride: every n-th image is read.

    Raises:
        SourceError: no image can be read.
    """

    def __init__(
        self, paths: Sequence[Path], label: str, name: str, frame_rate: Fraction, stride: int
    ) -> None:
        label = self._label = printable(label)
        # Unreadable images at the start are reported when reading meets them.
        reason = ""
        for path in paths:
            try:
                height, width = read_image(path).shape[:2]
                break
            except UnreadablePictureError as error:
                reason = reason or str(error)
        else:
            raise SourceError(
                f"{label}: none of {len(paths)} images can be read ({reason}); expected JPEG, PNG "
                "or similar"
            )
        self._pictures = [(path, row) for path in paths for row in range(_count_pictures(path))]
        info = VideoInfo(width, height, frame_rate, len(self._pictures))
        super().__init__(name, info, stride)

    def _read(self) -> Iterator[Frame]:
        expected = (self.info.height, self.info.width)
        mixed = False
        for index, image in self._images():
            if image.shape[:2] != expected and not mixed:
                mixed = True
                _log.warning(
                    "%s holds images of different sizes: the first has %d x %d pixels, %s %d x %d",
                    self._label,
                    *reversed(expected),
                    printable(self._pictures[index][0].name),
                    *reversed(image.shape[:2]),
                )
            yield Frame(image, index, float(Fraction(index) / self.info.frame_rate))

    def _images(self) -> Iterator[tuple[int, ImageBGR]]:
        """Yield every n-th picture with its number; unreadable ones are left out."""
        opened: tuple[Path, Iterator[Frame]] | None = None
        for index in range(0, len(self._pictures), self._stride):
            path, row = self._pictures[index]
            only_one = row == 0 and self._pictures[index + 1 : index + 2] != [(path, 1)]
            if only_one:
                try:
                    yield index, read_image(path)
                except UnreadablePictureError as error:
                    name = printable(path)
                    _log.warning("%s cannot be read as an image, skipped: %s", name, error)
                continue
            if opened is None or opened[0] != path:
                opened = path, iter(_open_animation(path, 1, None) or ())
            image = next((frame.image for frame in opened[1] if frame.index == row), None)
            if image is not None:
                yield index, image

    def _release(self) -> None:
        """Do nothing: each file is closed as soon as its pictures have been read."""


def open_image_folder(folder: Path, stride: int, frame_rate: Fraction | None) -> ImageSource:
    """Open a folder of images, or a MOTChallenge sequence with its images in "img1".

    Args:
        folder: an existing folder.
        stride: every n-th image is read.
        frame_rate: None takes the sequence's seqinfo.ini, or else 25 per second.

    Raises:
        SourceError: the folder holds no image that can be read.
    """
    sequence = folder
    paths, videos = contents(folder)
    if not paths and (folder / "img1").is_dir():
        folder = folder / "img1"
        paths, _ = contents(folder)
    elif folder.name == "img1":
        sequence = folder.resolve().parent
    if videos and len(paths) <= len(videos):
        raise SourceError(
            f"{printable(folder)} holds {counted(videos, 'video')} and "
            f"{counted(paths, 'picture')}: open the videos one by one, or all of them with "
            "open_sources"
        )
    if not paths:
        raise SourceError(
            f"{printable(folder)} holds no images: expected files ending in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    if videos:
        _log.warning(
            "%s: its pictures are read, but not %s", printable(folder), counted(videos, "video")
        )
    rate = frame_rate or _sequence_rate(sequence, folder) or _DEFAULT_RATE
    return ImageSource(paths, str(folder), safe_name(sequence.resolve().name), rate, stride)


def open_image(path: Path, stride: int, frame_rate: Fraction | None) -> Source:
    """Open an image file as a video of all its frames or pages, usually one.

    Raises:
        SourceError: the image cannot be read.
    """
    if (animation := _open_animation(path, stride, frame_rate)) is not None:
        return animation
    rate = frame_rate or _DEFAULT_RATE
    return ImageSource([path], str(path), safe_name(path.stem), rate, stride)


def open_image_glob(pattern: Path, stride: int, frame_rate: Fraction | None) -> ImageSource:
    """Open the images that a glob pattern matches, e.g. "shots/cam1_*.jpg".

    The rate is that of a seqinfo.ini beside the images, or 25, unless `frame_rate` is given.

    Raises:
        SourceError: the pattern matches no image that can be read.
    """
    asked_for = set(str(pattern).lower().split(os.sep))
    matches = [
        Path(match)
        for match in glob.glob(str(pattern), recursive=True)
        if not _NOT_OURS.intersection(match.lower().split(os.sep)) - asked_for
    ]
    paths = _sorted_files(matches, IMAGE_SUFFIXES)
    if not paths:
        raise SourceError(
            f"'{printable(pattern)}' matches no images ({len(matches)} other files): expected e.g. "
            "'folder/*.jpg'; put the pattern in quotes so that the shell leaves it alone"
        )
    rate = frame_rate or _sequence_rate(paths[0].parent, paths[0].parent.parent) or _DEFAULT_RATE
    name = safe_name(paths[0].resolve().parent.name)
    return ImageSource(paths, f"'{pattern}'", name, rate, stride)


class UnreadablePictureError(ValueError):
    """A file is not a picture, or the picture is too large."""


def read_image(path: Path) -> ImageBGR:
    """Read an image as (H, W, 3) uint8 BGR.

    Raises:
        UnreadablePictureError: with the reason.
    """
    try:
        # Not cv2.imread: it prints to stderr, and fails on non-ASCII paths on Windows.
        return decode_image(path.read_bytes())
    except OSError as error:
        raise UnreadablePictureError(error.strerror) from None


def decode_image(data: bytes) -> ImageBGR:
    """Decode the content of a picture file as (H, W, 3) uint8 BGR.

    Raises:
        UnreadablePictureError: with the reason.
    """
    size = picture_size(data)
    if reason := "" if size is None else too_large(*size):
        raise UnreadablePictureError(reason)
    try:
        pixels = np.frombuffer(data, np.uint8)
        image = None if size is None else cv2.imdecode(pixels, cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise UnreadablePictureError("it is damaged, or not a picture")
    return np.asarray(image, dtype=np.uint8)


def read_picture(path: Path) -> ImageBGR:
    """Read a required image as (H, W, 3) uint8 BGR.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return read_image(path)
    except UnreadablePictureError as error:
        raise InputError(
            f"{printable(path)}: cannot be read as an image: {error}; remove it or get it again"
        ) from None


def contents(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the pictures and the videos in a folder, in natural order, without hidden files."""
    paths = list(folder.iterdir())
    return _sorted_files(paths, IMAGE_SUFFIXES), _sorted_files(paths, VIDEO_SUFFIXES)


def _sorted_files(paths: Iterable[Path], suffixes: Collection[str]) -> list[Path]:
    """Return the files with one of the suffixes in natural order; hidden ones are left out."""
    files = [
        path
        for path in paths
        if path.suffix.lower() in suffixes and path.name[0] != "." and path.is_file()
    ]
    return sorted(files, key=_natural_key)


def counted(paths: Sequence[Path], word: str) -> str:
    """Return e.g. "2 videos (a.mp4, b.mp4)", with the first names."""
    names = [printable(path.name) for path in paths[:3]] + ["..."] * (len(paths) > 3)
    count = f"{len(paths)} {word}{'' if len(paths) == 1 else 's'}"
    return f"{count} ({', '.join(names)})" if names else count


def _natural_key(path: Path) -> list[tuple[int, str]]:
    """Sort key: digits by value, everything else as text."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _sequence_rate(*folders: Path) -> Fraction | None:
    """Return the rate of the first seqinfo.ini found in `folders`, or None."""
    for folder in folders:
        path = folder / "seqinfo.ini"
        if not path.is_file():
            continue
        parser = configparser.ConfigParser(interpolation=None)
        try:
            with path.open("rb") as file:
                # The parser's time is quadratic in the length of a line.
                parser.read_string(file.read(_MOST_BYTES).decode("utf-8-sig"))
            text = parser["Sequence"]["frameRate"].strip()
            # Fraction("1e999999999") would fill the memory.
            if _RATE.fullmatch(text) and (rate := Fraction(text)) > 0:
                return rate
        except (configparser.Error, KeyError, ValueError, OSError, ZeroDivisionError):
            pass
        _log.warning("%s states no usable frameRate; using %d", printable(path), _DEFAULT_RATE)
    return None


class PictureSequence(BaseSource):
    """Decoded pictures with their times.

    Args:
        name: stem for output files.
        images: (H, W, 3) uint8 BGR each, at least one.
        durations_s: display time of each picture, seconds.
        stride: every n-th picture is yielded.
    """

    def __init__(
        self, name: str, images: Sequence[ImageBGR], durations_s: Sequence[float], stride: int
    ) -> None:
        height, width = images[0].shape[:2]
        rate = Fraction(len(images) / sum(durations_s)).limit_denominator(1000)
        super().__init__(name, VideoInfo(width, height, rate, len(images)), stride)
        self._images = images
        self._times_s = np.cumsum([0.0, *durations_s[:-1]]).tolist()

    def _read(self) -> Iterator[Frame]:
        for index in range(0, len(self._images), self._stride):
            yield Frame(self._images[index], index, self._times_s[index])

    def _release(self) -> None:
        self._images = ()


def _count_pictures(path: Path) -> int:
    """Return the number of pictures in a file of a folder; 1 also if it cannot be read."""
    if path.suffix.lower() not in _ANIMATED_SUFFIXES:
        return 1
    try:
        animation = _open_animation(path, 1, None)
        return 1 if animation is None else max(1, sum(1 for _ in animation))
    except OSError:  # reading it will report the reason
        return 1
    except SourceError as error:
        _log.warning("%s; only its first is read", error)
        return 1


def _open_animation(path: Path, stride: int, frame_rate: Fraction | None) -> Source | None:
    """Open a file with several pictures; None if it holds only one, or is not a picture.

    Raises:
        SourceError: its pictures are too many or too large.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\x89PNG") and b"acTL" in head:
        from reid_tracker.video.av_source import open_video_file

        return open_video_file(path, stride, frame_rate)
    is_webp = head[8:12] == b"WEBP" and b"ANIM" in head[:64]
    if not is_webp and not head.startswith((b"II*\0", b"MM\0*")):
        return None
    data = np.fromfile(path, np.uint8)
    size = picture_size(data.tobytes())
    count = cv2.imcount(str(path))
    if size is None or (count < 2 and not is_webp):
        return None
    if count * size[0] * size[1] > _MOST_ANIMATED_PIXELS:
        raise SourceError(
            f"{printable(path)} holds {count} pictures of {size[0]} x {size[1]} pixels, expected "
            f"at most {_MOST_ANIMATED_PIXELS:,} pixels in all; make it a video"
        )
    images, durations_s = _decode(data, animated=is_webp)
    if not images:
        return None
    if frame_rate is not None:
        durations_s = [float(1 / frame_rate)] * len(images)
    return PictureSequence(safe_name(path.stem), images, durations_s, stride)


def _decode(data: np.ndarray, *, animated: bool) -> tuple[list[ImageBGR], list[float]]:
    if animated:
        _, found = cv2.imdecodeanimation(data[np.newaxis])  # OpenCV 4 expects a row
        frames, durations_s = found.frames, [max(one / 1000, _LEAST_S) for one in found.durations]
    else:
        _, frames = cv2.imdecodemulti(data, cv2.IMREAD_COLOR)
        durations_s = [float(1 / _DEFAULT_RATE)] * len(frames)
    return [_bgr(frame) for frame in frames], durations_s


def _bgr(image: np.ndarray) -> ImageBGR:
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(image[..., :3], np.uint8)
