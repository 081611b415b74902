"""How the centre matches what camera hosts send: the configuration of `reid-track central`."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class CentralConfig(Checked):
    """How the centre matches what camera hosts send.

    Attributes:
        sites: names of the places whose cameras are matched here; each by itself.
        fingerprint: SHA-256 of the encoder's weights, for a centre that does not have them; null
            takes that of `encoder.model`.
        window_s: longest time that a message waits for earlier ones of other cameras.
        batch_s: time between two batches.
        batch_most: most messages in one.
        ahead_s: messages of a time that lies farther in the future are refused, since one camera
            host with a wrong clock would make all others look late.
        most_cameras: of a site, lest a host that makes up names fills the memory.
        edge_gone_s: a camera host that was silent for longer is gone, and so are its cameras; about
            three times `edge.status_every_s`.
        recognise: look for new people among those that the gallery knows from earlier.
    """

    sites: tuple[str, ...] = ()
    fingerprint: str | None = None
    window_s: float = number(2.0, 0.0, 300.0)
    batch_s: float = number(0.5, 0.01, 60.0)
    batch_most: int = number(2000, 1, 100_000)
    ahead_s: float = number(60.0, 0.0)
    most_cameras: int = number(2000, 1, 20_000)
    edge_gone_s: float = number(35.0, 0.5, 86_400.0)
    recognise: bool = True
