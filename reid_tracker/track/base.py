"""What every tracker can do."""

from typing import Protocol

from reid_tracker.types import Detections, Embeddings, ImageBGR, Tracks


class Tracker(Protocol):
    """Joins the detections of one camera's successive frames into tracks."""

    def update(
        self,
        detections: Detections,
        embeddings: Embeddings | None = None,
        timestamp_s: float | None = None,
        frame: ImageBGR | None = None,
    ) -> Tracks:
        """Take the next frame's detections.

        Args:
            detections: (N) detections of the frame.
            embeddings: (N, D) float32, one row a detection, or None to track by motion alone. Rows
                need not be of unit length; a row of zeros means "no appearance".
            timestamp_s: time of the frame in seconds; None is one nominal frame after the last.
            frame: the picture, (H, W, 3) uint8 BGR, for trackers that look at it; where its size
                changes, tracks are scaled along.

        Returns:
            The tracks to report for this frame.

        Raises:
            InputError: the arrays do not fit together or hold NaN.
        """
        ...

    def reset(self) -> None:
        """Forget all tracks and start ids and time again."""
        ...
