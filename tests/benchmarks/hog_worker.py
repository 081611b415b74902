"""OpenCV's HOG people detector behind two pipes; numpy and cv2 only, see hog_people.py.

A request on standard input is two int32, height and width, and the BGR pixels; the answer on
standard output is one int32, the number of boxes, and as many rows of five float32: left, top,
right, bottom and margin of the support vector machine.
"""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np


def serve(enlarge: float) -> None:
    """Answer requests until standard input ends."""
    opencv: Any = cv2  # the type stubs of OpenCV 5 know HOG only where contrib is installed
    hog = opencv.HOGDescriptor()
    hog.setSVMDetector(opencv.HOGDescriptor_getDefaultPeopleDetector())
    while len(header := sys.stdin.buffer.read(8)) == 8:
        height, width = np.frombuffer(header, np.int32).tolist()
        pixels = np.frombuffer(sys.stdin.buffer.read(height * width * 3), np.uint8)
        image: Any = pixels.reshape(height, width, 3)
        if enlarge != 1:
            image = cv2.resize(image, None, fx=enlarge, fy=enlarge)
        found, margins = hog.detectMultiScale(
            image, winStride=(8, 8), padding=(16, 16), scale=1.05, groupThreshold=2
        )
        boxes = np.array(found, np.float32).reshape(-1, 4)
        # As OpenCV's sample peopledetect does: windows are larger than the people in them.
        left_top = boxes[:, :2] + boxes[:, 2:] * np.array([0.1, 0.07], np.float32)
        corners = np.concatenate([left_top, left_top + 0.8 * boxes[:, 2:]], 1) / enlarge
        rows = np.column_stack([corners, np.array(margins, np.float32).reshape(-1)])
        sys.stdout.buffer.write(np.int32(len(rows)).tobytes() + rows.astype(np.float32).tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve(float(sys.argv[1]))
