"""BoxMOT 25: our encoder as the appearance model of its trackers.

    from boxmot import BotSort
    from reid_tracker.plugins.boxmot import ReidModel

    tracker = BotSort(reid_model=ReidModel())

`StrongSort`, `DeepOcSort`, `HybridSort`, `BoostTrack` and `OccluBoost` take it, too. Loading no
weights through BoxMOT also keeps it from installing its own ONNX Runtime in the running process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.arrays import to_array
from reid_tracker.encode import Encoder
from reid_tracker.plugins.hosts import centred_boxes, check_host, the_encoder
from reid_tracker.types import Embeddings, ImageBGR


class ReidModel:
    """What BoxMOT's trackers take as `reid_model`.

    Args:
        encoder: an encoder, or what `build_encoder` builds one from.

    Raises:
        MissingDependencyError: BoxMOT is not installed, or too old.
    """

    def __init__(self, encoder: Encoder | str | Path = "auto") -> None:
        check_host("boxmot", "25.0", "'reid-tracker[boxmot]'")
        self._encoder = the_encoder(encoder)

    def get_features(self, boxes: Any, image: ImageBGR) -> Embeddings:
        """Encode the boxes of a frame.

        Args:
            boxes: (N, 4) xyxy, or (N, 5) oriented boxes: centre, width, height, radians.
            image: (H, W, 3) uint8 BGR.

        Returns:
            (N, D) float32 unit rows.
        """
        rows = to_array(boxes, np.float32, "boxes")
        if rows.ndim == 2 and rows.shape[1] == 5:
            rows = centred_boxes(rows)
        return self._encoder.encode(image, rows)
