"""Configuration: one frozen dataclass a section, YAML in and out, dotted overrides.

The dataclasses are the configuration; YAML is their written form. Names carry their units.
"""

from reid_tracker.config.central import CentralConfig
from reid_tracker.config.edge import EdgeConfig
from reid_tracker.config.files import find_config, parse_override, read_yaml
from reid_tracker.config.gallery import GalleryConfig
from reid_tracker.config.matching import MatchConfig
from reid_tracker.config.models import DetectorConfig, EncoderConfig
from reid_tracker.config.output import OutputConfig
from reid_tracker.config.root import Config, load_config
from reid_tracker.config.thresholds import Thresholds
from reid_tracker.config.tracking import DeepSortConfig
from reid_tracker.config.transport import TransportConfig
from reid_tracker.config.video import StreamConfig, VideoConfig

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
