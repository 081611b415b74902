"""The files of a camera host: opened before the run, told who is who, finished at its end."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from reid_tracker.config import Config
from reid_tracker.edge import (
    EdgeOutputs,
    EdgeRun,
    IdentityListener,
    KnownIdentities,
    MessageNumbers,
)
from reid_tracker.errors import ConfigError
from reid_tracker.monitor import Health, Reading
from reid_tracker.transport import open_broker
from reid_tracker.video import Source

_ONLY_WITH_FILES = {
    "output.video": "--save-video",
    "output.mot": "--save-mot",
    "output.jsonl": "--save-jsonl",
    "output.csv": "--save-csv",
    "output.crops": "--save-crops",
    "output.parquet": "--save-parquet",
    "output.blur_heads": "--blur-heads",
    "edge.identities": "--identities",
    "edge.rotate_h": "--rotate-h",
    "edge.keep_h": "--keep-h",
    "edge.delete_after_h": "--delete-after-h",
}
_RECENT_S = 10.0


class LocalOutputs(NamedTuple):
    """What a camera host writes, if anything, and how it hears who is who.

    Attributes:
        outputs: the files; None without --output.
        known: who is who; None where nobody asked.
        listener: hears it.
    """

    outputs: EdgeOutputs | None = None
    known: KnownIdentities | None = None
    listener: IdentityListener | None = None

    def health(self, run: EdgeRun) -> Health:
        """Tell how a run is doing, and its files; a full disk is no reason to restart."""
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
            most_s: longest time where somebody waits for the end; None waits as long as it takes
                until the centre has looked back once more.
        """
        listener = self.listener
        if self.outputs is None or listener is None:
            return
        longest_s, quiet_s = config.edge.settle_s, config.match.revise_every_s + 1
        if most_s is not None:
            longest_s, quiet_s = min(most_s, longest_s), 0.0
        self.outputs.settle(longest_s, quiet_s, lambda: not listener.away)


def check_outputs(arguments: Namespace) -> None:
    """Refuse options about files where no files are written.

    Raises:
        ConfigError: --output is missing.
    """
    if arguments.output is not None:
        return
    for key, flag in _ONLY_WITH_FILES.items():
        sends = getattr(arguments, "edge.send_pictures", False)
        if hasattr(arguments, key) and not (sends and key == "output.blur_heads"):
            raise ConfigError(
                f"{flag}: this host writes no files without --output; add --output FOLDER"
            )


@contextmanager
def local_outputs(
    folder: str | None, config: Config, numbers: MessageNumbers, sources: Sequence[Source]
) -> Iterator[LocalOutputs]:
    """Open the files, and begin to hear who is who.

    Args:
        folder: where they go; None writes none.
        config: of the run.
        numbers: of the messages of this start.
        sources: open sources.

    Raises:
        OutputError: the files cannot be made, or at the end not be finished.
    """
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
        connect = partial(open_broker, config.transport)
        with IdentityListener(edge.site, numbers.edge, connect, known) as listener:
            yield LocalOutputs(outputs, known, listener)
