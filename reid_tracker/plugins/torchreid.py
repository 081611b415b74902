"""torchreid: its FeatureExtractor, `build_model` and weights with only the import changed.

    from reid_tracker.plugins.torchreid import FeatureExtractor

    extractor = FeatureExtractor("osnet_x1_0", model_path="model.pth.tar-60", device="cpu")
    features = extractor(["a.jpg", "b.jpg"])  # (2, 512), not of unit length

`import reid_tracker.plugins.torchreid as torchreid` serves `torchreid.models.build_model` and
`torchreid.utils.load_pretrained_weights`, too. Only the OSNets are here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from reid_tracker.encode.torch_backend import resolve_device
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.osnet import OSNETS, EmbeddingNet, load_checkpoint, load_weights

logger = logging.getLogger(__name__)

models = utils = sys.modules[__name__]
"""The modules of torchreid in which its guide finds these functions."""


def show_avai_models() -> None:
    """Print the names that `build_model` takes."""
    sys.stdout.write(f"{list(OSNETS)}\n")


def build_model(
    name: str,
    num_classes: int,
    loss: str = "softmax",
    pretrained: bool = True,
    use_gpu: bool = True,
) -> EmbeddingNet:
    """Build an OSNet; in eval mode it returns embeddings, in train mode what the loss takes.

    Args:
        name: one of `OSNETS`.
        num_classes: people of the training set.
        loss: "softmax" (logits) or "triplet" (logits and embeddings).
        pretrained: torchreid downloads weights of ImageNet; this warns and starts from random ones.
        use_gpu: without effect, as in torchreid's OSNets.

    Raises:
        ConfigError: the name or loss is unknown.
    """
    del use_gpu
    if name not in OSNETS:
        raise ConfigError(f"model {name}: expected one of {', '.join(OSNETS)}")
    if loss not in ("softmax", "triplet"):
        raise ConfigError(f"loss {loss}: expected softmax or triplet")
    if pretrained:
        logger.warning(
            "%s starts from random weights: none of ImageNet are downloaded; load yours with "
            "load_pretrained_weights",
            name,
        )
    return OSNETS[name](num_classes, return_embeddings=loss == "triplet")


def load_pretrained_weights(model: EmbeddingNet, weight_path: str | Path) -> None:
    """Load a checkpoint of torchreid or of this project; only the classifier may differ.

    torchreid loads what fits and skips the rest; this names what does not fit.

    Raises:
        WeightsError: the file is missing or damaged, or does not fit.
    """
    load_weights(model, load_checkpoint(weight_path), source=str(weight_path))


class FeatureExtractor:
    """Turns pictures of people into embeddings, as torchreid's class of this name.

    Embeddings are not of unit length, and equal torchreid's with the same weights. Use
    `build_encoder` in new code: it is faster, and takes boxes.

    Args:
        model_name: one of `OSNETS`.
        model_path: a checkpoint; without one the weights are random.
        image_size: (height, width) of the network's input.
        pixel_mean: of red, green and blue in [0, 1].
        pixel_std: likewise.
        pixel_norm: whether to subtract the mean and divide by the deviation.
        device: "cuda", "cpu", "cuda:1", "mps" or "auto".
        verbose: log what was built.

    Raises:
        ConfigError: the name or the device is unknown here.
        WeightsError: the checkpoint is missing, or does not fit.
    """

    def __init__(  # noqa: PLR0917  # as torchreid's
        self,
        model_name: str = "",
        model_path: str | Path = "",
        image_size: Sequence[int] = (256, 128),
        pixel_mean: Sequence[float] = (0.485, 0.456, 0.406),
        pixel_std: Sequence[float] = (0.229, 0.224, 0.225),
        pixel_norm: bool = True,
        device: str | torch.device = "cuda",
        verbose: bool = True,
    ) -> None:
        self.device = resolve_device(str(device))
        self.model = build_model(model_name, num_classes=1, pretrained=not model_path).eval()
        if model_path:
            load_pretrained_weights(self.model, model_path)
        self.model.to(self.device)
        self._height, self._width = image_size
        self._mean = torch.tensor(pixel_mean).view(3, 1, 1) if pixel_norm else torch.zeros(1)
        self._std = torch.tensor(pixel_std).view(3, 1, 1) if pixel_norm else torch.ones(1)
        if verbose:
            logger.info("%s from %s on %s", model_name, model_path or "no file", self.device)

    def __call__(self, input: Any) -> torch.Tensor:  # torchreid's name
        """Encode pictures.

        Args:
            input: a path, an (H, W, 3) uint8 RGB array, a list of either, or a tensor (B, 3, H, W)
                or (3, H, W) that is normalised already.

        Returns:
            (B, 512) float32 on the device.

        Raises:
            InputError: a picture cannot be read, or is of another type.
        """
        if isinstance(input, torch.Tensor):
            images = input[None] if input.dim() == 3 else input
        else:
            given = input if isinstance(input, list) else [input]
            if not given:
                return torch.empty((0, 512), device=self.device)
            images = torch.stack([self._prepared(one) for one in given])
        with torch.no_grad():
            embeddings: torch.Tensor = self.model(images.to(self.device))
        return embeddings

    def _prepared(self, picture: Any) -> torch.Tensor:
        """Return a picture as the network takes it; PIL resizes it, as for torchreid."""
        resized = _rgb(picture).resize((self._width, self._height), Image.Resampling.BILINEAR)
        planes = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 255
        return (planes - self._mean) / self._std


def _rgb(picture: Any) -> Image.Image:
    if isinstance(picture, str | Path):
        try:
            return Image.open(picture).convert("RGB")
        except (OSError, UnidentifiedImageError) as error:
            raise InputError(f"{picture}: not a readable picture ({error})") from None
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3:
        raise InputError(
            f"a picture is a {type(picture).__name__}, expected a path or an array (H, W, 3) uint8 "
            "RGB"
        )
    return Image.fromarray(picture)
