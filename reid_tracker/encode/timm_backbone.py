"""Backbones of the timm collection as encoders; the only file that imports timm."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from reid_tracker.encode.preprocess import Normalisation
from reid_tracker.encode.torch_backend import TorchNetwork, seeded
from reid_tracker.errors import ConfigError, MissingDependencyError, WeightsError

logger = logging.getLogger(__name__)

PREFIX = "timm:"
_OPTIONS = ("pretrained", "weights")


def timm_network(model: str, device: str, half: bool | None) -> TorchNetwork:
    """Build the backbone that "timm:NAME[?pretrained=0][&weights=FILE]" means.

    Its classifier is left out, so an embedding is what timm pools from the last layer
    (`num_features` numbers). Image size, mean and standard deviation are those that timm states for
    its weights.

    Pretrained weights are downloaded by timm; `?pretrained=0` gives random ones, `?weights=FILE` a
    file's. Device and precision are as in `TorchNetwork`.

    Raises:
        MissingDependencyError: timm is not installed.
        ConfigError: timm has no such model, an option is unknown, or there is no such device.
        WeightsError: the weights cannot be downloaded or read.
    """
    try:
        import timm
    except ImportError:
        raise MissingDependencyError(
            f"{model}: needs the package timm; install it with pip install 'reid-tracker[timm]'"
        ) from None
    name, _, query = model.removeprefix(PREFIX).partition("?")
    options = _parse_options(model, query)
    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"did you mean {', '.join(close)}?" if close else "timm.list_models() lists them"
        raise ConfigError(f"{model}: timm has no model '{name}'; {hint}")
    net = _create(timm, model, name, options)
    settings = timm.data.resolve_model_data_config(net)
    return TorchNetwork(
        net,
        device=device,
        half=half,
        input_size=settings["input_size"][1:],
        normalisation=Normalisation(settings["mean"], settings["std"]),
    )


def _parse_options(model: str, query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for key, value in options.items():
        if key not in _OPTIONS or (key == "pretrained" and value not in ("0", "1")):
            raise ConfigError(
                f"{model}: '{key}={value}' is no option, expected pretrained=0, pretrained=1 or "
                "weights=FILE"
            )
    return options


def _create(timm: Any, model: str, name: str, options: dict[str, str]) -> Any:
    pretrained = options.get("pretrained", "1") == "1" or "weights" in options
    if not pretrained:
        logger.warning("encoder %s is untrained: its embeddings tell people apart poorly", model)
    source = {"file": options["weights"]} if "weights" in options else None
    if source and not Path(source["file"]).is_file():
        raise WeightsError(f"{model}: no file {source['file']}; check the path of the weights")
    try:
        return seeded(
            lambda: timm.create_model(
                name, pretrained=pretrained, pretrained_cfg_overlay=source, num_classes=0
            )
        )
    except Exception as error:  # any error of the download or the file's reader
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{model}: its weights are not available ({type(error).__name__}: {reason}); go "
            "online, give a file as ?weights=FILE, or take random weights with ?pretrained=0"
        ) from None
