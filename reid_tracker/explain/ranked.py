"""Ranked lists: queries with their nearest gallery pictures, framed by whether they are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, IntArray
from reid_tracker.errors import InputError
from reid_tracker.evaluate import JUNK, EmbeddingDistances, Metric, Samples, evaluate_reid
from reid_tracker.explain.choose import spread_by
from reid_tracker.explain.nets import to_crops
from reid_tracker.explain.sheet import BLACK, GREEN, GREY, NORMAL, RED, SMALL, Sheet
from reid_tracker.types import ImageBGR

_CROP = (160, 80)  # height, width
_BORDER = 5
_CAPTION = (
    "Each row: a query (black frame) and the {top} pictures of the gallery that are nearest to it "
    "by {metric} distance, nearest first. Green frame and \u2713: the same person, seen by another "
    "camera; red frame and \u2717: someone else. Below each picture its rank and distance. "
    "Pictures of the query's person by the query's own camera are left out, as in the score. AP is "
    "the average precision of the query, 1 where all its pictures come first. The queries "
    "({count}) are spread evenly from the worst to the best AP of all {scored}, whose mean (mAP) "
    "is {mean:.3f}; they are not picked by hand."
)


@dataclass(frozen=True, eq=False)
class RankedList:
    """A query and what was found for it.

    Attributes:
        query: row of the query.
        gallery: (k,) int64 rows of the nearest gallery entries, nearest first.
        distances: (k,) float32.
        correct: (k,) bool, whether an entry shows the query's person.
        average_precision: of the query over the whole gallery.
        matches: number of right entries in the gallery.
    """

    query: int
    gallery: IntArray
    distances: Float32Array
    correct: BoolArray
    average_precision: float
    matches: int


@dataclass(frozen=True, eq=False)
class Ranking:
    """Some queries of many.

    Attributes:
        lists: from the worst to the best average precision.
        scored: number of queries that have a right entry in the gallery.
        mean_ap: of these.
        metric: by which distances were measured.
    """

    lists: tuple[RankedList, ...]
    scored: int
    mean_ap: float
    metric: Metric


def rank_queries(
    query: Samples, gallery: Samples, *, count: int = 10, top: int = 10, metric: Metric = "cosine"
) -> Ranking:
    """Search the gallery and keep the lists of queries spread from the worst to the best.

    Gallery entries with the query's identity and its camera are left out, as `evaluate_reid` does.

    Args:
        query: Q pictures; junk is dropped.
        gallery: G pictures; junk is dropped.
        count: queries to keep.
        top: gallery entries to keep for each.
        metric: "cosine", "euclidean" or "sqeuclidean".

    Raises:
        InputError: no query has a right entry in the gallery.
        ConfigError: the metric is unknown.
    """
    scores = evaluate_reid(query, gallery, metric=metric)
    good = np.nonzero(query.labels.identities != JUNK)[0]
    precisions = scores.average_precisions
    if scores.queries == scores.skipped:
        raise InputError(
            f"none of {scores.queries} queries has a picture of its person by another camera; "
            "there is nothing to rank"
        )
    chosen = spread_by(precisions, count)
    rows = good[chosen]
    table = EmbeddingDistances(query.embeddings[rows], gallery.embeddings, metric)[:]
    lists = tuple(
        _ranked(
            query, gallery, row, distances, average_precision=float(precisions[number]), top=top
        )
        for row, number, distances in zip(rows.tolist(), chosen, table, strict=True)
    )
    return Ranking(lists, scores.queries - scores.skipped, scores.mean_ap, metric)


def ranked_sheet(
    ranking: Ranking,
    query_image: Callable[[int], ImageBGR],
    gallery_image: Callable[[int], ImageBGR],
    *,
    title: str = "Ranked lists",
) -> Sheet:
    """Draw ranked lists.

    Args:
        ranking: what was found.
        query_image: gives the picture of a query by its row, (H, W, 3) uint8 BGR.
        gallery_image: likewise for the gallery.
        title: of the sheet.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    height, width = _CROP
    longest = max(len(found.gallery) for found in ranking.lists)
    step, row_height, left = width + 2 * _BORDER + 8, height + 52, 190
    caption = _CAPTION.format(
        top=longest,
        metric=ranking.metric,
        count=len(ranking.lists),
        scored=ranking.scored,
        mean=ranking.mean_ap,
    )
    body = max(left + longest * step, 700)
    sheet = Sheet(body, len(ranking.lists) * row_height, title, caption)
    for number, found in enumerate(ranking.lists):
        y = number * row_height + _BORDER
        _draw_query(sheet, y, found, query_image(found.query))
        _draw_found(sheet, left, y, found, [gallery_image(row) for row in found.gallery.tolist()])
    return sheet


def _ranked(
    query: Samples,
    gallery: Samples,
    row: int,
    distances: Float32Array,
    *,
    average_precision: float,
    top: int,
) -> RankedList:
    same = gallery.labels.identities == query.labels.identities[row]
    left_out = same & (gallery.labels.cameras == query.labels.cameras[row])
    left_out |= gallery.labels.identities == JUNK
    candidates = np.nonzero(~left_out)[0]
    # Equal distances rank in the order of the gallery, as in the score.
    nearest = candidates[np.argsort(distances[candidates], kind="stable")[:top]]
    return RankedList(
        query=row,
        gallery=nearest.astype(np.int64),
        distances=distances[nearest],
        correct=same[nearest],
        average_precision=average_precision,
        matches=int(np.count_nonzero(same & ~left_out)),
    )


def _draw_query(sheet: Sheet, y: int, found: RankedList, image: ImageBGR) -> None:
    height, width = _CROP
    sheet.paste(_BORDER, y, to_crops([image], _CROP)[0], border=_BORDER, colour=BLACK)
    x = width + 2 * _BORDER + 8
    sheet.text(x, y, f"AP {found.average_precision:.3f}", size=NORMAL, bold=True)
    plural = "" if found.matches == 1 else "s"
    text = f"{found.matches} right\npicture{plural}\nin the\ngallery"
    sheet.text(x, y + 24, text, size=SMALL, colour=GREY)
    sheet.text(0, y + height + _BORDER + 3, "query", size=SMALL)


def _draw_found(
    sheet: Sheet, left: int, y: int, found: RankedList, images: Sequence[ImageBGR]
) -> None:
    height, width = _CROP
    step = width + 2 * _BORDER + 8
    for rank, crop in enumerate(to_crops(images, _CROP)):
        right = bool(found.correct[rank])
        colour, sign = (GREEN, "\u2713") if right else (RED, "\u2717")
        x = left + rank * step
        sheet.paste(x, y, crop, border=_BORDER, colour=colour)
        text = f"{sign} {rank + 1}   {found.distances[rank]:.3f}"
        sheet.text(x - _BORDER, y + height + _BORDER + 3, text, size=SMALL, colour=colour)
