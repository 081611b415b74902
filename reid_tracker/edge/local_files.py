"""The output files of a camera host, and the identities that are written into them."""

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
    """The output files of a camera host and the source of their identities.

    Attributes:
        outputs: the files; None if no files are written.
        known: the identities; None if they are not wanted.
        listener: receives the identities from the centre.
    """

    outputs: EdgeOutputs | None = None
    known: KnownIdentities | None = None
    listener: IdentityListener | None = None

    def health(self, run: EdgeRun) -> Health:
        """Return the health of a run with the state of its files; a full disk is not unhealthy."""
        health = run.health()
        details = dict(health.details)
        if self.outputs is not None:
            details["outputs"] = self.outputs.state
        if self.listener is not None:
            details["identities"] = self.listener.away or "up"
        return Health(health.healthy, details)

    def readings(self, run: EdgeRun) -> Iterator[Reading]:
        """Yield the counts and states of a run and of its files."""
        yield from run.readings()
        if self.outputs is not None:
            yield Reading("outputs_failed_total", self.outputs.failures)
        if self.known is not None:
            yield Reading("identities_known", self.known.named)
            yield Reading("identities_awaited", self.known.awaited)
            yield Reading("identity_messages_total", self.known.messages)
            yield Reading("identity_changes_total", self.known.changes)

    def settle(self, config: Config, max_s: float | None) -> None:
        """Wait for the last identities.

        Args:
            config: configuration of the run.
            max_s: maximum wait in seconds; None waits until the centre has revised identities once
                more.
        """
        listener = self.listener
        if self.outputs is None or listener is None:
            return
        timeout_s, quiet_s = config.edge.settle_s, config.match.revise_every_s + 1
        if max_s is not None:
            timeout_s, quiet_s = min(max_s, timeout_s), 0.0
        self.outputs.settle(timeout_s, quiet_s, lambda: not listener.away)


@contextmanager
def local_outputs(
    folder: str | None, config: Config, numbers: MessageNumbers, sources: Sequence[Source]
) -> Iterator[LocalOutputs]:
    """Open the output files, and start to receive identities.

    Args:
        folder: folder of the files; None writes no files.
        config: configuration of the run.
        numbers: name and boot id of this host.
        sources: open sources.

    Raises:
        OutputError: the files cannot be created, or cannot be completed at the end.
        ConfigError: lines or zones are set; camera hosts do not count people yet.
    """
    if config.output.lines or config.output.zones:
        raise ConfigError(
            "output.lines and output.zones are set, but camera hosts do not count people; leave "
            "them out, and count with reid-track SOURCE..."
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
