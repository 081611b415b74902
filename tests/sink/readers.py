"""Reads back what sinks wrote."""

from __future__ import annotations

import csv
import json
import re
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from reid_tracker.types import ImageBGR


def read_video(path: Path) -> tuple[list[ImageBGR], list[Fraction], Fraction]:
    """Return pictures, presentation times in seconds, and the average rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        images, times = [], []
        for frame in container.decode(stream):
            # Said in full because PyAV before 17 does not take the matrix from the file.
            pixels = frame.to_ndarray(
                format="bgr24", src_colorspace="ITU709", dst_colorspace="DEFAULT"
            )
            images.append(np.asarray(pixels, np.uint8))
            assert frame.pts is not None
            assert frame.time_base is not None
            times.append(frame.pts * frame.time_base)
        assert stream.average_rate is not None
        return images, times, stream.average_rate


def count_frames(path: Path) -> int:
    """Return the number of the last frame that can be read back, plus one; parses every line."""
    if path.suffix == ".mp4":
        return len(read_video(path)[0])
    if path.suffix == ".txt":
        rows = [line.split(",") for line in path.read_text().splitlines()]
        assert {len(row) for row in rows} == {10}
        return int(rows[-1][0])
    if path.suffix == ".jsonl":
        return len([json.loads(line) for line in path.read_text().splitlines()])
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return 1 + [int(row["frame"]) for row in csv.DictReader(file)][-1]
    pictures = sorted(path.rglob("*.*"))
    assert all(cv2.imread(str(picture)) is not None for picture in pictures)
    last = max(int(re.findall(r"\d+", picture.name)[0]) for picture in pictures)
    return 400 if last >= 400 - 31 else last  # one picture a second, that is every 30 frames
