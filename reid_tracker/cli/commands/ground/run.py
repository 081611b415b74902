"""`reid-track ground SOURCE...`: homographies from images to the ground plane, in metres."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.cli.commands.ground.people import describe, read_people
from reid_tracker.cli.commands.ground.points import parse_points, read_points
from reid_tracker.cli.options import add_drawing
from reid_tracker.cli.parser import Parser
from reid_tracker.errors import ConfigError, InputError, OutputError
from reid_tracker.match import CameraGround, GroundPlane, load_ground, save_ground
from reid_tracker.match.places.calibration import read_calibration
from reid_tracker.match.places.homography import fit_homography, ground_errors
from reid_tracker.match.places.self_calibration import MEAN_HEIGHT_M, calibrate_from_people
from reid_tracker.types import ImageBGR, VideoInfo
from reid_tracker.video import open_source

_log = logging.getLogger(__name__)

_EXAMPLES = """\
examples:
  reid-track ground door.mp4 --save floor.yaml                  # click points in a window
  reid-track ground door.mp4 --save floor.yaml \\
      --points "102,520=0,0 640,505=4,0 590,300=4,6 210,310=0,6 400,400=2,3"
  reid-track ground hall.mp4 --save floor.yaml --points points.yaml
  reid-track ground view001.mp4 --save floor.yaml --calibration View_001.xml
  reid-track ground door.mp4 hall.mp4 --save floor.yaml --from-people results
  reid-track door.mp4 hall.mp4 --ground floor.yaml
