"""Hardware decoding, if a device of this machine supports it."""

from __future__ import annotations

import functools
import glob
import os
from typing import TYPE_CHECKING

from reid_tracker.errors import ConfigError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

# Kind of device -> a file that exists if the device does; querying drivers is slow.
_SIGNS = {
    "cuda": "/dev/nvidia[0-9]*",
    "vaapi": "/dev/dri/renderD*",
    "videotoolbox": "/System/Library/Frameworks/VideoToolbox.framework",
    "d3d11va": os.path.join(os.environ.get("SYSTEMROOT", "/nowhere"), "System32", "d3d11.dll"),
}


def hardware_decoder(choice: str) -> HWAccel | None:
    """Return PyAV's object for decoding on a device, or None for decoding on the CPU.

    A video that the device cannot decode is still decoded on the CPU.

    Args:
        choice: "auto" (the first device that works), "none" (the CPU), or a kind of device.

    Raises:
        ConfigError: the kind of device is unknown, or none works.
    """
    if choice == "none":
        return None
    if choice == "auto":
        kind = _first_that_works()
        return None if kind is None else _open(kind)
    if reason := _why_not(choice):
        raise ConfigError(
            f"stream.hardware = {choice}: {reason}; expected auto, none, or a device of this "
            "machine such as cuda or vaapi"
        )
    return _open(choice)


@functools.cache
def _first_that_works() -> str | None:
    there = (kind for kind, sign in _SIGNS.items() if glob.glob(sign))
    return next((kind for kind in there if not _why_not(kind)), None)


@functools.cache
def _why_not(kind: str) -> str:
    """Return why a kind of device cannot be used, or an empty text."""
    import av
    from av.codec.hwaccel import hwdevices_available

    known = hwdevices_available()
    if kind not in known:
        return f"this FFmpeg knows {', '.join(known) or 'no devices'}"
    try:
        _open(kind).create(av.Codec("h264", "r"))
    # Drivers and PyAV raise undocumented errors; any error means that the device is unusable.
    except Exception as error:
        return f"it does not work here ({getattr(error, 'strerror', None) or error})"
    return ""


def _open(kind: str) -> HWAccel:
    from av.codec.hwaccel import HWAccel

    return HWAccel(kind, allow_software_fallback=True)
