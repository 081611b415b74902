"""`reid-track config [NAME]`: prints every setting with its value, unit and meaning as YAML."""

from __future__ import annotations

import sys
from argparse import Namespace

from reid_tracker.cli.parser import Parser
from reid_tracker.cli.redact import redact
from reid_tracker.config import load_config, parse_override
from reid_tracker.config.docs import explained_yaml

_HEAD = """\
{name}, as printed by `reid-track config`. Copy the file, change what you need, and pass
the copy with --config; missing keys keep their defaults. `null` means: not set.\
"""
_EXAMPLES = """\
examples:
  reid-track config > mine.yaml       # the defaults, for editing
  reid-track config fast              # the settings of --config fast
  reid-track config mine.yaml --set tracker.max_age_s=5
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Print all settings as YAML: each key with its value, its unit or range, its default if "
        "the value differs, and its meaning."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="YAML file, or a name in configs/: fast, accurate, rtsp, ... (default: the defaults)",
    )
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="set a key (repeatable)"
    )


def run(arguments: Namespace) -> int:
    """Print the settings."""
    config = load_config(arguments.name, dict(map(parse_override, arguments.set)))
    name = f"The settings of {arguments.name}" if arguments.name else "All settings"
    sys.stdout.write(redact(explained_yaml(config, _HEAD.format(name=name))))
    return 0
