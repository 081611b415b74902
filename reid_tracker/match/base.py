"""The interface through which the pipeline asks who the tracks of all cameras are."""

from __future__ import annotations

from typing import Protocol

from reid_tracker.types import Embeddings, Identities, IdentityEvent, Tracks


class Matcher(Protocol):
    """Takes the tracks of every camera, frame by frame, and returns their identities."""

    def update(
        self, camera: str, tracks: Tracks, embeddings: Embeddings | None, timestamp_s: float
    ) -> Identities:
        """Take the tracks of one frame of one camera; returns their (M) identities, in order.

        Args:
            camera: its name.
            tracks: (M) tracks.
            embeddings: (M, D) float32, one row per track; a row of zeros means "no embedding".
            timestamp_s: time of the frame in seconds, on a clock that all cameras share.

        Raises:
            InputError: the arrays do not fit together.
        """
        ...

    def events(self) -> list[IdentityEvent]:
        """Return the changes since the last call, in order."""
        ...

    def finish(self) -> None:
        """Decide what is still open, after the last frame."""
        ...
