"""Programs in the style of the first DeepSORT: the function that encodes boxes of a frame.

    from reid_tracker.plugins.deep_sort import create_box_encoder

    encoder = create_box_encoder("auto")
    features = encoder(image, boxes_tlwh)

Written from the published interface; the original is GPL and was not used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.arrays import to_array
from reid_tracker.encode import Encoder
from reid_tracker.errors import InputError
from reid_tracker.geometry import tlwh_to_xyxy
from reid_tracker.plugins.hosts import the_encoder
from reid_tracker.types import Embeddings, ImageBGR


def create_box_encoder(
    model_filename: Encoder | str | Path = "auto", batch_size: int = 32
) -> Callable[[ImageBGR, Any], Embeddings]:
    """Return `encoder(image, boxes)`.

    It takes a BGR frame and (N, 4) boxes as left, top, width, height, and returns (N, D) unit rows.
    A box outside the frame is encoded as a black crop, not as noise.

    Args:
        model_filename: an encoder, or what `build_encoder` builds one from.
        batch_size: for callers that pass it; an encoder has its own.

    Raises:
        InputError: from the function, if a box has a negative width or height.
    """
    del batch_size
    encoder = the_encoder(model_filename)

    def encode(image: ImageBGR, boxes: Any) -> Embeddings:
        tlwh = to_array(boxes, np.float32, "boxes").reshape(-1, 4)
        if (tlwh[:, 2:] < 0).any():
            row = int(np.nonzero((tlwh[:, 2:] < 0).any(axis=1))[0][0])
            raise InputError(
                f"boxes row {row} is {tlwh[row].tolist()}: expected left, top, width, height with "
                "no negative size"
            )
        return encoder.encode(image, tlwh_to_xyxy(tlwh))

    return encode
