"""Folders and globs of images, read as a video; MOTChallenge sequences give their own rate."""

from __future__ import annotations

import configparser
import glob
import logging
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from reid_tracker.errors import SourceError
from reid_tracker.types import Frame, ImageBGR, VideoInfo
from reid_tracker.video.naming import safe_name
from reid_tracker.video.source import BaseSource

_log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_DEFAULT_RATE = Fraction(25)
_MOST_BYTES = 2048
"""Maximum read of a seqinfo.ini, which has about 150 bytes."""

_RATE = re.compile(r"\d{1,9}(\.\d{1,9})?(/\d{1,9})?", re.ASCII)


class ImageSource(BaseSource):
    """Images in natural order ("frame9" before "frame10"), one frame each.

    An image that cannot be read is skipped with a warning and leaves a gap in the frame numbers.
    Images of different sizes are yielded as they are, with one warning; `info` describes the first.

    Args:
        paths: the images, in order.
        label: how messages call the source.
        name: stem for output files.
        frame_rate: frames per second.
        stride: every n-th image is read.

    Raises:
        SourceError: no image can be read.
    """

    def __init__(
        self, paths: Sequence[Path], label: str, name: str, frame_rate: Fraction, stride: int
    ) -> None:
        self._paths = paths
        self._label = label
        # Unreadable images at the start are reported when reading meets them.
        first = next((image for path in paths if (image := read_image(path)) is not None), None)
        if first is None:
            raise SourceError(
                f"{label}: none of {len(paths)} images can be read; expected JPEG, PNG or similar"
            )
        height, width = first.shape[:2]
        super().__init__(name, VideoInfo(width, height, frame_rate, len(paths)), stride)

    def _read(self) -> Iterator[Frame]:
        expected = (self.info.height, self.info.width)
        mixed = False
        for index in range(0, len(self._paths), self._stride):
            image = read_image(self._paths[index])
            if image is None:
                _log.warning("%s cannot be read as an image, skipped", self._paths[index])
                continue
            if image.shape[:2] != expected and not mixed:
                mixed = True
                _log.warning(
                    "%s holds images of different sizes: the first has %d x %d pixels, %s %d x %d",
                    self._label,
                    *reversed(expected),
                    self._paths[index].name,
                    *reversed(image.shape[:2]),
                )
            yield Frame(image, index, float(Fraction(index) / self.info.frame_rate))

    def _release(self) -> None:
        """No file stays open between two images."""


def open_image_folder(folder: Path, stride: int, frame_rate: Fraction | None) -> ImageSource:
    """Open a folder of images, or a MOTChallenge sequence with its images in "img1".

    Args:
        folder: an existing folder.
        stride: every n-th image is read.
        frame_rate: frames per second; None takes the sequence's seqinfo.ini, or else 25.

    Raises:
        SourceError: the folder holds no image that can be read.
    """
    sequence = folder
    paths = _images_in(folder)
    if not paths and (folder / "img1").is_dir():
        folder = folder / "img1"
        paths = _images_in(folder)
    elif folder.name == "img1":
        sequence = folder.resolve().parent
    if not paths:
        raise SourceError(
            f"{folder} holds no images: expected files ending in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    rate = frame_rate or _sequence_rate(sequence, folder) or _DEFAULT_RATE
    return ImageSource(paths, str(folder), safe_name(sequence.resolve().name), rate, stride)


def open_image(path: Path, stride: int, frame_rate: Fraction | None) -> ImageSource:
    """Open one image as a video of one frame.

    Args:
        path: an existing file.
        stride: has no effect on a single frame.
        frame_rate: frames per second; None takes 25.

    Raises:
        SourceError: the image cannot be read.
    """
    rate = frame_rate or _DEFAULT_RATE
    return ImageSource([path], str(path), safe_name(path.stem), rate, stride)


def open_image_glob(pattern: Path, stride: int, frame_rate: Fraction | None) -> ImageSource:
    """Open the images that a glob pattern matches, e.g. "shots/cam1_*.jpg".

    Args:
        pattern: path with *, ? or [...].
        stride: every n-th image is read.
        frame_rate: frames per second; None takes a seqinfo.ini beside the images, or else 25.

    Raises:
        SourceError: the pattern matches no image that can be read.
    """
    matches = [Path(match) for match in glob.glob(str(pattern), recursive=True)]
    paths = _sorted_images(matches)
    if not paths:
        raise SourceError(
            f"'{pattern}' matches no images ({len(matches)} other files): expected e.g. "
            "'folder/*.jpg'; put the pattern in quotes so that the shell leaves it alone"
        )
    rate = frame_rate or _sequence_rate(paths[0].parent, paths[0].parent.parent) or _DEFAULT_RATE
    name = safe_name(paths[0].resolve().parent.name)
    return ImageSource(paths, f"'{pattern}'", name, rate, stride)


def read_image(path: Path) -> ImageBGR | None:
    """Read an image as (H, W, 3) uint8 BGR, or return None if it cannot be read."""
    import cv2
    import numpy as np

    try:
        # Not cv2.imread: it prints to stderr, and fails on non-ASCII paths on Windows.
        data = np.fromfile(path, dtype=np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def _images_in(folder: Path) -> list[Path]:
    return _sorted_images(folder.iterdir())


def _sorted_images(paths: Sequence[Path] | Iterator[Path]) -> list[Path]:
    """Return the image files among `paths` in natural order; hidden files are left out."""
    images = [
        path
        for path in paths
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "." and path.is_file()
    ]
    return sorted(images, key=_natural_key)


def _natural_key(path: Path) -> list[tuple[int, str]]:
    """Order digits by value and everything else as text."""
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
                parser.read_string(file.read(_MOST_BYTES).decode("utf-8"))
            text = parser["Sequence"]["frameRate"].strip()
            # Fraction("1e999999999") is exact, and fills the memory.
            if _RATE.fullmatch(text) and (rate := Fraction(text)) > 0:
                return rate
        except (configparser.Error, KeyError, ValueError, OSError, ZeroDivisionError):
            pass
        _log.warning("%s states no usable frameRate; using %d", path, _DEFAULT_RATE)
    return None
