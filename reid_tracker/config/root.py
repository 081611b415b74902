"""The whole configuration of a run, and how it is read."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid_tracker.config.checked import Checked, CheckedT, from_mapping
from reid_tracker.config.files import find_config, read_yaml, with_dotted
from reid_tracker.config.site import CentralConfig, EdgeConfig, TransportConfig
from reid_tracker.config.stages import (
    DeepSortConfig,
    DetectorConfig,
    EncoderConfig,
    GalleryConfig,
    MatchConfig,
    OutputConfig,
    StreamConfig,
    Thresholds,
    VideoConfig,
)


@dataclass(frozen=True)
class Config(Checked):
    """The configuration of a run; each stage has a section."""

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

    def suited_to(self, models: Thresholds) -> Config:
        """Return a copy that takes the models' thresholds where the configuration sets none."""
        return dataclasses.replace(
            self,
            tracker=self.tracker.suited_to(models),
            match=self.match.suited_to(models),
        )


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


def load_config(
    source: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    kind: type[Any] = Config,
) -> Any:
    """Read a configuration.

    Args:
        source: a YAML file, the name of one in configs/ ("fast"), or None for defaults.
        overrides: values that replace those of the file, by dotted key: {"tracker.max_age_s": 2}.
        kind: the dataclass to build.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown, or a value is invalid.
    """
    folder = "trackers" if kind is DeepSortConfig else ""
    data = {} if source is None else read_yaml(find_config(source, folder))
    for key, value in (overrides or {}).items():
        data = with_dotted(data, key.split("."), value, key)
    return from_mapping(kind, data)
