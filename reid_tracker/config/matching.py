"""How people are recognised across cameras."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number
from reid_tracker.config.thresholds import Thresholds, chosen_thresholds


@dataclass(frozen=True)
class MatchConfig(Checked):
    """Who is who across cameras; costs are cosine distances of embeddings.

    Where `prototype_spread`, `tight`, `loose`, `margin` or `revise_threshold` is null, it is
    that of the encoder, see `Thresholds`.

    Attributes:
        enabled: give identities over all cameras of a run that has several.
        topology: YAML file of overlaps and transit times; null forbids nothing but what is learned.
        learn_links: ways between two cameras that are seen before, without a topology, times are
            learned of them; 0 never learns.
        ground: YAML file of homographies to a floor plan; null goes without positions.
        min_score: looks of weaker detections are not remembered.
        max_cover: looks of boxes covered more than this part by nearer ones are not remembered.
        min_hits: looks after which a tracklet is good enough to be matched.
        prototypes: most looks remembered per tracklet; 1 is one mean.
        prototype_spread: distance above which a look gets a prototype of its own.
        tight: an identity that costs at most this is taken at once.
        loose: one that costs at most this, or `tight`, is taken when the time to be sure is over.
        margin: by how much the best identity must beat the next to be taken at once.
        patience_s: longest time that a tracklet good enough waits without an identity.
        shortlist: identities, nearest by mean looks, that a tracklet is compared with closely.
        softness: from pair costs to costs of identities, small: nearest pair, large: mean.
        floor_weight: part that being near or far on the floor adds to or takes off a cost.
        floor_gate_m: two tracklets farther apart at the same time are two people.
        floor_speed_m_s: nobody goes faster from one sight to the next.
        revise_every_s: time between re-clusterings of the recent past; 0 never does.
        revise_window_s: how long ago the recent past begins.
        revise_threshold: highest cost of joining two groups.
        revise_max_tracklets: a recent past that holds more is left as it is, with a warning.
        keep_bonus: cost taken off pairs that are one identity already, so that ids stay.
        max_members: most tracklets remembered of an identity where whole tracklets come in; the
            latest ones stay.
        memory_s: a tracklet not seen for longer is forgotten by the live matcher.
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
