"""Configuration: a frozen dataclass for each section, YAML files, and dotted overrides.

Names of keys end in their units.
"""

from reid_tracker.config.files import find_config, parse_override, read_yaml
from reid_tracker.config.root import Config, load_config
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
