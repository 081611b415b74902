"""Settings of the stages of a run: reading, detecting, encoding, tracking, matching, storing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from reid_tracker.config.checked import Checked, number, shown
from reid_tracker.errors import ConfigError

AnySection = TypeVar("AnySection", bound="_WithThresholds")

_ENCODE = {"auto": 1.0, "always": None}


@dataclass(frozen=True)
class VideoConfig(Checked):
    """How videos and images are read.

    Attributes:
        stride: read every n-th frame only.
        frame_rate: frames per second of images, or of a file whose header is wrong; null takes the
            file's own.
        frames_per_batch: number of frames of each source in one batch of the detector; more than 1
            makes GPUs faster on files, and delays the output by as many frames.
        frames_on: where frames are detected and encoded: "device" keeps them, boxes and crops in
            the memory of the models' device, which takes torch models (.pt, .pth); "host" gives
            the models arrays; "auto" is "device" on CUDA for torch models, else "host".
    """

    stride: int = number(1, 1)
    frame_rate: float | None = number(None, 0.001)
    frames_per_batch: int = number(1, 1)
    frames_on: str = "auto"


@dataclass(frozen=True)
class StreamConfig(Checked):
    """How network cameras are read.

    Attributes:
        transport: "tcp", or "udp", which damages pictures when packets are lost; RTSP only.
        open_timeout_s: maximum wait for an answer while connecting.
        read_timeout_s: a connection without data for this long is closed and opened again.
        stall_after_s: a connected camera without frames for this long is reported as stalled.
        reconnect_after_s: wait before the first attempt to reconnect; doubles with each failure.
        reconnect_most_s: maximum of this wait.
        refused_after_s: wait after the camera refused user and password, since many cameras lock
            an account after a few failures; doubles up to ten times this value.
        hardware: "auto" decodes on a graphics device if there is one, "none" never does; or "cuda",
            "vaapi", "videotoolbox", ...
        live: treat every http:// address as a camera, which is opened again when its video ends.
    """

    transport: str = "tcp"
    open_timeout_s: float = number(5.0, 0.1, 3600.0)
    read_timeout_s: float = number(4.0, 0.1, 3600.0)
    stall_after_s: float = number(3.0, 0.1, 3600.0)
    reconnect_after_s: float = number(0.5, 0.01, 3600.0)
    reconnect_most_s: float = number(2.0, 0.01, 3600.0)
    refused_after_s: float = number(30.0, 0.01, 3600.0)
    hardware: str = "auto"
    live: bool = False


@dataclass(frozen=True)
class DetectorConfig(Checked):
    """Which detector runs, and which detections it keeps.

    Attributes:
        model: "auto" takes the best detector on this machine and downloads nothing; or a name of
            `reid-track weights list`, a model file or folder that ultralytics loads (.pt, .onnx,
            OpenVINO, .engine), a YOLO name such as "yolo11n.pt", which is downloaded, or a
            MOTChallenge detection file (.txt) to replay.
        confidence: detections with a lower confidence are dropped.
        iou: overlap above which non-maximum suppression drops the weaker of two boxes; null takes
            the detector's own, or 0.7.
        image_size: length in pixels to which the longer side of a frame is scaled; null takes the
            detector's own, or 640.
        classes: class numbers or names to keep; an empty list keeps all.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        half: compute in float16 (GPU only); null does so for .pt models on CUDA.
        max_detections: maximum number of boxes in a frame.
    """

    model: str = "auto"
    confidence: float = number(0.3, 0.0, 1.0)
    iou: float | None = number(None, 0.0, 1.0)
    image_size: int | None = number(None, 32, 8192)
    classes: tuple[int | str, ...] = ("person",)
    device: str = "auto"
    half: bool | None = None
    max_detections: int = number(300, 1)


@dataclass(frozen=True)
class EncoderConfig(Checked):
    """Which encoder describes people's appearance, and how it runs.

    Attributes:
        model: "auto" takes the best encoder on this machine and downloads nothing; "none" tracks by
            motion alone, as does "auto" if there is no encoder; or a name of `reid-track weights
            list`, an .onnx file, an .xml file of OpenVINO, a torchreid-style checkpoint (.pt,
            .pth), a published size such as "osnet_x0_25" (untrained), or "timm:NAME".
        architecture: network of a checkpoint whose file name does not contain it, e.g.
            "osnet_x1_0".
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        backend: what runs the network: "torch", "onnxruntime", "openvino", "tensorrt", or "auto":
            torch for checkpoints, OpenVINO for .xml files and for .onnx files on CPUs of Intel and
            AMD, ONNX Runtime for other .onnx files.
        half: compute in float16, or in bfloat16 with OpenVINO on processors that have it; null does
            so on CUDA only.
        batch_size: maximum number of crops in one forward pass; limits the memory.
        crop_rounded: round the edges of boxes to the nearest pixel instead of truncating them.
        crop_scale: factor for the width and height of boxes before people are cut out.
        crop_padding: (pixels) Added to the scaled width and height of boxes.
    """

    model: str = "auto"
    architecture: str | None = None
    device: str = "auto"
    backend: str = "auto"
    half: bool | None = None
    batch_size: int = number(64, 1)
    crop_rounded: bool = False
    crop_scale: float = number(1.0, 0.1, 10.0)
    crop_padding: float = number(0.0, 0.0)


@dataclass(frozen=True)
class Thresholds(Checked):
    """Thresholds that depend on the detector (confidences) or the encoder (cosine distances).

    Detectors give the same person different confidences, and encoders give the same pair of people
    different distances. The models of the manifest have their own thresholds. The defaults were
    measured with YOLO11n trained on COCO and with an OSNet x0.25 trained on MSMT17.

    Attributes:
        min_confidence: see `DeepSortConfig`; depends on the detector.
        high_confidence: see `DeepSortConfig`; depends on the detector.
        max_cosine_distance: see `DeepSortConfig`; depends on the encoder, as do the following.
        prototype_spread: see `MatchConfig`.
        tight: see `MatchConfig`.
        loose: see `MatchConfig`.
        margin: see `MatchConfig`.
        revise_threshold: see `MatchConfig`.
    """

    min_confidence: float = number(0.3, 0.0, 1.0)
    high_confidence: float = number(0.65, 0.0, 1.0)
    max_cosine_distance: float = number(0.3, 0.0, 1.0)
    prototype_spread: float = number(0.15, 0.0, 1.0)
    tight: float = number(0.25, 0.0, 2.0)
    loose: float = number(0.35, 0.0, 2.0)
    margin: float = number(0.05, 0.0, 2.0)
    revise_threshold: float = number(0.32, 0.0, 2.0)


@dataclass(frozen=True)
class _WithThresholds(Checked):
    """A section that contains some of the thresholds; null takes the model's own."""

    def thresholds(self, others: Thresholds = Thresholds()) -> Thresholds:
        """Return the thresholds that are set here, and those of `others` where they are not set."""
        return dataclasses.replace(
            others, **{name: value for name, value in self._own() if value is not None}
        )

    def suited_to(self: AnySection, models: Thresholds) -> AnySection:
        """Return a copy that takes the models' thresholds where this section sets none."""
        chosen = self.thresholds(models)
        return dataclasses.replace(self, **{name: getattr(chosen, name) for name, _ in self._own()})

    def _own(self) -> Iterator[tuple[str, float | None]]:
        for item in dataclasses.fields(Thresholds):
            if hasattr(self, item.name):
                yield item.name, getattr(self, item.name)


