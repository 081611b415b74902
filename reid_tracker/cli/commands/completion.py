"""`reid-track completion SHELL`: prints a script that completes commands and options."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from reid_tracker.cli.parser import Parser
from reid_tracker.errors import MissingDependencyError

_FILES = {
    *("SOURCE", "FILE", "FOLDER", "PATH", "PATH|URL", "MODEL", "VIDEO", "IMAGE|VIDEO@TIME|ID"),
    *("DATASET", "RECIPE", "RUN", "TRUTH", "RESULT", "NAME"),
}
"""Metavars of arguments that may be files."""

_EXAMPLES = """\
examples:
  reid-track completion bash > ~/.local/share/bash-completion/completions/reid-track
  reid-track completion zsh > ~/.zfunc/_reid-track      # with fpath+=~/.zfunc in ~/.zshrc
  eval "$(reid-track completion bash)"                  # for this shell only
Open a new shell afterwards. Needs pip install 'reid-tracker[completion]'.
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = "Print a script that makes your shell complete commands and options."
    parser.epilog = _EXAMPLES
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="your shell")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError:
        raise MissingDependencyError(
            "shtab is not installed: pip install 'reid-tracker[completion]'"
        ) from None
    from reid_tracker.cli.main import TopParser

    top = TopParser()
    for parser in top.commands.values():
        _complete_files(parser.filled(), shtab.FILE)
    script = shtab.complete(top, shell=arguments.shell)
    # `reid-track video.mp4` needs no command: if no command matches, bash completes files.
    sys.stdout.write(script.replace("complete -o bashdefault", "complete -o default -o filenames"))
    return 0


def _complete_files(parser: argparse.ArgumentParser, files: Any) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_files(below, files)
        elif action.metavar in _FILES:
            action.complete = files  # type: ignore[attr-defined]
