"""The files of a camera host: opened before the run, given identities, finished at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from reid_tracker.config import Config
from reid_tracker.edge.listener import IdentityListener
from reid_tracker.edge.reporter import MessageNumbers
from reid_tracker.edge.run import EdgeRun
from reid_tracker.errors import ConfigError
from reid_tracker.monitor import Health, Reading
from reid_tracker.run.known import KnownIdentities
from reid_tracker.run.rotating import EdgeOutputs
from reid_tracker.transport import open_broker
from reid_tracker.video import Source

_RECENT_S = 10.0


class LocalOutputs(NamedTuple):
    """What a camera host writes, if anything, and how it receives identities.

    Attributes:
        outputs: the files; None if none are written.
        known: the identities; None if they are not asked for.
        listener: receives them from the centre.
    """

    outputs: EdgeOutputs | None = None
    known: KnownIdentities | None = None
    listener: IdentityListener | None = None

    def health(self, run: EdgeRun) -> Health:
        """Return the health of a run and its files; a full disk is no reason to restart."""
        health = run.health()
        details = dict(health.details)
        if self.outputs is not None:
            details["outputs"] = self.outputs.state
        if self.listener is not None:
            details["identities"] = self.listener.away or "up"
        return Health(health.healthy, details)

    def readings(self, run: EdgeRun) -> Iterator[Reading]:
        """Return the counts and states of a run, and of its files."""
        yield from run.readings()
        if self.outputs is not None:
            yield Reading("outputs_failed_total", self.outputs.failures)
        if self.known is not None:
            yield Reading("identities_known", self.known.named)
            yield Reading("identities_awaited", self.known.awaited)
            yield Reading("identity_messages_total", self.known.messages)
            yield Reading("identity_changes_total", self.known.changes)

    def settle(self, config: Config, most_s: float | None) -> None:
        """Wait for the last identities.

        Args:
            config: of the run.
            most_s: longest wait; None waits until the centre has revised the past once more.
        """
        listener = self.listener
        if self.outputs is None or listener is None:
            return
        longest_s, quiet_s = config.edge.settle_s, config.match.revise_every_s + 1
        if most_s is not None:
            longest_s, quiet_s = min(most_s, longest_s), 0.0
        self.outputs.settle(longest_s, quiet_s, lambda: not listener.away)


@contextmanager
def local_outputs(
    folder: str | None, config: Config, numbers: MessageNumbers, sources: Sequence[Source]
) -> Iterator[LocalOutputs]:
    """Open the files, and start to receive identities.

    Args:
        folder: where they go; None writes none.
        config: of the run.
        numbers: of the messages of this start.
        sources: open sources.

    Raises:
        OutputError: the files cannot be made, or at the end not be finished.
        ConfigError: lines or zones are set, at which camera hosts do not count yet.
    """
    if config.output.lines or config.output.zones:
        raise ConfigError(
            "output.lines and output.zones are set, but camera hosts do not count; leave them out, "
            "and count with reid-track SOURCE..."
        )
    if folder is None:
        yield LocalOutputs()
        return
    edge = config.edge
    known = None
    if edge.identities:
        known = KnownIdentities(numbers.edge, numbers.boot, 3600 * edge.keep_h)
    recent_s = config.tracker.max_age_s + _RECENT_S
    with EdgeOutputs(Path(folder), config.output, edge, known, recent_s=recent_s) as outputs:
        outputs.start(sources)
        if known is None:
            yield LocalOutputs(outputs)
            return
        connect = partial(open_broker, config.transport, host=True)
        with IdentityListener(edge.site, numbers.edge, connect, known) as listener:
            yield LocalOutputs(outputs, known, listener)