@dataclass(frozen=True)
class DeepSortConfig(_WithThresholds):
    """DeepSORT (arXiv 1703.07402) within one camera; defaults measured for OSNet embeddings.

    Attributes:
        min_confidence: detections with a lower confidence are ignored; null takes the detector's
            own, see `Thresholds`.
        high_confidence: only detections with at least this confidence start tracks and enter the
            appearance memory; weaker ones, often half hidden people, only continue tracks. Null
            takes the detector's own.
        max_cosine_distance: appearance gate, a cosine distance; OSNet embeddings are non-negative,
            so distances lie in [0, 1], and 1 switches the gate off. Null takes the encoder's own,
            see `Thresholds`.
        motion_weight: lambda of the paper's combined cost: the weight of motion for pairs that pass
            both gates.
        cascade: recently seen tracks are assigned first, as in the paper; otherwise all tracks are
            assigned together.
        max_iou_distance: gate of the IoU stage, on 1 - IoU.
        gate_overlap: the appearance gate also holds in the IoU stage, for detections with at least
            `high_confidence`.
        camera_motion: compensate camera motion, if the tracker is given the frames.
        gate_probability: probability mass of the chi-square distribution inside the Mahalanobis
            gate.
        nn_budget: number of embeddings remembered per track.
        encode: which detections are encoded: "always" all of them, "auto" those whose embedding
            can change a decision, and people without neighbours once a second, but all of them
            where identities of several cameras are matched; "every:SECONDS" as auto of one camera,
            but once in this time.
        n_init: number of consecutive detections that confirm a track.
        confirm_first: confident detections of the first frame are confirmed at once, as in
            ByteTrack (arXiv 2110.06864).
        steady_size: predict a constant aspect ratio and height. Most apparent changes come from a
            person in front who hides part of the box; otherwise predicted boxes would keep
            shrinking.
        max_age_s: a confirmed track that is not detected for longer is deleted.
        recover_s: a new track gets the id of a person who was lost or hidden inside the image for
            at most this long, if the embeddings match and the distance can be walked; 0 never does.
        exit_s: a track that is not detected for longer, and whose predicted centre lies outside the
            image, is deleted.
        duplicate_cover: a detection starts no track if it overlaps another one by more than this
            part of the smaller box and shows the same head or person; 1 switches this off.
        whole_below: a box whose lower edge lies behind another person, and whose height is less
            than this part of the track's, gets the track's height; 0 leaves boxes unchanged.
        coast_s: a track that is not detected is still reported for this long, at its predicted box.
        hidden_s: the same for a track whose predicted box lies mostly behind another person.
        matched_weight: weight of the detector's box in the reported box; the rest is the Kalman
            filter's.
        nominal_rate: frames per second for which the noise weights hold; time steps are measured
            in frames of this rate.
        std_weight_position: position noise per nominal frame, as a fraction of the box height.
        std_weight_velocity: velocity noise per nominal frame, as a fraction of the box height.
        std_weight_measurement: noise of a detector's box, as a fraction of its height.
    """

    min_confidence: float | None = number(None, 0.0, 1.0)
    high_confidence: float | None = number(None, 0.0, 1.0)
    max_cosine_distance: float | None = number(None, 0.0, 1.0)
    motion_weight: float = number(0.05, 0.0, 1.0)
    cascade: bool = False
    max_iou_distance: float = number(0.8, 0.0, 1.0)
    gate_overlap: bool = True
    camera_motion: bool = True
    gate_probability: float = number(0.95, 0.0, 0.9999, exclusive=True)
    nn_budget: int = number(100, 1, 10_000)
    encode: str = "auto"
    n_init: int = number(3, 1)
    confirm_first: bool = True
    steady_size: bool = True
    max_age_s: float = number(2.0, 0.0)
    recover_s: float = number(30.0, 0.0)
    exit_s: float = number(0.5, 0.0)
    duplicate_cover: float = number(0.85, 0.0, 1.0)
    whole_below: float = number(0.9, 0.0, 1.0)
    coast_s: float = number(0.0, 0.0)
    hidden_s: float = number(0.7, 0.0)
    matched_weight: float = number(0.3, 0.0, 1.0)
    nominal_rate: float = number(30.0, 0.0, 1e6, exclusive=True)
    std_weight_position: float = number(1 / 20, 0.0, 1e3, exclusive=True)
    std_weight_velocity: float = number(1 / 160, 0.0, 1e3, exclusive=True)
    std_weight_measurement: float = number(0.15, 0.0, 1e3, exclusive=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.encode_every_s

    @property
    def encode_every_s(self) -> float | None:
        """Time after which a person with nobody near is encoded again; None: in every frame."""
        if self.encode in _ENCODE:
            return _ENCODE[self.encode]
        word, _, seconds = self.encode.partition(":")
        try:
            every_s = float(seconds)
        except ValueError:
            every_s = 0.0
        if word != "every" or not 0 < every_s < math.inf:
            raise ConfigError(
                f"encode = {shown(self.encode, str)}: expected auto, always or every:SECONDS, e.g. "
                "every:2"
            )
        return every_s


@dataclass(frozen=True)
class MatchConfig(_WithThresholds):
    """Identities across cameras; costs are cosine distances of embeddings.

    If `prototype_spread`, `tight`, `loose`, `margin` or `revise_threshold` is null, the encoder's
    own value is used, see `Thresholds`.

    Attributes:
        enabled: with several cameras, give people identities over all of them.
        topology: YAML file of overlaps and transit times; with null, only learned transit times
            restrict matches.
        learn_links: without a topology, transit times between two cameras are used after this many
            people have gone between them; 0 never learns.
        ground: YAML file of homographies to the ground plane; null matches without positions.
        min_score: embeddings of detections with a lower confidence are not used.
        max_cover: embeddings of boxes are not used if nearer boxes cover more than this part.
        min_hits: minimum number of embeddings before a tracklet is matched.
        prototypes: maximum number of embeddings remembered per tracklet; with 1 it is the mean.
        prototype_spread: an embedding farther than this from all prototypes becomes a new one.
        tight: an identity with at most this cost is accepted at once.
        loose: an identity with at most this cost, or `tight`, is accepted after `patience_s`.
        margin: to be accepted at once, the best identity must be better than the next by this much.
        patience_s: maximum time that a tracklet with enough embeddings waits for an identity.
        shortlist: number of identities, nearest by mean embedding, that a tracklet is compared with
            in detail.
        softness: how the costs of pairs give the cost of an identity: small values take the nearest
            pair, large ones the mean.
        floor_weight: how much the distance on the ground plane lowers or raises a cost.
        floor_gate_m: two tracklets farther apart at the same time are different people.
        floor_speed_m_s: maximum speed of a person between two sightings.
        revise_every_s: time between two revisions, which cluster the recent past again; 0 never
            does.
        revise_window_s: length of the recent past.
        revise_threshold: maximum cost at which a revision joins two groups.
        revise_max_tracklets: if the recent past has more tracklets, a warning is logged instead of
            a revision.
        keep_bonus: subtracted from the cost of pairs that already share an identity, so that ids
            are stable.
        max_members: maximum number of tracklets remembered per identity at the centre; the latest
            ones are kept.
        memory_s: the live matcher forgets a tracklet that was not seen for longer.
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


@dataclass(frozen=True)
class GalleryConfig(Checked):
    """Where sightings of people are stored, and for how long.

    Attributes:
        address: file, or postgresql://USER@HOST/DATABASE; null stores nothing beyond the run.
        site: name of the place of the cameras; may be empty.
        retention_h: delete sightings this long after they were stored; null keeps them until
            `reid-track gallery purge`.
        store_crops: also store a picture of each sighting, with the same retention.
        start_time: start of the recording, such as "2026-11-24T18:30" (local time) or with a time
            zone; null takes the time in the file, and the current time for cameras and streams.
        max_waiting: maximum number of sightings and events kept in memory while the gallery is
            unavailable.
    """

    address: str | None = None
    site: str = ""
    retention_h: float | None = number(72.0, 0.0, exclusive=True)
    store_crops: bool = False
    start_time: str | None = None
    max_waiting: int = number(20_000, 1)


@dataclass(frozen=True)
class OutputConfig(Checked):
    """Which results are written, for each camera and for a run over several cameras.

    Attributes:
        video: write an annotated H.264 video.
        mot: write MOTChallenge text, which counts frames from 1; with several cameras, also with
            identities across cameras.
        jsonl: write JSON lines, one frame a line, counted from 0; with several cameras, also the
            events of identities.
        csv: write CSV, one row a box; frames count from 0.
        crops: write pictures of each identity into a folder.
        heatmap: draw a PNG of the places where people spent their time.
        mosaic: write one video of all cameras; several cameras only.
        parquet: write a table of all boxes of all cameras; several cameras only.
        pictures: draw timeline, transitions, transit times and map; several cameras only.
        trail_s: duration of the drawn trail.
        labels: text at boxes in videos: "id", "class", "confidence".
        line_thickness: thickness of boxes in videos, in pixels; null adapts it to the frame.
        video_crf: quality of the x264 encoder; 0 is best, 51 is worst.
        blur_heads: blur heads in every picture that is shown, written or stored.
        refine: after a recorded video, also write tracks that are split, connected, filled and
            smoothed with knowledge of later frames, and a list of the changes.
        lines: lines at which people are counted, each NAME=X1,Y1,X2,Y2 in pixels, or a YAML file of
            lines and zones, as `reid-track zones` writes it.
        zones: zones in which people and their time are counted, each NAME=X1,Y1,X2,Y2,X3,Y3 or more
            points, or a YAML file of lines and zones.
        extra: names of further output formats that have no key.
    """

    video: bool = True
    mot: bool = True
    jsonl: bool = True
    csv: bool = False
    crops: bool = False
    heatmap: bool = False
    mosaic: bool = True
    parquet: bool = False
    pictures: bool = True
    trail_s: float = number(2.0, 0.0)
    labels: tuple[str, ...] = ("id",)
    line_thickness: int | None = number(None, 1, 100)
    video_crf: int = number(23, 0, 51)
    blur_heads: bool = False
    refine: bool = False
    lines: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for part in self.labels:
            if part not in ("id", "class", "confidence"):
                raise ConfigError(
                    f"labels = {shown(part, str)}: expected id, class or confidence, or several"
                )
