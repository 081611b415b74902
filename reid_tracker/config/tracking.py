"""Settings of the tracker within one camera."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number
from reid_tracker.config.thresholds import Thresholds, chosen_thresholds


@dataclass(frozen=True)
class DeepSortConfig(Checked):
    """DeepSORT (arXiv 1703.07402) within one camera; defaults measured for OSNet embeddings.

    Attributes:
        min_confidence: detections with a lower confidence are ignored.
        high_confidence: only detections with at least this confidence start tracks and enter the
            appearance memory; weaker ones, often half hidden, continue tracks.
        max_cosine_distance: appearance gate; OSNet embeddings are non-negative, so distances lie
            in [0, 1]. 1 switches the gate off; null takes the encoder's own, see `Thresholds`.
        motion_weight: lambda of the paper's combined cost: the part of motion in ranking the pairs
            that pass both gates.
        max_iou_distance: gate of the IoU stage, on 1 - IoU.
        gate_probability: part of the chi-square distribution inside the Mahalanobis gate.
        nn_budget: number of embeddings remembered per track.
        n_init: number of consecutive detections that confirm a track.
        max_age_s: a confirmed track that is not seen for longer is deleted.
        coast_s: a track that is not seen is still reported for this long, at its predicted box.
        nominal_rate: frames per second for which the noise weights hold; time steps are measured
            in frames of this rate.
        std_weight_position: position noise per nominal frame, as a part of the box height.
        std_weight_velocity: velocity noise per nominal frame, as a part of the box height.
    """

    min_confidence: float = number(0.3, 0.0, 1.0)
    high_confidence: float = number(0.65, 0.0, 1.0)
    max_cosine_distance: float | None = number(None, 0.0, 1.0)
    motion_weight: float = number(0.1, 0.0, 1.0)
    max_iou_distance: float = number(0.8, 0.0, 1.0)
    gate_probability: float = number(0.95, 0.0, 0.9999, exclusive=True)
    nn_budget: int = number(100, 1, 10_000)
    n_init: int = number(3, 1)
    max_age_s: float = number(2.0, 0.0)
    coast_s: float = number(0.1, 0.0)
    nominal_rate: float = number(30.0, 0.0, 1e6, exclusive=True)
    std_weight_position: float = number(1 / 20, 0.0, 1e3, exclusive=True)
    std_weight_velocity: float = number(1 / 160, 0.0, 1e3, exclusive=True)

    def thresholds(self) -> Thresholds:
        """Return the distances to go by: those set here, and the defaults of the others."""
        return chosen_thresholds(self, Thresholds())
