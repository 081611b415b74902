"""`reid-track zones SOURCE`: draws the lines and zones at which people are counted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from reid_tracker.cli.commands.ground.run import first_frame
from reid_tracker.cli.options import add_drawing
from reid_tracker.cli.parser import Parser
from reid_tracker.errors import ConfigError
from reid_tracker.match.places.files import save_checked
from reid_tracker.sink import CountingPlaces
from reid_tracker.sink.counts.places import check_places, load_places, read_places
from reid_tracker.types import VideoInfo

_EXAMPLES = """\
examples:
  reid-track zones door.mp4 --save zones.yaml                  # draw in a window
  reid-track zones door.mp4 --save zones.yaml --line "gate=100,400,620,400"
  reid-track zones hall.mp4 --save zones.yaml                  # add a second camera
  reid-track door.mp4 hall.mp4 --zone zones.yaml
In the window, press l and click twice for a line, or press z and click the corners of a zone, then
Enter. People who cross a line in the direction of its arrow are counted as coming in.
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Draw lines and zones onto a frame of a camera, in a window or as coordinates. Writes the "
        "YAML file that --line and --zone read, and a picture to check it. An existing file keeps "
        "its lines and zones, also those of other cameras."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("source", metavar="SOURCE", help="video, picture folder, camera or stream")
    for option, more in (("line", ""), ("zone", ",X3,Y3...")):
        parser.add_argument(
            f"--{option}",
            action="append",
            default=[],
            metavar="PLACE",
            help=f"add a {option} NAME=X1,Y1,X2,Y2{more} instead of opening a window (repeatable)",
        )
    add_drawing(parser, "zones.yaml")


def run(arguments: argparse.Namespace) -> int:
    """Draw, check and save the places of one camera."""
    from reid_tracker.explain.ground_picture import draw_caption
    from reid_tracker.explain.pickers.places import draw_places, pick_places
    from reid_tracker.explain.sheet import write_png

    path = Path(arguments.save)
    earlier = load_places(path) if path.exists() else CountingPlaces()
    typed = read_places(arguments.line, arguments.zone)
    name, image = first_frame(arguments.source, arguments.at)
    name = arguments.camera or name
    mine = earlier.of(name)
    if any(typed):
        mine = CountingPlaces((*mine.lines, *typed.lines), (*mine.zones, *typed.zones))
    else:
        mine = pick_places(image, name, mine, f"reid-track zones: {name}")
    if not any(mine):
        raise ConfigError("nothing was drawn; expected at least one line or zone")
    mine = check_places(mine, {name: VideoInfo(image.shape[1], image.shape[0], Fraction(1))})
    lines = (line for line in earlier.lines if line.camera != name)
    zones = (zone for zone in earlier.zones if zone.camera != name)
    picture = Path(arguments.picture or path.with_name(f"{path.stem}_{name}.png"))
    save_checked(CountingPlaces((*lines, *mine.lines), (*zones, *mine.zones)), path)
    text = "crossing a line in the direction of its arrow counts as coming in"
    write_png(picture, draw_caption(draw_places(image, mine), text))
    if not arguments.quiet:
        sys.stdout.write(
            f"{name}: {_counted(mine.lines, 'line')}, {_counted(mine.zones, 'zone')}\n"
            f"written: {path}; look at {picture}\n"
        )
    return 0


def _counted(places: Sequence[object], word: str) -> str:
    return f"{len(places)} {word}{'' if len(places) == 1 else 's'}"