A point is x,y in pixels = X,Y in metres on the ground; all cameras of a site have the same origin.
"""


_METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0}
_GRID = (24, 32)  # rows and columns of pixels at which a calibration is sampled
_MAX_DISTANCE = 8.0  # times the median distance; farther away, a pixel spans metres


def run(arguments: argparse.Namespace) -> int:
    """Compute, check and save homographies."""
    ways = ("points", "calibration", "from_people")
    given = [f"--{way.replace('_', '-')}" for way in ways if getattr(arguments, way) is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} were given; expected only one of them")
    if arguments.from_people is not None:
        return _from_people(arguments)
    if len(arguments.sources) > 1:
        raise ConfigError(
            f"{len(arguments.sources)} sources: expected one, or --from-people with a run over all"
        )
    path = Path(arguments.save)
    name, image = first_frame(arguments.sources[0], arguments.at)
    name = arguments.camera or name
    plane = _existing(path, name, overwrite=arguments.overwrite)
    picture = Path(arguments.picture or path.with_name(f"{path.stem}_{name}.png"))
    if picture.exists() and not arguments.overwrite:
        raise OutputError(f"{picture} exists already; add --overwrite, or choose another --picture")
    if arguments.calibration is None:
        pixels, metres = _points(arguments.points, name, image)
    else:
        pixels, metres = _calibrated(arguments.calibration, image, _METRES[arguments.unit])
    try:
        matrix = fit_homography(pixels, metres)
    except InputError as error:
        raise ConfigError(str(error)) from None
    save_ground(_with_camera(plane, name, matrix), path)
    clicked = arguments.calibration is None
    _save_picture(picture, image, matrix, (pixels, metres) if clicked else None)
    if not arguments.quiet:
        _report(name, ground_errors(matrix, pixels, metres), path, picture, clicked=clicked)
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Map a camera's image to the ground plane with points whose positions you have measured "
        "(clicked in a window or given as text), with a calibration file, or with the people who "
        "walk in the images of one or several cameras. The camera is added to the YAML file that "
        "--ground reads, and a picture to check the result is drawn."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="video, picture folder, camera or stream; several with --from-people",
    )
    parser.add_argument(
        "--points", metavar="POINTS", help='"x,y=X,Y ...", or a YAML file (default: a window)'
    )
    parser.add_argument(
        "--calibration", metavar="FILE", help="Tsai XML (PETS) or OpenCV YAML, instead of points"
    )
    parser.add_argument(
        "--from-people",
        metavar="RUN",
        help="find the ground plane from the people in this folder of a finished run over the "
        "sources, or of MOTChallenge texts CAMERA.txt",
    )
    parser.add_argument(
        "--mean-height",
        type=float,
        default=MEAN_HEIGHT_M,
        metavar="METRES",
        help=f"mean height of people, for --from-people (default: {MEAN_HEIGHT_M})",
    )
    parser.add_argument(
        "--unit", choices=_METRES, default="mm", help="unit of the calibration file (default: mm)"
    )
    add_drawing(parser, "floor.yaml")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the camera's entry, or the file"
    )


def _from_people(arguments: argparse.Namespace) -> int:
    """Find the ground plane of all cameras of a run from its people."""
    path, person_m = Path(arguments.save), arguments.mean_height
    if not 0.5 <= person_m <= 2.5:
        raise ConfigError(f"--mean-height {person_m:g}: expected metres from 0.5 to 2.5")
    if arguments.camera is not None or arguments.picture is not None:
        raise ConfigError(
            "--camera and --picture are for one camera; leave them out with --from-people"
        )
    images: dict[str, ImageBGR] = {}
    infos: dict[str, VideoInfo] = {}
    for source in arguments.sources:
        with open_source(source) as opened:
            infos[opened.name] = opened.info
        name, image = first_frame(source, arguments.at)
        images[name] = image
    pictures = {name: path.with_name(f"{path.stem}_{name}.png") for name in images}
    existing = [each for each in (path, *pictures.values()) if each.exists()]
    if existing and not arguments.overwrite:
        raise OutputError(
            f"{existing[0]} exists already; add --overwrite, or choose another --save"
        )
    people = read_people(Path(arguments.from_people), infos)
    found = calibrate_from_people(people, person_m)
    save_ground(found.ground, path)
    for item in found.ground.cameras:
        matrix = np.array(item.matrix).reshape(3, 3)
        _save_picture(pictures[item.camera], images[item.camera], matrix, None)
    if not arguments.quiet:
        shown = ", ".join(map(str, pictures.values()))
        lines = [*describe(found, people, person_m), f"written: {path}; look at {shown}"]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def first_frame(source: str, at_s: float) -> tuple[str, ImageBGR]:
    """Return the name of a source and its frame at a time, (H, W, 3) uint8 BGR.

    Raises:
        ReidTrackerError: the source cannot be opened, or has no frame.
    """
    opened = open_source(source)
    try:
        image = None
        for frame in opened:
            image = frame.image
            if frame.timestamp_s >= at_s - 1e-6:
                break
        if image is None:
            raise ConfigError(f"{opened.name} has no frame; expected a video or images")
        return opened.name, image
    finally:
        opened.close()


def _existing(path: Path, camera: str, *, overwrite: bool) -> GroundPlane:
    """Read the existing file, before the user clicks anything."""
    if not path.exists():
        return GroundPlane()
    plane = load_ground(path)
    if any(item.camera == camera for item in plane.cameras) and not overwrite:
        raise OutputError(
            f"{path} already has camera '{camera}'; add --overwrite to replace it, or choose "
            "another file"
        )
    return plane


def _points(given: str | None, camera: str, image: ImageBGR) -> tuple[FloatArray, FloatArray]:
    if given is None:
        from reid_tracker.explain.pickers.points import pick_points

        return pick_points(image, f"reid-track ground: {camera}")
    if "=" in given:
        return parse_points(given)
    return read_points(Path(given), camera)


def _calibrated(path: str, image: ImageBGR, unit_m: float) -> tuple[FloatArray, FloatArray]:
    """Return pixels of the ground and their positions according to a calibration file."""
    height, width = image.shape[:2]
    rows, columns = _GRID
    y, x = np.meshgrid(np.linspace(0, height, rows), np.linspace(0, width, columns), indexing="ij")
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    metres = read_calibration(path).ground_points(pixels) * unit_m
    known = np.isfinite(metres).all(axis=1)
    if known.any():
        # Leave out pixels near the horizon, whose huge distances would dominate the fit.
        near = metres[np.flatnonzero(known)[-columns:]].mean(axis=0)
        away = np.linalg.norm(metres - near, axis=1)
        known &= away <= _MAX_DISTANCE * np.nanmedian(away[-rows * columns // 4 :])
    if known.sum() < 4:
        raise ConfigError(
            f"{path}: this camera does not see the ground; expected the plane Z=0 in its image"
        )
    return pixels[known], metres[known]


def _with_camera(plane: GroundPlane, camera: str, matrix: FloatArray) -> GroundPlane:
    """Return a ground plane with this camera added or replaced, in the units of its plan."""
    units = plane.units_per_metre
    scaled = np.diag([units, units, 1.0]) @ matrix
    others = tuple(item for item in plane.cameras if item.camera != camera)
    entry = CameraGround(camera, tuple(float(f"{value:.12g}") for value in scaled.ravel()))
    return GroundPlane((*others, entry), units)


def _save_picture(
    path: Path, image: ImageBGR, matrix: FloatArray, points: tuple[FloatArray, FloatArray] | None
) -> None:
    from reid_tracker.explain.ground_picture import draw_caption, draw_ground_grid, draw_points
    from reid_tracker.explain.sheet import write_png

    drawn, step_m = draw_ground_grid(image, matrix)
    text = f"a square is {step_m:g} m; the grid must lie on the floor like tiles"
    if points is not None:
        draw_points(drawn, *points, matrix)
        text += "; red: given points, green: fitted points"
    write_png(path, draw_caption(drawn, text))


def _report(camera: str, errors: FloatArray, path: Path, picture: Path, *, clicked: bool) -> None:
    mean, worst = float(errors.mean()), int(errors.argmax())
    what = f"point {worst + 1}" if clicked else "near the border of the image"
    lines = [
        f"{camera}: reprojection error {mean:.3f} m on average, at most {errors[worst]:.3f} m "
        f"({what}), {len(errors)} points"
    ]
    if clicked and len(errors) == 4:
        lines.append("four points always fit exactly; add more points to measure the error")
    lines.append(f"written: {path}; look at {picture}")
    sys.stdout.write("\n".join(lines) + "\n")
