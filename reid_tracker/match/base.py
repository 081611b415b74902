"""What the pipeline needs of whatever gives people identities over all cameras of a run."""

from __future__ import annotations

from typing import Protocol

from reid_tracker.types import Embeddings, Identities, IdentityEvent, Tracks


class Matcher(Protocol):
    """Takes the tracks of every camera, frame by frame, and says who they are."""

    def update(
        self, camera: str, tracks: Tracks, embeddings: Embeddings | None, time: float
    ) -> Identities:
        """Take the tracks of one frame of one camera; returns their (M) identities, in order.

        Args:
            camera: its name.
            tracks: (M) tracks.
            embeddings: (M, D) float32, one row a track; a row of zeros is no look.
            time: of the frame, in seconds on a clock that all cameras share.

        Raises:
            InputError: the arrays do not fit together.
        """
        ...

    def events(self) -> list[IdentityEvent]:
        """Return what has changed since the last call, in order."""
        ...

    def finish(self) -> None:
        """Decide what is still open, after the last frame."""
        ...
