"""Array types by their numbers, for annotations; types.py names those with a meaning."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
"""Booleans of any shape, often a mask."""

IntArray = npt.NDArray[np.int64]
"""Whole numbers of any shape: ids, indices, counts."""

FloatArray = npt.NDArray[np.float64]
"""Measurements of any shape: times, distances, probabilities, coordinates."""

Float32Array = npt.NDArray[np.float32]
"""Numbers of any shape as models compute them: embeddings, scores, activations."""
