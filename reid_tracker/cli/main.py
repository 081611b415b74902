"""Entry point of `reid-track`: subcommands, exit codes, and errors as one line.

Exit codes: 0 done, 1 a run-time error, 2 a usage error, 130 interrupted (Ctrl-C), 143 terminated.
"""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from reid_tracker.cli.interrupts import Terminated
from reid_tracker.cli.redact import redact
from reid_tracker.errors import ConfigError, ReidTrackerError


def _track(words: Sequence[str]) -> int:
    # Imported here, so that Ctrl-C while packages load is no traceback either.
    from reid_tracker.cli.commands.track import track

    return track(words)


def _train(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.train import train

    return train(words)


def _train_detector(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.train_detector import train_detector

    return train_detector(words)


def _eval_reid(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.eval_reid import eval_reid

    return eval_reid(words)


def _eval_mtmc(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.eval_mtmc import eval_mtmc

    return eval_mtmc(words)


def _calibrate(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.calibrate import calibrate_command

    return calibrate_command(words)


def _explain(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.explain import explain

    return explain(words)


def _weights(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.weights import weights

    return weights(words)


def _ground(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.ground import ground_command

    return ground_command(words)


def _gallery(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.gallery import gallery

    return gallery(words)


def _search(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.search.command import search

    return search(words)


def _edge(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.edge import edge

    return edge(words)


def _central(words: Sequence[str]) -> int:
    from reid_tracker.cli.commands.central import central

    return central(words)


# `reid-track video.mp4` is short for `reid-track track video.mp4`.
_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "track": _track,
    "train": _train,
    "train-detector": _train_detector,
    "eval-reid": _eval_reid,
    "eval-mtmc": _eval_mtmc,
    "calibrate": _calibrate,
    "ground": _ground,
    "explain": _explain,
    "weights": _weights,
    "gallery": _gallery,
    "search": _search,
    "edge": _edge,
    "central": _central,
}

_RUN_TIME_ERROR, _USAGE_ERROR = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    command = _COMMANDS[words.pop(0)] if words and words[0] in _COMMANDS else _track
    with _logging_to_stderr(debug=debug, quiet="--quiet" in words):
        try:
            return command(words)
        except ReidTrackerError as error:
            usage = isinstance(error, ConfigError)
            return _fail(str(error), _USAGE_ERROR if usage else _RUN_TIME_ERROR, debug=debug)
        except KeyboardInterrupt as interrupt:
            terminated = isinstance(interrupt, Terminated)
            sys.stderr.write("terminated\n" if terminated else "interrupted\n")
            return 128 + (signal.SIGTERM if terminated else signal.SIGINT)
        except Exception as error:
            message = f"{type(error).__name__}: {error} (run again with --debug for details)"
            return _fail(message, _RUN_TIME_ERROR, debug=debug)


def _fail(message: str, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    sys.stderr.write(f"reid-track: error: {redact(' '.join(message.split()))}\n")
    return code


@contextmanager
def _logging_to_stderr(*, debug: bool, quiet: bool) -> Iterator[None]:
    """Show this package's log on standard error; afterwards its logger is as it was."""
    logger = logging.getLogger("reid_tracker")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("reid-track: %(levelname)s: %(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if debug else logging.ERROR if quiet else logging.WARNING)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


if __name__ == "__main__":
    sys.exit(main())
