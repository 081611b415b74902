"""A sheet: title, caption, images, texts and charts at pixel positions, saved as a PNG file.

Only this file uses matplotlib. It uses the Agg renderer and the object-oriented interface, so it
needs no screen and does not change the matplotlib state of the program.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.errors import MissingDependencyError, OutputError
from reid_tracker.types import ImageBGR

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes  # noqa: PLC0414 - for the other files of this room
else:
    Axes = Any  # matplotlib is imported where a sheet is made

# Colours of Okabe and Ito, and a red of Tol: distinguishable with any colour vision.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#CC3311"
PURPLE, SKY, GREY, BLACK = "#CC79A7", "#56B4E9", "#767676", "#000000"
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)

MARGIN = 24
"""White space around the content of a sheet, pixels."""

SMALL, NORMAL, LARGE = 9.0, 10.5, 15.0
"""Font sizes in points; a point is `_PIXELS_PER_POINT` pixels."""

_DPI = 100
_PIXELS_PER_POINT = _DPI / 72
_LETTER_WIDTH = 0.56  # of the font size, for an average text
_BOLD_LETTER_WIDTH = 0.64
_LINE_HEIGHT = 1.3  # of the font size


class Sheet:
    """A white image with a title and a caption above a body.

    Positions (x, y) are pixels from the upper left corner of the body; y points down.

    Args:
        width: width of the body, pixels.
        height: height of the body, pixels.
        title: one line.
        caption: explanation of the sheet; lines are wrapped automatically.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """

    def __init__(self, width: int, height: int, title: str, caption: str) -> None:
        figure_class, canvas_class = require_matplotlib()
        letters = int(width / (NORMAL * _PIXELS_PER_POINT * _LETTER_WIDTH))
        lines = textwrap.wrap(caption, letters)
        title_height = line_height(LARGE) + 6
        self._left = MARGIN
        self._top = MARGIN + title_height + len(lines) * line_height(NORMAL) + MARGIN // 2
        self._size = width + 2 * MARGIN, self._top + height + MARGIN
        inches = [side / _DPI for side in self._size]
        self._figure = figure_class(figsize=inches, dpi=_DPI, facecolor="white")
        self._agg = canvas_class(self._figure)
        self._paper: npt.NDArray[np.uint8]
        self._paper = np.full((self._size[1], self._size[0], 3), 255, np.uint8)  # RGB
        most = int(width / (LARGE * _PIXELS_PER_POINT * _BOLD_LETTER_WIDTH))
        title = title if len(title) <= most else f"{title[: most - 1]}\u2026"
        self.text(0, MARGIN - self._top, title, size=LARGE, bold=True)
        for row, line in enumerate(lines):
            y = MARGIN + title_height + row * line_height(NORMAL) - self._top
            self.text(0, y, line, colour="#333333")

    def paste(
        self, x: int, y: int, image: ImageBGR, *, border: int = 0, colour: str = BLACK
    ) -> None:
        """Place a (H, W, 3) uint8 BGR image, which must fit into the body, without resampling.

        (x, y) is its upper left corner. A frame of `border` pixels is drawn around it.
        """
        height, width = image.shape[:2]
        left, top = self._left + x, self._top + y
        if border:
            rows = slice(top - border, top + height + border)
            self._paper[rows, left - border : left + width + border] = rgb(colour)
        self._paper[top : top + height, left : left + width] = image[..., ::-1]

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = NORMAL,
        colour: str = BLACK,
        align: str = "left",
        bold: bool = False,
    ) -> None:
        """Draw text with its upper edge at y; x is its left edge, centre or right edge."""
        width, height = self._size
        self._figure.text(
            (self._left + x) / width,
            1 - (self._top + y) / height,
            text,
            fontsize=size,
            color=colour,
            ha=align,
            va="top",
            fontweight="bold" if bold else "normal",
            linespacing=_LINE_HEIGHT * 0.95,
            parse_math=False,  # file names may contain dollar signs
        )

    def chart(self, x: float, y: float, width: float, height: float) -> Axes:
        """Add a chart with this plotting area; axis labels are outside the area."""
        whole_width, whole_height = self._size
        left, bottom = (self._left + x) / whole_width, 1 - (self._top + y + height) / whole_height
        place = (left, bottom, width / whole_width, height / whole_height)
        axes: Axes = self._figure.add_axes(place)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=SMALL)
        axes.set_axisbelow(True)
        return axes

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the sheet as (H, W, 3) uint8 RGB."""
        self._figure.images.clear()
        # figimage does not resample.
        self._figure.figimage(self._paper, origin="upper", zorder=-1)
        with warnings.catch_warnings():
            # The font lacks some scripts; their characters appear as boxes.
            warnings.filterwarnings("ignore", "Glyph", UserWarning)
            self._agg.draw()
        drawn: npt.NDArray[np.uint8] = np.asarray(self._agg.buffer_rgba())[..., :3].copy()
        return drawn

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a PNG file atomically and return its path; the folder must exist.

        Raises:
            OutputError: the file exists or cannot be written.
        """
        path = Path(path)
        refuse_existing([path], overwrite=overwrite)
        options = [cv2.IMWRITE_PNG_COMPRESSION, 7]
        encoded = cv2.imencode(".png", self.pixels()[..., ::-1], options)[1]
        beside = path.with_name(f"{path.name}.part")
        try:
            beside.write_bytes(encoded.tobytes())
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise OutputError(
                f"cannot write {path}: {error.strerror}; choose another folder with --output"
            ) from None
        return path


def refuse_existing(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse files that exist.

    Raises:
        OutputError: a file exists, and `overwrite` is False.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise OutputError(
                f"{path} exists already: use --overwrite to replace it, or another output folder"
            )


def line_height(size: float) -> int:
    """Return the line height in pixels of a font size in points."""
    return round(size * _PIXELS_PER_POINT * _LINE_HEIGHT)


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255, of "#RRGGBB"."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def legend(axes: Axes, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> Any:
    """Add and return a legend; labels are not parsed as math."""
    box = axes.legend(handles, labels, fontsize=SMALL, frameon=False, **options)
    for text in [*box.get_texts(), box.get_title()]:
        text.set_parse_math(False)
    return box


def require_matplotlib() -> tuple[Any, Any]:
    """Import matplotlib and return its Figure and FigureCanvasAgg classes.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError(
            "drawing needs the package matplotlib; "
            "install it with pip install 'reid-tracker[explain]'"
        ) from None
    return Figure, FigureCanvasAgg
