"""Boxes to appearance embeddings: crops, preprocessing and the back ends that run the network.

Heavy packages (torch, onnxruntime, cv2, timm) are imported by `build_encoder`, not here.
"""

from reid_tracker.encode.base import Encoder
from reid_tracker.encode.build import build_encoder, resolve_model
from reid_tracker.encode.thresholds import encoder_thresholds

__all__ = ["Encoder", "build_encoder", "encoder_thresholds", "resolve_model"]
