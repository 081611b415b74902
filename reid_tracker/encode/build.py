"""Builds an encoder from a name, a file or a configuration."""

from __future__ import annotations

import dataclasses
import difflib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from reid_tracker import zoo
from reid_tracker.config import EncoderConfig
from reid_tracker.config.checked import with_options
from reid_tracker.encode.base import Encoder
from reid_tracker.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from reid_tracker.encode.base import Network

logger = logging.getLogger(__name__)

_CHECKPOINT_SUFFIXES = (".pt", ".pth", ".tar")


def build_encoder(
    model: str | Path | EncoderConfig,
    *,
    architecture: str | None = None,
    device: str | None = None,
    half: bool | None = None,
    batch_size: int | None = None,
) -> Encoder:
    """Build an encoder.

    Args:
        model: one of

            * "auto": the best encoder on this machine; nothing is downloaded;
            * a name of `reid-track weights list` that is on this machine;
            * an .onnx file that maps images to embeddings;
            * an .xml file in OpenVINO's format, fed with raw BGR as in the Open Model Zoo;
            * a torchreid-style checkpoint of a published OSNet (.pt, .pth, .pth.tar-N);
            * a published size such as "osnet_x0_25": untrained, with fixed random weights;
            * "timm:NAME", a backbone of timm, with `?pretrained=0` for random weights and
              `?weights=FILE` for a local file;
            * a configuration, whose fields the keywords below override.
        architecture: network of a checkpoint; by default the weights tell.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16; by default on CUDA only. Precision of an .onnx file is its own.
        batch_size: most crops in one run of the network.

    Returns:
        The encoder, loaded and tried on black images.

    Raises:
        ConfigError: the name, an option or the device is unknown here.
        WeightsError: a file is missing, damaged, or does not fit; or no encoder is here for "auto".
        MissingDependencyError: an optional package is needed.
    """
    config = with_options(
        model if isinstance(model, EncoderConfig) else EncoderConfig(model=str(model)),
        "encoder.",
        architecture=architecture,
        device=device,
        half=half,
        batch_size=batch_size,
    )
    config = resolve_model(config)
    network = _build_network(config)

    from reid_tracker.encode.pooled import PooledEncoder

    return PooledEncoder(network, config.batch_size)


def resolve_model(config: EncoderConfig) -> EncoderConfig:
    """Replace "auto" or a name of the manifest by the file that it means on this machine.

    Returns:
        The configuration with the path of the file, and with its architecture where the manifest
        knows it; any other model that `build_encoder` takes is returned as it is.

    Raises:
        WeightsError: the model that is meant is not on this machine.
    """
    if config.model == "auto":
        found = zoo.best("encoder", on_cpu=_on_cpu(config.device))
        if found is None:
            raise WeightsError(
                "encoder.model = auto: no encoder is on this machine; get one with `reid-track "
                "weights pull osnet_x1_0_msmt17`, or name a file"
            )
        entry, path = found
    else:
        manifest = zoo.load_manifest()
        known = manifest.known(config.model, "encoder")
        if known is None or Path(config.model).exists():
            return config
        entry, here = known, zoo.locate(known, manifest)
        if here is None:
            raise WeightsError(
                f"encoder.model = {config.model}: it is not on this machine; get it with "
                f"`reid-track weights pull {config.model}`"
            )
        path = here
    logger.info("encoder %s: %s", entry.name, path)
    architecture = config.architecture or entry.architecture
    return dataclasses.replace(config, model=str(path), architecture=architecture)


def _on_cpu(device: str) -> bool:
    """Whether a device name means a CPU here."""
    from reid_tracker.encode.torch_backend import resolve_device

    return device == "cpu" or resolve_device(device).type == "cpu"


def _build_network(config: EncoderConfig) -> Network:
    model = config.model
    if model == "none":
        raise ConfigError(
            "encoder.model = none: this tracks by motion alone, without an encoder; name an "
            "encoder to build one"
        )
    if model.startswith("timm:"):
        from reid_tracker.encode.timm_backbone import timm_network

        return timm_network(model, config.device, config.half)
    if model.lower().endswith(".onnx"):
        from reid_tracker.encode.onnx_backend import OnnxNetwork

        if config.half:
            logger.warning("half = true has no effect: %s fixes its own precision", model)
        return OnnxNetwork(model, config.device)
    if model.lower().endswith(".xml"):
        from reid_tracker.encode.openvino_backend import OpenVinoNetwork

        if config.half:
            logger.warning("half = true has no effect: OpenVINO chooses the precision")
        return OpenVinoNetwork(model, config.device)
    return _build_osnet(config)


def _build_osnet(config: EncoderConfig) -> Network:
    from reid_tracker.encode.torch_backend import checkpoint_network, untrained_network
    from reid_tracker.osnet import OSNETS

    model, architecture = config.model, config.architecture
    if architecture is not None and architecture not in OSNETS:
        raise ConfigError(
            f"encoder.architecture = {architecture}: expected one of {', '.join(OSNETS)}"
        )
    if model in OSNETS:
        return untrained_network(model, config.device, config.half)
    path = Path(model)
    if path.is_file():
        return checkpoint_network(path, architecture, config.device, config.half)
    if path.is_dir():
        raise WeightsError(f"{model}: a folder, expected a file (.onnx, .pt, .pth)")
    # torchreid names its checkpoints model.pth.tar-60
    if path.suffix.partition("-")[0].lower() in _CHECKPOINT_SUFFIXES:
        raise WeightsError(f"{model}: no such file; check the path of the weights")
    names = [entry.name for entry in zoo.load_manifest().of_task("encoder")]
    close = difflib.get_close_matches(model, [*OSNETS, *names], n=1)
    raise ConfigError(
        f"encoder.model = {model}: {f'did you mean {close[0]}? ' if close else ''}expected an "
        ".onnx or .xml file, a checkpoint (.pt, .pth), timm:NAME, auto, none, a name of "
        f"`reid-track weights list`, or one of {', '.join(OSNETS)}"
    )
