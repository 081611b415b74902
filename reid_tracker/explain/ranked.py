"""Ranked lists: queries with their nearest gallery images, marked as right or wrong."""

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
    "Each row shows a query (black frame) and its {top} nearest gallery images by {metric} "
    "distance, nearest first. Green frame and \u2713: the same person{seen_by}; red frame and "
    "\u2717: someone else. Below each image: rank and distance. {rule}, as in the score. AP is the "
    "average precision of the query; it is 1 if all images of the person come first. The {count} "
    "queries are not chosen by hand: they are spread evenly from the worst to the best AP of all "
    "{scored}, whose mean (mAP) is {mean:.3f}."
)
_CAMERA_RULE = "Images of the same person from the query's own camera are ignored"
_ONE_CAMERA_RULE = "All images are of one camera, so a query is compared with all but itself"


@dataclass(frozen=True, eq=False)
class RankedList:
    """A query and its nearest gallery entries.

    Attributes:
        query: row of the query.
        gallery: (k,) int64 rows of the nearest gallery entries, nearest first.
        distances: (k,) float32.
        correct: (k,) bool, whether an entry shows the query's person.
        average_precision: average precision over the whole gallery.
        matches: number of true matches in the gallery.
    """

    query: int
    gallery: IntArray
    distances: Float32Array
    correct: BoolArray
    average_precision: float
    matches: int


@dataclass(frozen=True, eq=False)
class Ranking:
    """Ranked lists of chosen queries.

    Attributes:
        lists: ranked lists, from the worst to the best average precision.
        scored: number of all queries with a true match in the gallery.
        mean_ap: mean average precision of these queries.
        metric: the distance.
    """

    lists: tuple[RankedList, ...]
    scored: int
    mean_ap: float
    metric: Metric


def rank_queries(
    query: Samples, gallery: Samples, *, count: int = 10, top: int = 10, metric: Metric = "cosine"
) -> Ranking:
    """Rank the gallery for queries that are spread from the worst to the best.

    As in `evaluate_reid`, gallery entries with the query's identity and camera are ignored.

    Args:
        query: Q images; junk is dropped.
        gallery: G images; junk is dropped.
        count: number of chosen queries.
        top: number of gallery entries per query.
        metric: "cosine", "euclidean" or "sqeuclidean".

    Raises:
        InputError: no query has a true match in the gallery.
        ConfigError: the metric is unknown.
    """
    scores = evaluate_reid(query, gallery, metric=metric)
    good = np.nonzero(query.labels.identities != JUNK)[0]
    precisions = scores.average_precisions
    if scores.queries == scores.skipped:
        raise InputError(
            f"none of {scores.queries} queries has an image of its person from another camera; "
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
    camera_rule: bool = True,
    title: str = "Ranked lists",
) -> Sheet:
    """Draw ranked lists.

    Args:
        ranking: the ranked lists.
        query_image: returns the image of a query row, (H, W, 3) uint8 BGR.
        gallery_image: returns the image of a gallery row, (H, W, 3) uint8 BGR.
        camera_rule: whether images of a person from the query's own camera were ignored; False if
            all images are of one camera, and each has its own camera number.
        title: title of the sheet.
    """
    height, width = _CROP
    longest = max(len(found.gallery) for found in ranking.lists)
    step, row_height, left = width + 2 * _BORDER + 8, height + 52, 190
    caption = _CAPTION.format(
        top=longest,
        metric=ranking.metric,
        seen_by=", seen by another camera" if camera_rule else "",
        rule=_CAMERA_RULE if camera_rule else _ONE_CAMERA_RULE,
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
    # Ties rank in gallery order, as in the score.
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
    plural = "" if found.matches == 1 else "es"
    text = f"{found.matches} true\nmatch{plural}\nin the\ngallery"
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
