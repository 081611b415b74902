"""Configuration: frozen dataclasses with checked ranges, YAML in and out, dotted overrides.

The dataclasses are the configuration; YAML is only their written form. An unknown key is an error
that names the nearest known one. Units stand in the names.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from reid_tracker.errors import ConfigError
from reid_tracker.resources import shipped

_ConfigT = TypeVar("_ConfigT", bound="_Checked")


def _number(default: Any, low: float, high: float = math.inf, *, exclusive: bool = False) -> Any:
    """Declare a number within [low, high], or (low, high] if `exclusive`."""
    return field(default=default, metadata={"low": low, "high": high, "exclusive": exclusive})


@dataclass(frozen=True)
class _Checked:
    """Base of the configuration classes: checks the declared range of every number."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if "low" not in item.metadata or value is None:
                continue
            low, high = item.metadata["low"], item.metadata["high"]
            too_low = value <= low if item.metadata["exclusive"] else value < low
            if too_low or value > high or math.isnan(value):
                bound = f"above {low:g}" if item.metadata["exclusive"] else f"at least {low:g}"
                bound += "" if math.isinf(high) else f" and at most {high:g}"
                raise ConfigError(f"{item.name} = {value}: expected a number {bound}")


@dataclass(frozen=True)
class DetectorConfig(_Checked):
    """Which detector runs, and what it keeps.

    Attributes:
        model: a model file or folder that ultralytics loads (.pt, .onnx, OpenVINO, .engine), a
            model name that it downloads, or a MOTChallenge detection file (.txt) to replay.
        confidence: detections below it are dropped.
        iou: overlap above which non-maximum suppression drops the weaker of two boxes.
        image_size: side in pixels to which the longer side of a frame is scaled.
        classes: class numbers or names to keep; empty keeps all.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16 (GPU only).
        max_detections: most boxes kept in a frame.
    """

    model: str = "yolo11n.pt"
    confidence: float = _number(0.3, 0.0, 1.0)
    iou: float = _number(0.7, 0.0, 1.0)
    image_size: int = _number(640, 32)
    classes: tuple[int | str, ...] = ("person",)
    device: str = "auto"
    half: bool = False
    max_detections: int = _number(300, 1)


@dataclass(frozen=True)
class EncoderConfig(_Checked):
    """Which appearance encoder runs, and how.

    Attributes:
        model: an .onnx file, a torchreid-style checkpoint (.pt, .pth), a published size such as
            "osnet_x0_25", or "timm:NAME"; "none" tracks by motion alone.
        architecture: network of a checkpoint whose file name does not tell, e.g. "osnet_x1_0".
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16; None means on CUDA only.
        batch_size: most crops in one forward pass; bounds memory.
    """

    model: str = "osnet_x0_25"
    architecture: str | None = None
    device: str = "auto"
    half: bool | None = None
    batch_size: int = _number(64, 1)


@dataclass(frozen=True)
class DeepSortConfig(_Checked):
    """DeepSORT (arXiv 1703.07402); defaults measured for OSNet embeddings.

    Attributes:
        min_confidence: detections below it are ignored.
        high_confidence: only detections at or above it start tracks and enter the appearance
            memory; weaker ones, often half hidden, continue tracks.
        max_cosine_distance: appearance gate; OSNet embeddings are non-negative, so distances lie
            in [0, 1]. 1 switches the gate off.
        motion_weight: lambda of the paper's combined cost, the part of motion in ranking the pairs
            that pass both gates.
        max_iou_distance: gate of the IoU stage, on 1 - IoU.
        gate_probability: part of the chi-square distribution inside the Mahalanobis gate.
        nn_budget: embeddings remembered per track.
        n_init: consecutive detections that confirm a track.
        max_age_s: a confirmed track unseen for longer is deleted.
        coast_s: a track unseen for at most this long is still reported, at its predicted box.
        nominal_rate: frames per second for which the noise weights hold; time steps are measured
            in frames of this rate.
        std_weight_position: position noise per nominal frame, as a part of the box height.
        std_weight_velocity: velocity noise per nominal frame, as a part of the box height.
    """

    min_confidence: float = _number(0.3, 0.0, 1.0)
    high_confidence: float = _number(0.65, 0.0, 1.0)
    max_cosine_distance: float = _number(0.3, 0.0, 1.0)
    motion_weight: float = _number(0.1, 0.0, 1.0)
    max_iou_distance: float = _number(0.8, 0.0, 1.0)
    gate_probability: float = _number(0.95, 0.0, 0.9999, exclusive=True)
    nn_budget: int = _number(100, 1)
    n_init: int = _number(3, 1)
    max_age_s: float = _number(2.0, 0.0)
    coast_s: float = _number(0.1, 0.0)
    nominal_rate: float = _number(30.0, 0.0, exclusive=True)
    std_weight_position: float = _number(1 / 20, 0.0, exclusive=True)
    std_weight_velocity: float = _number(1 / 160, 0.0, exclusive=True)


@dataclass(frozen=True)
class VideoConfig(_Checked):
    """How sources are read.

    Attributes:
        stride: take every n-th frame.
        frame_rate: frames per second of a file whose header tells it wrong, or of images; null
            takes what the file says.
        frames_per_batch: frames of each source that are detected in one batch; more than 1 helps a
            GPU on files and delays the output by as many frames.
    """

    stride: int = _number(1, 1)
    frame_rate: float | None = _number(None, 0.001)
    frames_per_batch: int = _number(1, 1)


