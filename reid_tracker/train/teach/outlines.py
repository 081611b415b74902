"""Outlines of labelled people: found once by GrabCut, cached on disk, shared between runs."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.train.checkpoint import write_atomically
from reid_tracker.train.detector.cutouts import outline_person
from reid_tracker.train.images import CropSource
from reid_tracker.train.teach.targets import digest

logger = logging.getLogger(__name__)

SIZE = (128, 64)
"""Height and width of the outlines: GrabCut takes a third of the time of full size."""

Outlines = npt.NDArray[np.uint8]
"""(N, H, W) 255 on the person and 0 elsewhere; all 0 where no outline was found."""


def find_outlines(images: CropSource, rows: range, folder: Path) -> Outlines:
    """Find the outlines of some crops, or read them from the cache.

    Args:
        images: all crops.
        rows: those whose people are outlined.
        folder: of the cache, one file for each content of the crops.
    """
    file = folder / f"outlines-{digest(images, rows)[:16]}.npy"
    if not file.is_file():
        logger.info("finding the outlines of %d people", len(rows))
        folder.mkdir(parents=True, exist_ok=True)
        found = np.zeros((len(rows), *SIZE), np.uint8)

        def fill(place: int) -> None:
            crop = images.take(np.array([rows[place]]), SIZE)[0]
            outline = outline_person(crop, height=SIZE[0])
            if outline is not None:
                found[place] = np.rint(255 * cv2.resize(outline, SIZE[::-1]))

        with ThreadPoolExecutor() as threads:
            for _ in threads.map(fill, range(len(rows))):
                pass
        write_atomically(file, lambda opened: np.save(opened, found))
    kept: Outlines = np.load(file)
    return kept
