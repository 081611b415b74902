"""Configuration: one frozen dataclass a stage, YAML in and out, dotted overrides.

The dataclasses are the configuration; YAML is only their written form. Units stand in the names.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid_tracker.checked import Checked, CheckedT, from_mapping, number
from reid_tracker.config_central import CentralConfig
from reid_tracker.config_edge import EdgeConfig
from reid_tracker.config_file import find_config, parse_override, read_yaml, with_dotted
from reid_tracker.config_transport import TransportConfig
from reid_tracker.config_video import StreamConfig, VideoConfig

__all__ = [
    "CentralConfig",
    "Config",
    "DeepSortConfig",
    "DetectorConfig",
    "EdgeConfig",
    "EncoderConfig",
    "GalleryConfig",
    "MatchConfig",
    "OutputConfig",
    "StreamConfig",
    "Thresholds",
    "TransportConfig",
    "VideoConfig",
    "find_config",
    "load_config",
    "parse_override",
    "read_yaml",
]


@dataclass(frozen=True)
class DetectorConfig(Checked):
    """Which detector runs, and what it keeps.

    Attributes:
        model: "auto" takes the best detector on this machine and downloads nothing; or a name of
            `reid-track weights list`, a model file or folder that ultralytics loads (.pt, .onnx,
            OpenVINO, .engine), a YOLO name such as "yolo11n.pt", which is downloaded, or a
            MOTChallenge detection file (.txt) to replay.
        confidence: detections below it are dropped.
        iou: overlap above which non-maximum suppression drops the weaker of two boxes.
        image_size: side in pixels to which the longer side of a frame is scaled.
        classes: class numbers or names to keep; empty keeps all.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16 (GPU only).
        max_detections: most boxes kept in a frame.
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
    """Which appearance encoder runs, and how.

    Attributes:
        model: "auto" takes the best encoder on this machine and downloads nothing; a run without
            one tracks by motion alone, as does "none"; or a name of `reid-track weights list`, an
            .onnx file, a torchreid-style checkpoint (.pt, .pth), a published size such as
            "osnet_x0_25", or "timm:NAME".
        architecture: network of a checkpoint whose file name does not tell, e.g. "osnet_x1_0".
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16; None means on CUDA only.
        batch_size: most crops in one forward pass; bounds memory.
    """

    model: str = "auto"
    architecture: str | None = None
    device: str = "auto"
    half: bool | None = None
    batch_size: int = number(64, 1)


@dataclass(frozen=True)
class Thresholds(Checked):
    """Cosine distances at which an encoder's embeddings mean the same or another person.

    Encoders differ in how far they spread people apart. Those of the manifest come with their own;
    the defaults were measured with an OSNet x0.25 of MSMT17.

    Attributes:
        max_cosine_distance: see `DeepSortConfig`.
        prototype_spread: see `MatchConfig`, as are the others.
        tight: at most this is taken at once.
        loose: at most this is taken at last.
        margin: to the next best.
        revise_threshold: of joining groups.
    """

    max_cosine_distance: float = number(0.3, 0.0, 1.0)
    prototype_spread: float = number(0.15, 0.0, 1.0)
    tight: float = number(0.25, 0.0, 2.0)
    loose: float = number(0.35, 0.0, 2.0)
    margin: float = number(0.05, 0.0, 2.0)
    revise_threshold: float = number(0.32, 0.0, 2.0)


