"""OpenCV's HOG people detector (Dalal and Triggs, 2005) as a `Detector`, in a process of its own.

OpenCV 5 moved HOG to its contrib packages, which conflict with opencv-python because both provide
cv2. A child process therefore imports the package with HOG from a folder made by

    pip install --no-deps --target FOLDER opencv-contrib-python-headless
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reid_tracker.detect.base import check_batch
from reid_tracker.errors import MissingDependencyError
from reid_tracker.types import Detections, ImageBGR

HOG_CONFIDENCE = 0.5
"""OpenCV's own threshold, a margin of 0."""
_WORKER = Path(__file__).with_name("hog_worker.py")


class HogDetector:
    """A `Detector`; its confidences are margins of the classifier through the logistic function.

    OpenCV's own threshold, margin 0, is confidence 0.5; weaker windows are not reported.

    Args:
        packages: folder with an OpenCV that has HOG; None takes the installed one.
        enlarge: frames are enlarged by this factor first, since people of less than about 100
            pixels are smaller than the detector's window.

    Raises:
        MissingDependencyError: that OpenCV has no HOG.
    """

    def __init__(self, packages: Path | None = None, enlarge: float = 1.0) -> None:
        environment = dict(os.environ)
        if packages is not None:
            environment["PYTHONPATH"] = str(packages)
        probe = [sys.executable, "-c", "import cv2; cv2.HOGDescriptor"]
        if subprocess.run(probe, env=environment, capture_output=True, check=False).returncode:
            raise MissingDependencyError(
                f"{packages or 'the installed cv2'}: OpenCV without HOG; run `pip "
                "install --no-deps --target FOLDER opencv-contrib-python-headless` and give "
                "--hog-packages FOLDER"
            )
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), str(enlarge)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        """Detect in one frame; see `Detector.detect`."""
        return self.detect_batch([image])[0]

    def detect_batch(
        self, images: Sequence[ImageBGR], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        """Detect in several frames; see `Detector.detect_batch`."""
        check_batch(images, frame_indices)
        return [self._ask(image) for image in images]

    def _ask(self, image: ImageBGR) -> Detections:
        to_child, from_child = self._process.stdin, self._process.stdout
        if to_child is None or from_child is None:
            raise RuntimeError("the pipes of the HOG process are not open")
        to_child.write(np.array(image.shape[:2], np.int32).tobytes())
        to_child.write(np.ascontiguousarray(image).data)
        to_child.flush()
        (count,) = np.frombuffer(from_child.read(4), np.int32).tolist()
        rows = np.frombuffer(from_child.read(20 * count), np.float32).reshape(-1, 5)
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        scores = (1 / (1 + np.exp(-rows[:, 4]))).astype(np.float32)
        return Detections(rows[:, :4], scores, np.zeros(count, np.int64))

    def close(self) -> None:
        """End the child process."""
        self._process.communicate()