@dataclass(frozen=True)
class OutputConfig(_Checked):
    """Which results are written, for each camera.

    Attributes:
        video: annotated H.264 video.
        mot: MOTChallenge text.
        jsonl: JSON lines, one frame a line.
        csv: one row a box.
        crops: one folder of pictures per identity.
        trail_s: length of the drawn trail.
        video_crf: x264 quality, 0 best to 51 worst.
    """

    video: bool = True
    mot: bool = True
    jsonl: bool = True
    csv: bool = False
    crops: bool = False
    trail_s: float = _number(2.0, 0.0)
    video_crf: int = _number(23, 0, 51)


@dataclass(frozen=True)
class Config(_Checked):
    """The whole of a run, one section a stage."""

    detector: DetectorConfig = DetectorConfig()
    encoder: EncoderConfig = EncoderConfig()
    tracker: DeepSortConfig = DeepSortConfig()
    video: VideoConfig = VideoConfig()
    output: OutputConfig = OutputConfig()


def load_config(
    source: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    kind: type[_ConfigT] = Config,  # type: ignore[assignment]
) -> _ConfigT:
    """Read a configuration.

    Args:
        source: a YAML file, the name of one in configs/ ("fast"), or None for defaults.
        overrides: settings applied on top, by dotted key: {"tracker.max_age_s": 2}.
        kind: the dataclass to build.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown, or a value does not fit.
    """
    folder = "trackers" if kind is DeepSortConfig else ""
    data = {} if source is None else _read_yaml(find_config(source, folder))
    for key, value in (overrides or {}).items():
        _set_dotted(data, key, value)
    return from_mapping(kind, data)


def parse_override(text: str) -> tuple[str, Any]:
    """Split "dotted.key=value" into its key and its value, which is YAML.

    Raises:
        ConfigError: there is no "=", or the value is not YAML.
    """
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"'{text}': expected key=value, e.g. tracker.max_age_s=2")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"'{text}': the value is not YAML") from None


def find_config(name: str | Path, folder: str = "") -> Path:
    """Return the YAML file that `name` means: a path, or a ready-made configuration's name.

    Args:
        name: path or bare name.
        folder: subfolder of configs/ in which bare names are looked up.

    Raises:
        ConfigError: there is neither.
    """
    if Path(name).is_file():
        return Path(name)
    ready_made = shipped("configs", *filter(None, [folder]))
    if (path := ready_made / f"{name}.yaml").is_file():
        return path
    names = sorted(item.stem for item in ready_made.glob("*.yaml"))
    raise ConfigError(
        f"no configuration '{name}': expected a YAML file or one of {', '.join(names)}"
    )


def from_mapping(kind: type[_ConfigT], data: Mapping[str, Any], where: str = "") -> _ConfigT:
    """Build a configuration dataclass from nested mappings.

    Args:
        kind: the dataclass.
        data: its fields; missing ones take their defaults.
        where: dotted prefix for error messages.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where.rstrip('.') or 'configuration'} = {data!r}: expected a mapping")
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in data.items():
        if key not in hints:
            raise ConfigError(f"unknown key '{where}{key}'{_nearest(str(key), hints)}")
        values[key] = _convert(hints[key], value, f"{where}{key}")
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from None


def to_yaml(config: _Checked) -> str:
    """Write a configuration as YAML that `load_config` reads back to an equal object."""
    import yaml

    return yaml.safe_dump(_plain(dataclasses.asdict(config)), sort_keys=False)


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} is not YAML: {reason}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(
            f"{path}: expected 'key: value' lines at the top, found {type(data).__name__}"
        )
    return data


def _set_dotted(data: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, name = dotted.split(".")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise ConfigError(f"'{dotted}': '{section}' is not a section")
    data[name] = value


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Convert a YAML value to the annotated type of the field `where`."""
    if isinstance(hint, type) and issubclass(hint, _Checked):
        return from_mapping(hint, value, f"{where}.")
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        for option in typing.get_args(hint):
            if option is type(None) and value is None:
                return None
            if option is not type(None) and _matches(option, value):
                return _convert(option, value, where)
    elif origin is tuple:
        items = [value] if isinstance(value, str | int) else value
        if isinstance(items, list | tuple):
            return tuple(_convert(typing.get_args(hint)[0], item, where) for item in items)
    elif _matches(hint, value):
        return hint(value)
    raise ConfigError(f"{where} = {value!r}: expected {_describe(hint)}")


def _matches(hint: Any, value: Any) -> bool:
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


_DESCRIPTIONS = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    type(None): "null",
}


def _describe(hint: Any) -> str:
    if hint in _DESCRIPTIONS:
        return _DESCRIPTIONS[hint]
    options = [item for item in typing.get_args(hint) if item is not Ellipsis]
    text = " or ".join(_describe(item) for item in options)
    return f"a list of {text}" if typing.get_origin(hint) is tuple else text


def _nearest(key: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    return f": did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}"


def _plain(value: Any) -> Any:
    """Replace tuples by lists, which YAML's safe form can write."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
