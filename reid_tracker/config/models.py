"""Settings of the detector and the encoder."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class DetectorConfig(Checked):
    """Which detector runs, and which detections it keeps.

    Attributes:
        model: "auto" takes the best detector on this machine and downloads nothing; or a name of
            `reid-track weights list`, a model file or folder that ultralytics loads (.pt, .onnx,
            OpenVINO, .engine), a YOLO name such as "yolo11n.pt", which is downloaded, or a
            MOTChallenge detection file (.txt) to replay.
        confidence: detections with a lower confidence are dropped.
        iou: overlap above which non-maximum suppression drops the weaker of two boxes.
        image_size: length in pixels to which the longer side of a frame is scaled.
        classes: class numbers or names to keep; an empty list keeps all.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        half: compute in float16 (GPU only).
        max_detections: largest number of boxes kept in a frame.
    """

    model: str = "auto"
    confidence: float = number(0.3, 0.0, 1.0)
    iou: float = number(0.7, 0.0, 1.0)
    image_size: int = number(640, 32, 8192)
    classes: tuple[int | str, ...] = ("person",)
    device: str = "auto"
    half: bool = False
    max_detections: int = number(300, 1)


@dataclass(frozen=True)
class EncoderConfig(Checked):
    """Which encoder describes people's appearance, and how it runs.

    Attributes:
        model: "auto" takes the best encoder on this machine and downloads nothing; a run without
            one tracks by motion alone, as does "none"; or a name of `reid-track weights list`, an
            .onnx file, a torchreid-style checkpoint (.pt, .pth), a published size such as
            "osnet_x0_25" (untrained), or "timm:NAME".
        architecture: network of a checkpoint whose file name does not say it, e.g. "osnet_x1_0".
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        half: compute in float16; null does so on CUDA only.
        batch_size: largest number of crops in one forward pass; bounds the memory.
    """

    model: str = "auto"
    architecture: str | None = None
    device: str = "auto"
    half: bool | None = None
    batch_size: int = number(64, 1)
