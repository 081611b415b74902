"""All fuzz targets by name."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz import configs, messages, readers
from tests.fuzz.harness import Target

TARGETS: dict[str, Callable[[], Target]] = {
    "messages": messages.target,
    "configs": configs.target,
    "readers": readers.target,
}
