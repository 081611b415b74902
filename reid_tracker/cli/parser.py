"""The parser of every command: one-line errors without credentials, and hints for typing errors.

Its arguments are added when it is used, so that `reid-track --help` imports no command.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from reid_tracker.cli.redact import one_line

# Options of other programs, and their equivalents here.
_FOREIGN = {
    "--model": "--detector or --encoder",
    "--weights": "--detector or --encoder",
    "--name": "--output",
    "--project": "--output",
    "--img-size": "--imgsz",
    "--save-txt": "--save-mot",
    "--nosave": "--no-save-video",
    "--view-img": "--show",
    "--tracker": "--set tracker.KEY=VALUE",
}


class Parser(argparse.ArgumentParser):
    """A parser of one command, or of an action below it.

    Args:
        fill: adds the arguments when they are first needed.
        options: arguments of `argparse.ArgumentParser`.

    Attributes:
        rewrite: function that changes the words before they are parsed.
    """

    def __init__(self, fill: Callable[[Parser], None] | None = None, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)
        self._fill = fill
        self._any_order = self._has_actions = False
        self.rewrite: Callable[[Sequence[str]], Sequence[str]] = lambda words: words

    @functools.cached_property
    def general(self) -> argparse._ArgumentGroup:
        """The group of options that all commands share, last in the help."""
        return self.add_argument_group("general")

    def filled(self) -> Parser:
        """Add the arguments unless this was done before; return this parser."""
        fill, self._fill = self._fill, None
        if fill is not None:
            fill(self)
            self.description = textwrap.fill(self.description or "", 100)
            if not self._has_actions:
                add = functools.partial(self.general.add_argument, action="store_true")
                add("--quiet", default=False, help="print errors only")
                add("--debug", default=False, help="log more, and show tracebacks of errors")
        return self

    def add_sources(self, help: str, metavar: str = "SOURCE") -> None:
        """Add SOURCE..., which may be placed before, between and after options."""
        self.add_argument("sources", nargs="+", metavar=metavar, help=help)
        self._any_order = True
        self.usage = f"{self.prog} {metavar}... [OPTIONS]"

    def add_actions(
        self, fill: Callable[[Parser], None] = lambda parser: None
    ) -> Callable[[str, str], Parser]:
        """Return a function `(name, help)` that adds an action (subcommand) and returns its parser.

        Args:
            fill: adds arguments that all actions share.
        """
        self._has_actions = True
        actions = self.add_subparsers(dest="action", required=True, metavar="ACTION")

        def add(name: str, help: str) -> Parser:
            text = f"{help[0].upper()}{help[1:]}."
            return actions.add_parser(name, fill=fill, help=help, description=text).filled()

        return add

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the words after the command's name; exit with code 2 if they are wrong."""
        words = self.rewrite(words)
        if self._any_order:
            # Other programs write `--source X` for X.
            words = [word.removeprefix("--source=") for word in words if word != "--source"]
            arguments, unknown = self.parse_known_intermixed_args(words)
        else:
            arguments, unknown = self.parse_known_args(words)
        if unknown:
            self.error(self._about_unknown(unknown, getattr(arguments, "action", None)))
        return arguments

    def error(self, message: str) -> NoReturn:
        """Print one line without credentials, and exit with code 2."""
        line = one_line(" ".join(message.split()))
        self.exit(2, f"reid-track: error: {line} (see {self.prog} --help)\n")

    def _about_unknown(self, words: Sequence[str], action: str | None) -> str:
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        if not options:
            return f"unexpected argument: {' '.join(words)}"
        hint = suggestion(options[0], self._options(action))
        if options[0] in _FOREIGN:
            hint = f": use {_FOREIGN[options[0]]}"
        return f"unknown option {options[0]}{hint}"

    def _options(self, action: str | None) -> list[str]:
        """Return the long options of this command and of an action."""
        known = [*self._option_string_actions]
        for one in self._actions:
            if isinstance(one, argparse._SubParsersAction) and action is not None:
                known += one.choices[action]._option_string_actions
        return [name for name in known if name.startswith("--")]


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ": did you mean ...?" with the most similar known word, or an empty text."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.65)
    return f": did you mean {close[0]}?" if close else ""
