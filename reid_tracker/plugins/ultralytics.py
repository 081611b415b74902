"""ultralytics: our encoder in its trackers, its export, and its results in our tracker.

from ultralytics import YOLO
from reid_tracker.plugins.ultralytics import attach

model = YOLO("yolo11n.pt")
attach(model)
for results in model.track("video.mp4", tracker="botsort.yaml", stream=True):
print(results.boxes.id)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.arrays import Float32Array, to_array
from reid_tracker.encode import Encoder
from reid_tracker.errors import (
    ConfigError,
    InputError,
    MissingDependencyError,
    OutputError,
    WeightsError,
)
from reid_tracker.plugins.hosts import centred_boxes, check_host, the_encoder
from reid_tracker.types import Detections, ImageBGR, Tracks


class TrackerEncoder:
    """What ultralytics calls with a frame and its detections: `tracker.encoder`."""

    def __init__(self, encoder: Encoder | str | Path = "auto") -> None:
        self._encoder = the_encoder(encoder)

    def __call__(self, image: ImageBGR, detections: Any) -> list[Float32Array]:
        """Encode the detections of a frame.

        Args:
            image: (H, W, 3) uint8 BGR.
            detections: (N, 5) centre x, centre y, width, height, row; or (N, 6) with an angle in
                radians before the row.

        Returns:
            One unit row for each detection.
        """
        rows = to_array(detections, np.float64, "detections")
        if rows.size and (rows.ndim != 2 or rows.shape[1] not in (5, 6)):
            raise InputError(
                f"detections have shape {rows.shape}, expected (N, 5): centre x, centre y, width, "
                "height, row, as ultralytics' trackers pass them"
            )
        return list(self._encoder.encode(image, centred_boxes(rows[..., :-1])))


def attach(model: Any, encoder: Encoder | str | Path = "auto") -> None:
    """Make `model.track` compare people by our embeddings.

    Call it once, before `model.track`. Trackers are made when tracking starts, by a callback; ours
    must come after it, which this function takes care of. Works with `tracker="botsort.yaml"`,
    `deepocsort.yaml` and `tracktrack.yaml`, whatever `with_reid` says there.

    Args:
        model: a `YOLO` model.
        encoder: an encoder, or what `build_encoder` builds one from.

    Raises:
        MissingDependencyError: ultralytics is too old.
        InputError: `model` cannot track.
        ConfigError: from `model.track`, if the tracker of the call has no appearance model.
    """
    check_host("ultralytics", "8.4", "'ultralytics>=8.4'")
    if not hasattr(model, "add_callback") or not hasattr(model, "track"):
        raise InputError(
            f"model is a {type(model).__name__}: expected a model of ultralytics, as YOLO(...)"
        )
    from ultralytics.trackers import register_tracker

    ours = TrackerEncoder(encoder)

    def use_it(predictor: Any) -> None:
        for tracker in getattr(predictor, "trackers", ()):
            _equip(tracker, ours)
        if hasattr(predictor, "_hook"):  # the detector's own features are not needed any more
            predictor._hook.remove()
            predictor._feats = None

    register_tracker(model, persist=False)  # `track` replaces it in place, so ours stays behind it
    model.add_callback("on_predict_start", use_it)


def _equip(tracker: Any, encoder: TrackerEncoder) -> None:
    if not hasattr(tracker, "encoder"):
        raise ConfigError(
            f"tracker {type(tracker).__name__} compares no appearance; call model.track with "
            'tracker="botsort.yaml", "deepocsort.yaml" or "tracktrack.yaml"'
        )
    tracker.args.with_reid = True
    tracker.args.model = "reid_tracker"  # anything but "auto", which withholds the frame
    tracker.encoder = encoder


def from_results(results: Any) -> Detections:
    """Return the boxes of one frame's `Results` as detections; oriented boxes by their hulls.

    Raises:
        InputError: these results have no boxes, or are a list, as `model(...)` returns them.
    """
    if isinstance(results, list | tuple):
        raise InputError(
            f"results are a {type(results).__name__} of {len(results)}: expected the Results of "
            "one frame; take them one by one"
        )
    boxes = getattr(results, "boxes", None)
    boxes = getattr(results, "obb", None) if boxes is None else boxes
    if boxes is None:
        raise InputError(
            f"a {type(results).__name__} without boxes: expected Results of a model that detects"
        )
    return Detections(boxes.xyxy, boxes.conf, boxes.cls)


def to_results(tracks: Tracks, image: ImageBGR, names: Mapping[int, str] | None = None) -> Any:
    """Return tracks as ultralytics' `Results`, with ids, to draw (`plot`) or count with them.

    Args:
        tracks: of one frame.
        image: the frame, (H, W, 3) uint8 BGR.
        names: of the classes; by default, class 0 is "person" and others are their numbers.
    """
    import torch
    from ultralytics.engine.results import Results

    known = {int(number): str(number) for number in tracks.classes} | {0: "person"}
    columns = (tracks.boxes, tracks.ids, tracks.scores, tracks.classes)
    rows = np.column_stack([np.asarray(column, np.float32) for column in columns])
    boxes = torch.from_numpy(rows.reshape(-1, 7))
    return Results(image, path="", names=known | dict(names or {}), boxes=boxes)


def export(model: str | Path, out: str | Path) -> None:
    """Write an ONNX file for the key `model:` of ultralytics' tracker files.

    ultralytics feeds RGB in [0, 1] and does not normalise. The new file does so itself, with the
    mean and deviation of ImageNet, then runs the network of the old one. ultralytics also widens
    each box by 2 % and 10 pixels, which no file can undo: `attach` gives better embeddings.

    Args:
        model: an .onnx file that takes normalised RGB, as all of this project and of torchreid.
        out: file to write; must not exist.

    Raises:
        MissingDependencyError: the package onnx is not installed.
        WeightsError: `model` is missing or does not take pictures.
        OutputError: `out` exists.
    """
    try:
        import onnx
    except ImportError:
        raise MissingDependencyError(
            "export needs the package onnx; install it with pip install 'reid-tracker[onnx]'"
        ) from None
    if Path(out).exists():
        raise OutputError(f"{out}: exists already; remove it or name another file")
    try:
        network = onnx.load(str(model))
    except Exception as error:  # onnx raises protobuf's errors, which have no common base
        raise WeightsError(f"{model}: not a readable ONNX file ({type(error).__name__})") from None
    graph = network.graph
    shape = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim]
    kind = graph.input[0].type.tensor_type.elem_type
    if len(shape) != 4 or shape[1] != 3 or kind != onnx.TensorProto.FLOAT:
        raise WeightsError(f"{model}: its input is {shape}, expected float32 (batch, 3, H, W)")
    from reid_tracker.encode.preprocess import IMAGENET

    name = graph.input[0].name
    for node in graph.node:
        node.input[:] = [f"{name}_normalised" if one == name else one for one in node.input]
    for constant, values in (("mean", IMAGENET.mean), ("std", IMAGENET.std)):
        array = np.array(values, np.float32).reshape(1, 3, 1, 1)
        graph.initializer.append(onnx.numpy_helper.from_array(array, f"{name}_{constant}"))
    centre = onnx.helper.make_node("Sub", [name, f"{name}_mean"], [f"{name}_centred"])
    scale = onnx.helper.make_node("Div", [f"{name}_centred", f"{name}_std"], [f"{name}_normalised"])
    graph.node.insert(0, centre)
    graph.node.insert(1, scale)
    onnx.checker.check_model(network)
    onnx.save(network, str(out))