@dataclass(frozen=True)
class DeepSortConfig(Checked):
    """DeepSORT (arXiv 1703.07402); defaults measured for OSNet embeddings.

    Attributes:
        min_confidence: detections below it are ignored.
        high_confidence: only detections at or above it start tracks and enter the appearance
            memory; weaker ones, often half hidden, continue tracks.
        max_cosine_distance: appearance gate; OSNet embeddings are non-negative, so distances lie
            in [0, 1]. 1 switches the gate off; null takes the encoder's own, see `Thresholds`.
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
        return _chosen(self, Thresholds())


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
        return _chosen(self, Thresholds())


@dataclass(frozen=True)
class GalleryConfig(Checked):
    """Where it is remembered who was seen where, and for how long.

    Attributes:
        address: file, or postgresql://USER@HOST/DATABASE; null remembers nothing beyond the run.
        site: name of the place that the cameras belong to; may be empty.
        retention_h: what was stored more hours ago is deleted; null keeps it until it is purged.
        store_crops: keep a picture of each sighting, with the same retention.
        start_time: when the recording begins, such as "2026-11-24T18:30" (local time) or with a
            zone; null takes what the file says, and the present for cameras and streams.
        max_waiting: most sightings and events kept in memory while the gallery is away.
    """

    address: str | None = None
    site: str = ""
    retention_h: float | None = number(72.0, 0.0, exclusive=True)
    store_crops: bool = False
    start_time: str | None = None
    max_waiting: int = number(20_000, 1)


@dataclass(frozen=True)
class OutputConfig(Checked):
    """Which results are written, for each camera and for a run over several.

    Attributes:
        video: annotated H.264 video.
        mot: MOTChallenge text; with several cameras, also with ids over all of them.
        jsonl: JSON lines, one frame a line; with several cameras, also the identities' events.
        csv: one row a box.
        crops: one folder of pictures per identity.
        mosaic: one video of all cameras, where a run has several.
        parquet: a table of all boxes of all cameras, where a run has several.
        pictures: timeline, transitions, transit times and floor map, where a run has several.
        trail_s: length of the drawn trail.
        video_crf: x264 quality, 0 best to 51 worst.
        blur_heads: make heads unrecognisable in whatever pictures are shown, written or stored.
    """

    video: bool = True
    mot: bool = True
    jsonl: bool = True
    csv: bool = False
    crops: bool = False
    mosaic: bool = True
    parquet: bool = False
    pictures: bool = True
    trail_s: float = number(2.0, 0.0)
    video_crf: int = number(23, 0, 51)
    blur_heads: bool = False


@dataclass(frozen=True)
class Config(Checked):
    """The whole of a run, one section a stage."""

    detector: DetectorConfig = DetectorConfig()
    encoder: EncoderConfig = EncoderConfig()
    tracker: DeepSortConfig = DeepSortConfig()
    match: MatchConfig = MatchConfig()
    gallery: GalleryConfig = GalleryConfig()
    video: VideoConfig = VideoConfig()
    stream: StreamConfig = StreamConfig()
    output: OutputConfig = OutputConfig()
    transport: TransportConfig = TransportConfig()
    edge: EdgeConfig = EdgeConfig()
    central: CentralConfig = CentralConfig()

    def suited_to(self, encoder: Thresholds) -> Config:
        """Return a configuration in which an encoder's distances stand where none were set."""
        tracker, match = _chosen(self.tracker, encoder), _chosen(self.match, encoder)
        return dataclasses.replace(
            self,
            tracker=dataclasses.replace(
                self.tracker, max_cosine_distance=tracker.max_cosine_distance
            ),
            match=dataclasses.replace(
                self.match,
                prototype_spread=match.prototype_spread,
                tight=match.tight,
                loose=match.loose,
                margin=match.margin,
                revise_threshold=match.revise_threshold,
            ),
        )


def _chosen(config: DeepSortConfig | MatchConfig, others: Thresholds) -> Thresholds:
    """Return the thresholds that a configuration sets, and `others` where it sets none."""
    own = {
        item.name: getattr(config, item.name)
        for item in dataclasses.fields(Thresholds)
        if getattr(config, item.name, None) is not None
    }
    return dataclasses.replace(others, **own)


@typing.overload
def load_config(
    source: str | Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Config: ...


@typing.overload
def load_config(
    source: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    kind: type[CheckedT],
) -> CheckedT: ...


@typing.overload
def load_config(
    source: str | Path | None, overrides: Mapping[str, Any] | None, kind: type[CheckedT]
) -> CheckedT: ...


def load_config(
    source: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    kind: type[Any] = Config,
) -> Any:
    """Read a configuration.

    Args:
        source: a YAML file, the name of one in configs/ ("fast"), or None for defaults.
        overrides: settings applied on top, by dotted key: {"tracker.max_age_s": 2}.
        kind: the dataclass to build.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown, or a value does not fit.
    """
    folder = "trackers" if kind is DeepSortConfig else ""
    data = {} if source is None else read_yaml(find_config(source, folder))
    for key, value in (overrides or {}).items():
        data = with_dotted(data, key.split("."), value, key)
    return from_mapping(kind, data)
