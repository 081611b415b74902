"""Entry point of `reid-track`: commands, exit codes, and one-line errors.

Exit codes: 0 success, 1 run-time error, 2 usage error, 128 + N stopped by signal N: 129 hung up,
130 interrupted (Ctrl-C), 143 terminated.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import reid_tracker
from reid_tracker.cli.interrupts import Stopped, StopSignals, end_by, say
from reid_tracker.cli.parser import Parser, suggestion
from reid_tracker.cli.redact import one_line, redact
from reid_tracker.errors import ConfigError, ReidTrackerError


class Command(NamedTuple):
    """One command: `commands/NAME.py` has `add_arguments(parser)` and `run(arguments) -> int`.

    `run` returns the exit code. It raises `ReidTrackerError` for errors that the user can fix, and
    `KeyboardInterrupt` if the user stopped it; what was written until then is complete.
    """

    name: str
    group: str
    summary: str

    def fill(self, parser: Parser) -> None:
        """Import the command, and add its arguments to its parser."""
        module = importlib.import_module(f"reid_tracker.cli.commands.{self.name.replace('-', '_')}")
        module.add_arguments(parser)
        parser.set_defaults(run=module.run)


COMMANDS = (
    Command("track", "Track", "track people in videos, images, cameras and streams"),
    Command("zones", "Track", "draw the lines and zones at which people are counted"),
    Command("ground", "Several cameras", "map a camera's image to the ground plane, in metres"),
    Command("calibrate", "Several cameras", "choose the matcher's thresholds from your footage"),
    Command("search", "Gallery", "find where a person has been"),
    Command("gallery", "Gallery", "show, prune, export and import the gallery of people"),
    Command("edge", "Sites", "run a camera host, which sends tracklets to a broker"),
    Command("central", "Sites", "run the centre, which matches people of many camera hosts"),
    Command("site", "Sites", "configure the broker for one more camera host"),
    Command("encode-server", "Sites", "serve embeddings over HTTP to programs in any language"),
    Command("weights", "Models", "list, download and verify models"),
    Command("export", "Models", "write an encoder as ONNX, OpenVINO or TensorRT"),
    Command("train", "Models", "train an encoder"),
    Command("train-detector", "Models", "train a person detector"),
    Command("explain", "Models", "draw what an encoder looks at and has learned"),
    Command("eval-reid", "Measure", "measure how well an encoder re-identifies people"),
    Command("eval-mot", "Measure", "measure the tracks of one camera"),
    Command("tune", "Measure", "search for the best tracker options for your footage"),
    Command("eval-mtmc", "Measure", "measure identities across several cameras"),
    Command("config", "Settings", "print all settings with their values and meanings"),
    Command("completion", "Settings", "print a completion script for your shell"),
)
_BY_NAME = {command.name: command for command in COMMANDS}

_RUN_TIME_ERROR, _USAGE_ERROR = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # so that no console encoding ends a run
    signals = StopSignals()
    with _logging_to_stderr(debug=debug, quiet="--quiet" in words):
        try:
            with signals:
                return run(words)
        except KeyboardInterrupt as interrupt:
            return end_by(interrupt)
        except Exception as error:
            if signals.asked is not None:  # a library turned the interrupt into another error
                return end_by(Stopped(signals.asked))
            message = str(error)
            if not isinstance(error, ReidTrackerError):
                message = f"{type(error).__name__}: {error} (run again with --debug for details)"
            usage = isinstance(error, ConfigError)
            return _fail(message, _USAGE_ERROR if usage else _RUN_TIME_ERROR, debug=debug)


def run(words: Sequence[str]) -> int:
    """Run the command that the words name, and return its exit code.

    Raises:
        ReidTrackerError: the command failed.
        SystemExit: help was printed, or an option is wrong.
    """
    first = words[0] if words else "help"
    if first in {"help", "-h", "--help"}:
        names = [word for word in words[1:] if not word.startswith("-")]
        (parser_of(names[0]) if names else TopParser()).print_help()
        return 0 if words else _USAGE_ERROR
    if first == "--version":
        TopParser().parse(words)
    if first not in _BY_NAME:
        # `reid-track video.mp4` is short for `reid-track track video.mp4`.
        if _is_no_source(first) and (hint := suggestion(first, [*_BY_NAME, "help"])):
            raise ConfigError(f"'{first}' is neither a command nor a file{hint}")
        words = ["track", *words]
    arguments = parser_of(words[0]).parse(words[1:])
    code: int = arguments.run(arguments)
    return code


class TopParser(Parser):
    """The parser of `reid-track`; its help lists the commands in groups.

    Attributes:
        commands: the parser of each command by name; it gets its arguments when it is used.
    """

    def __init__(self) -> None:
        super().__init__(prog="reid-track")
        version = f"reid-track {reid_tracker.__version__}"
        self.add_argument("--version", action="version", version=version, help="print the version")
        commands = self.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
        for command in COMMANDS:
            commands.add_parser(
                command.name,
                fill=command.fill,
                help=command.summary,
                description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            )
        self.commands: dict[str, Parser] = dict(commands.choices)

    def format_help(self) -> str:
        """Return the help of `reid-track --help`."""
        lines = [
            "usage: reid-track SOURCE... [OPTIONS]   short for reid-track track",
            "       reid-track COMMAND [OPTIONS]",
            "       reid-track help COMMAND          show the options of a command",
            "       reid-track --version",
        ]
        group = ""
        for command in COMMANDS:
            if command.group != group:
                lines += ["", command.group]
                group = command.group
            lines.append(f"  {command.name:<16}{command.summary}")
        return "\n".join([*lines, ""])


def parser_of(name: str) -> Parser:
    """Return the parser of a command, with its arguments.

    Raises:
        ConfigError: there is no such command.
    """
    if name not in _BY_NAME:
        hint = suggestion(name, _BY_NAME) or "; reid-track --help lists all"
        raise ConfigError(f"there is no command '{name}'{hint}")
    return TopParser().commands[name].filled()


def _is_no_source(word: str) -> bool:
    """Return whether a word cannot be a source: no option, number, address, pattern or file."""
    if word.startswith("-") or word.isdigit() or set(word) & set("./\\:*?["):
        return False
    return not os.path.exists(word)


def _fail(message: str, code: int, *, debug: bool) -> int:
    if debug:
        say(redact(traceback.format_exc()))
    say(f"reid-track: error: {one_line(' '.join(message.split()))}\n")
    return code


class _Redacted(logging.Formatter):
    """Formats log records without credentials, as one line except for tracebacks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return one_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


@contextmanager
def _logging_to_stderr(*, debug: bool, quiet: bool) -> Iterator[None]:
    """Write this package's log to standard error; restore the logger afterwards."""
    logger = logging.getLogger("reid_tracker")
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacted("reid-track: %(levelname)s: %(message)s"))
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
