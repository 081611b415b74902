"""Searches a video for a person: ranks tracks by their most similar frame."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from reid_tracker.arrays import Float32Array
from reid_tracker.cli.commands.search.picture import build_query_detector, find_person, read_query
from reid_tracker.config import EncoderConfig
from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.errors import ConfigError
from reid_tracker.pipeline import Pipeline
from reid_tracker.types import FrameResult
from reid_tracker.video import open_source

_ENCODE_EVERY_S = 0.5
"""Time between two embeddings of a track; people hardly change within it."""


@dataclass
class _Seen:
    """A track and its best score so far."""

    score: float
    best_s: float
    start_s: float
    end_s: float
    looked_s: float


def search_video(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Track a video and return its tracks, the most similar first, at most --top.

    Raises:
        ReidTrackerError: a picture, video or model cannot be used.
    """
    if arguments.camera or arguments.site or arguments.save_crops or arguments.sheet:
        raise ConfigError(
            "--camera, --site, --save-crops and --sheet are for galleries; leave them out with --in"
        )
    image = read_query(arguments.query)
    with open_source(arguments.video) as source:
        detector = build_query_detector(arguments)
        encoder = build_encoder(EncoderConfig(model=arguments.encoder, device=arguments.device))
        box = find_person(image, arguments, None if arguments.whole else detector)
        query = encoder.encode(image, box)[0]
        seen: dict[int, _Seen] = {}
        for result in Pipeline(detector, encoder).run([source]):
            _compare(result, query, encoder, seen)
    ranked = sorted(seen.items(), key=lambda item: (-item[1].score, item[0]))
    return [
        {
            "score": round(one.score, 4),
            "track": track,
            "best_s": one.best_s,
            "start_s": one.start_s,
            "end_s": one.end_s,
        }
        for track, one in ranked[: arguments.top]
    ]


def _compare(
    result: FrameResult, query: Float32Array, encoder: Encoder, seen: dict[int, _Seen]
) -> None:
    """Compare each track with the query every `_ENCODE_EVERY_S`."""
    now_s = result.frame.timestamp_s
    tracks = result.tracks[result.tracks.observed]
    due = []
    for row, track in enumerate(tracks.ids.tolist()):
        known = seen.setdefault(track, _Seen(-1.0, now_s, now_s, now_s, float("-inf")))
        known.end_s = now_s
        if now_s - known.looked_s >= _ENCODE_EVERY_S:
            due.append(row)
    if not due:
        return
    scores = encoder.encode(result.frame.image, tracks.boxes[due]) @ query
    for track, score in zip(tracks.ids[due].tolist(), scores.tolist(), strict=True):
        known = seen[track]
        known.looked_s = now_s
        if score > known.score:
            known.score, known.best_s = score, now_s
