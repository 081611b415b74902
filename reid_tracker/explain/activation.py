"""Activation maps: where the conv5 features of a crop are strong, drawn over the crop."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch reader knows

from reid_tracker.arrays import Float32Array
from reid_tracker.encode.base import Crops
from reid_tracker.errors import InputError
from reid_tracker.explain.nets import network_batches, to_crops
from reid_tracker.explain.sheet import GREY, SMALL, Sheet, line_height
from reid_tracker.osnet import EmbeddingNet
from reid_tracker.types import ImageBGR

_EPS = 1e-12
_HEAT = cv2.COLORMAP_INFERNO  # lightness rises: readable in grey and by the colour-blind
_HEAT_SHARE = 0.6
_PANEL = (224, 112)  # height, width
_GAP, _ENTRY_GAP = 4, 26
_ENTRIES = 4  # in a row

_CAPTION = (
    "Each crop three times: the crop, its activation map, and the map blended with the crop. The "
    "map is the sum over channels of the squared conv5 features ({height} x {width} cells, "
    "enlarged to the size of the crop). Bright yellow places contribute most to the embedding, "
    "dark places little. Each map is scaled from its own minimum to its own maximum, so brightness "
    "cannot be compared between crops."
)


def activation_maps(
    net: EmbeddingNet, images: Sequence[ImageBGR], *, batch_size: int = 32
) -> Float32Array:
    """Compute how strongly the net responds to each place of each image.

    A map is the sum over channels of squared conv5 features, normalised per image, enlarged to the
    input size of the network, and stretched to the range 0 to 1.

    Args:
        net: in eval mode.
        images: N images, (H, W, 3) uint8 BGR, any sizes.
        batch_size: images per forward pass.

    Returns:
        (N, *net.input_size) float32 in [0, 1]; all 0 if the features are equal everywhere.
    """
    maps: Float32Array = np.zeros((len(images), *net.input_size), np.float32)
    start = 0
    with torch.inference_mode():
        for batch in network_batches(net, to_crops(images, net.input_size), batch_size):
            found = _stretched(net.feature_map(batch), net.input_size).cpu().numpy()
            maps[start : start + len(found)] = found
            start += len(found)
    return maps


def overlay(crops: Crops, maps: Float32Array) -> tuple[Crops, Crops]:
    """Return coloured (N, H, W) maps in [0, 1], and their blends with the (N, H, W, 3) crops."""
    heat, blend = np.empty_like(crops), np.empty_like(crops)
    for row, values in enumerate(maps):
        heat[row] = cv2.applyColorMap((values * 255).astype(np.uint8), _HEAT)
        blend[row] = cv2.addWeighted(crops[row], 1 - _HEAT_SHARE, heat[row], _HEAT_SHARE, 0)
    return heat, blend


def activation_sheet(
    net: EmbeddingNet,
    images: Sequence[ImageBGR],
    labels: Sequence[str] | None = None,
    *,
    title: str = "Activation maps",
) -> Sheet:
    """Draw crops with their activation maps.

    Args:
        net: in eval mode.
        images: N >= 1 images, (H, W, 3) uint8 BGR.
        labels: N short texts, shown below the crops.
        title: title of the sheet.

    Raises:
        InputError: there is no image, or the number of labels differs.
    """
    labels = [""] * len(images) if labels is None else labels
    if not images or len(labels) != len(images):
        raise InputError(
            f"activation_sheet got {len(images)} images and {len(labels)} labels, expected at "
            "least one image and one label per image"
        )
    height, width = _PANEL
    maps = np.stack([cv2.resize(m, (width, height)) for m in activation_maps(net, images)])
    crops = to_crops(images, _PANEL)
    panels = [crops, *overlay(crops, maps)]
    entry = 3 * width + 2 * _GAP + _ENTRY_GAP
    row_height = height + line_height(SMALL) + 16
    columns = min(_ENTRIES, len(images))
    rows = -(-len(images) // columns)
    cells = [side // 16 for side in net.input_size]
    caption = _CAPTION.format(height=cells[0], width=cells[1])
    sheet = Sheet(max(columns * entry, 2 * entry), rows * row_height + 46, title, caption)
    ramp = np.tile(np.arange(256, dtype=np.uint8), (14, 1))
    sheet.text(0, 4, "little", size=SMALL)
    sheet.paste(44, 6, np.asarray(cv2.applyColorMap(ramp, _HEAT), np.uint8))
    sheet.text(308, 4, "much", size=SMALL)
    for index, label in enumerate(labels):
        left, top = index % columns * entry, 46 + index // columns * row_height
        for number, panel in enumerate(panels):
            sheet.paste(left + number * (width + _GAP), top, panel[index])
        sheet.text(left, top + height + 2, label, size=SMALL, colour=GREY)
    return sheet


def _stretched(features: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert features, (b, C, h, w), to maps of a size, (b, H, W)."""
    energy = features.square().sum(dim=1, keepdim=True)
    # Normalise first, so that _EPS is small compared with the values.
    energy = F.normalize(energy.flatten(1), dim=1).view_as(energy)
    enlarged = F.interpolate(energy, size, mode="bilinear", align_corners=False)[:, 0]
    low = enlarged.amin(dim=(1, 2), keepdim=True)
    high = enlarged.amax(dim=(1, 2), keepdim=True)
    return (enlarged - low) / (high - low + _EPS)
