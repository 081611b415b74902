"""Pictures on a device: a tensor that says its colour order, in and out by DLPack."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import torch
from torch.utils import dlpack

from reid_tracker.errors import InputError
from reid_tracker.types import Frame, ImageBGR

ColorOrder = Literal["bgr", "rgb"]


@dataclass(frozen=True, eq=False)
class DevicePicture:
    """A picture in the memory of a device, the CPU included.

    Attributes:
        pixels: (H, W, 3) uint8 on any device; need not be contiguous.
        color: order of the channels.

    Raises:
        InputError: the tensor has another shape or type.
    """

    pixels: torch.Tensor
    color: ColorOrder = "bgr"

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise InputError(
                f"picture is {pixels.dtype} of shape {tuple(pixels.shape)}, expected uint8 "
                "(H, W, 3); channels first go through DevicePicture.of(..., layout='chw')"
            )
        if not pixels.numel():
            raise InputError(f"picture has shape {tuple(pixels.shape)}, expected a pixel at least")

    @classmethod
    def of(
        cls, pixels: Any, color: ColorOrder = "bgr", layout: Literal["hwc", "chw"] = "hwc"
    ) -> Self:
        """Take the pixels of any library that speaks DLPack, without a copy.

        Args:
            pixels: uint8 tensor or array, of torch, CuPy, JAX, numpy and others, on any device.
            color: order of its channels.
            layout: "hwc" for (H, W, 3), "chw" for (3, H, W).

        Raises:
            InputError: it does not speak DLPack, or has another shape or type.
        """
        if isinstance(pixels, np.ndarray):
            # numpy exports no arrays that it may not write to
            pixels = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
        elif not isinstance(pixels, torch.Tensor):
            if not hasattr(pixels, "__dlpack__"):
                raise InputError(
                    f"picture is a {type(pixels).__name__}, expected a tensor or an array that has "
                    "__dlpack__"
                )
            pixels = dlpack.from_dlpack(pixels)
        if layout == "chw" and pixels.ndim == 3:
            pixels = pixels.permute(1, 2, 0)
        return cls(pixels, color)

    def __dlpack__(self, **options: Any) -> Any:
        return self.pixels.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        kind, index = self.pixels.__dlpack_device__()
        return int(kind), int(index)

    @property
    def device(self) -> torch.device:
        """Where the pixels are."""
        return self.pixels.device

    def to_bgr(self) -> ImageBGR:
        """Copy the picture to the host, as (H, W, 3) uint8 BGR."""
        pixels = self.pixels if self.color == "bgr" else self.pixels.flip(-1)
        image: ImageBGR = pixels.contiguous().cpu().numpy()
        return image


class DeviceFrame(Frame):
    """A frame that was decoded on a device; its `image` is copied to the host when it is used.

    Attributes:
        picture: the pixels on the device.
    """

    picture: DevicePicture

    def __init__(
        self,
        picture: DevicePicture,
        index: int,
        timestamp_s: float,
        captured_s: float | None = None,
    ) -> None:
        for name, value in (
            ("picture", picture),
            ("index", index),
            ("timestamp_s", timestamp_s),
            ("captured_s", captured_s),
        ):
            object.__setattr__(self, name, value)  # a frame is frozen

    @cached_property
    def image(self) -> ImageBGR:
        """(H, W, 3) uint8 BGR on the host, copied once."""
        return self.picture.to_bgr()


def picture_of(frame: Frame) -> ImageBGR | DevicePicture:
    """Return the pixels of a frame where they are, without a copy."""
    return frame.picture if isinstance(frame, DeviceFrame) else frame.image
