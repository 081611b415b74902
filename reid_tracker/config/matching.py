"""Settings of the matcher, which recognises people across cameras."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number
from reid_tracker.config.thresholds import Thresholds, chosen_thresholds


@dataclass(frozen=True)
class MatchConfig(Checked):
    """Who is who across cameras; costs are cosine distances of embeddings.

    Where `prototype_spread`, `tight`, `loose`, `margin` or `revise_threshold` is null, the
    encoder's own value is used, see `Thresholds`.

    Attributes:
        enabled: give people identities over all cameras of a run with several cameras.
        topology: YAML file of overlaps and transit times; null rules out only what is learned.
        learn_links: without a topology, transit times between two cameras are used once this many
            people went between them; 0 never learns.
        ground: YAML file of homographies to the ground plane; null matches without positions.
        min_score: embeddings of detections with a lower confidence are not remembered.
        max_cover: embeddings of boxes of which nearer boxes cover a larger part are not remembered.
        min_hits: number of embeddings after which a tracklet is good enough to be matched.
        prototypes: largest number of embeddings remembered per tracklet; 1 is their mean.
        prototype_spread: an embedding farther than this from all prototypes becomes a new one.
        tight: an identity whose cost is at most this is taken at once.
        loose: an identity whose cost is at most this, or `tight`, is taken when `patience_s` is
            over.
        margin: to be taken at once, the best identity must beat the next by this much.
        patience_s: longest time that a tracklet which is good enough waits for an identity.
        shortlist: number of identities, the nearest by mean embedding, that a tracklet is compared
            with closely.
        softness: how costs of pairs become the cost of an identity; small takes the nearest pair,
            large the mean.
        floor_weight: how much a near or far position on the ground lowers or raises a cost.
        floor_gate_m: two tracklets farther apart at the same time are two people.
        floor_speed_m_s: highest speed of a person between two sightings.
        revise_every_s: time between two revisions, which cluster the recent past again; 0 never
            does.
        revise_window_s: length of the recent past.
        revise_threshold: highest cost at which two groups are joined.
        revise_max_tracklets: a recent past with more tracklets is not revised, with a warning.
        keep_bonus: taken off the cost of pairs that already share an identity, so that ids stay.
        max_members: largest number of tracklets remembered of an identity where whole tracklets
            come in; the latest ones stay.
        memory_s: the live matcher forgets a tracklet that was not seen for longer.
    """

    enabled: bool = True
    topology: str | None = None
    learn_links: int = number(30, 0)
    ground: str | None = None
    min_score: float = number(0.5, 0.0, 1.0)
    max_cover: float = number(0.3, 0.0, 1.0)
    min_hits: int = number(5, 1)
    prototypes: int = number(6, 1, 1000)
    prototype_spread: float | None = number(None, 0.0, 1.0)
    tight: float | None = number(None, 0.0, 2.0)
    loose: float | None = number(None, 0.0, 2.0)
    margin: float | None = number(None, 0.0, 2.0)
    patience_s: float = number(2.0, 0.0)
    shortlist: int = number(32, 1)
    softness: float = number(0.1, 0.0, 1e3, exclusive=True)
    floor_weight: float = number(0.1, 0.0, 2.0)
    floor_gate_m: float = number(2.5, 0.0, 1e6, exclusive=True)
    floor_speed_m_s: float = number(4.0, 0.0, 1e3, exclusive=True)
    revise_every_s: float = number(5.0, 0.0)
    revise_window_s: float = number(60.0, 0.0)
    revise_threshold: float | None = number(None, 0.0, 2.0)
    revise_max_tracklets: int = number(3000, 1)
    keep_bonus: float = number(0.03, 0.0, 2.0)
    max_members: int = number(16, 1, 10_000)
    memory_s: float = number(600.0, 0.0)

    def thresholds(self) -> Thresholds:
        """Return the distances to go by: those set here, and the defaults of the others."""
        return chosen_thresholds(self, Thresholds())
