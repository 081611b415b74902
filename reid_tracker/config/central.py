"""Settings of `reid-track central`, the centre of many camera hosts."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class CentralConfig(Checked):
    """How the centre matches what camera hosts send.

    Attributes:
        sites: names of the places whose cameras are matched here, each place by itself.
        fingerprint: SHA-256 of the encoder's weights, for a centre without the file; null takes
            the hash of `encoder.model`.
        window_s: longest time that a message waits for earlier messages of other cameras.
        batch_s: time between two batches.
        batch_most: largest number of messages in a batch.
        ahead_s: messages with a time further in the future are refused; otherwise one camera host
            with a wrong clock would make all others look late.
        most_cameras: largest number of cameras of a site, so that a host which makes up names
            cannot fill the memory.
        edge_gone_s: a camera host that is silent for longer counts as gone, with its cameras; set
            it to about three times `edge.status_every_s`.
        recognise: look for new people among those whom the gallery knows from earlier.
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
