"""Cosine distances of an encoder, and which of them a configuration sets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class Thresholds(Checked):
    """Cosine distances at which an encoder's embeddings mean the same or another person.

    Encoders differ in how far they spread people apart. Those of the manifest come with their own;
    the defaults were measured with an OSNet x0.25 trained on MSMT17.

    Attributes:
        max_cosine_distance: see `DeepSortConfig`.
        prototype_spread: see `MatchConfig`, as for the others.
        tight: an identity at most this far away is taken at once.
        loose: an identity at most this far away is taken in the end.
        margin: lead over the next best identity.
        revise_threshold: highest cost at which two groups are joined.
    """

    max_cosine_distance: float = number(0.3, 0.0, 1.0)
    prototype_spread: float = number(0.15, 0.0, 1.0)
    tight: float = number(0.25, 0.0, 2.0)
    loose: float = number(0.35, 0.0, 2.0)
    margin: float = number(0.05, 0.0, 2.0)
    revise_threshold: float = number(0.32, 0.0, 2.0)


def chosen_thresholds(config: Checked, others: Thresholds) -> Thresholds:
    """Return the thresholds that a configuration sets, and `others` where it sets none."""
    own = {
        item.name: getattr(config, item.name)
        for item in dataclasses.fields(Thresholds)
        if getattr(config, item.name, None) is not None
    }
    return dataclasses.replace(others, **own)
