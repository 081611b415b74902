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
from reid_tracker.encode.backends import OPENVINO, TENSORRT, choose_backend, runs_on_cpu
from reid_tracker.encode.base import Encoder
from reid_tracker.errors import ConfigError, MissingDependencyError, WeightsError
from reid_tracker.zoo.metadata import INPUT_KEY, INPUT_RGB_01, read_metadata

if TYPE_CHECKING:
    from reid_tracker.encode.base import Network
    from reid_tracker.encode.preprocess import Normalisation

logger = logging.getLogger(__name__)

_CHECKPOINT_SUFFIXES = (".pt", ".pth", ".tar")


def build_encoder(
    model: str | Path | EncoderConfig,
    *,
    architecture: str | None = None,
    device: str | None = None,
    backend: str | None = None,
    half: bool | None = None,
    batch_size: int | None = None,
    rgb: bool = False,
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
        backend: "auto", "torch", "onnxruntime", "openvino" or "tensorrt"; see `choose_backend`.
        half: run in float16, or in bfloat16 with OpenVINO; by default on CUDA only.
        batch_size: most crops in one run of the network.
        rgb: images that will be encoded are RGB, as those of PIL and of supervision.

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
        backend=backend,
        half=half,
        batch_size=batch_size,
    )
    network = build_network(resolve_model(config))

    from reid_tracker.encode.pooled import PooledEncoder
    from reid_tracker.encode.preprocess import Cropping

    cropping = Cropping(config.crop_rounded, config.crop_scale, config.crop_padding, rgb)
    return PooledEncoder(network, config.batch_size, cropping)


def resolve_model(config: EncoderConfig) -> EncoderConfig:
    """Replace "auto" or a name of the manifest by the file that it means on this machine.

    Returns:
        The configuration with the path of the file, and with its architecture where the manifest
        knows it; any other model that `build_encoder` takes is returned as it is.

    Raises:
        WeightsError: the model that is meant is not on this machine.
    """
    if config.model == "auto":
        found = zoo.best("encoder", on_cpu=runs_on_cpu(config.device))
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
        if known.cpu_form and config.backend == "auto" and not runs_on_cpu(config.device):
            for twin in manifest.of_task("encoder"):
                there = None if twin.cpu_form else zoo.locate(twin, manifest)
                if known.space and twin.space == known.space and there is not None:
                    logger.info("encoder %s is for CPUs; the same model for GPUs runs", known.name)
                    entry, here = twin, there
                    break
        if here is None:
            raise WeightsError(
                f"encoder.model = {config.model}: it is not on this machine; get it with "
                f"`reid-track weights pull {config.model}`"
            )
        path = here
    logger.info("encoder %s: %s", entry.name, path)
    architecture = config.architecture or entry.architecture
    return dataclasses.replace(config, model=str(path), architecture=architecture)


def build_network(config: EncoderConfig) -> Network:
    """Build the back end of an encoder whose model is resolved; see `build_encoder`."""
    model = config.model
    if model == "none":
        raise ConfigError(
            "encoder.model = none: this tracks by motion alone, without an encoder; name an "
            "encoder to build one"
        )
    backend = choose_backend(model, config.backend, config.device)
    if model.startswith("timm:"):
        from reid_tracker.encode.timm_backbone import timm_network

        return timm_network(model, config.device, config.half)
    if model.lower().endswith(".onnx"):
        return _build_onnx(config, backend)
    if backend == OPENVINO:
        return _build_openvino(config)
    return _build_osnet(config)


def _build_onnx(config: EncoderConfig, backend: str) -> Network:
    path = Path(config.model)
    if backend == OPENVINO:
        try:
            return _build_openvino(config)
        except (WeightsError, MissingDependencyError) as error:
            if config.backend != "auto":
                raise
            logger.info("ONNX Runtime takes what OpenVINO does not: %s", error)
    from reid_tracker.encode.onnx_backend import OnnxNetwork

    if config.half and backend != TENSORRT:
        logger.warning("half = true has no effect: %s fixes its own precision", path)
    return OnnxNetwork(
        path,
        "cpu" if backend == OPENVINO else config.device,
        _normalisation_of(path),
        tensorrt=backend == TENSORRT,
        half=bool(config.half),
    )


def _build_openvino(config: EncoderConfig) -> Network:
    from reid_tracker.encode.openvino_backend import OpenVinoNetwork

    return OpenVinoNetwork(
        config.model,
        config.device,
        half=bool(config.half),
        normalisation=_normalisation_of(Path(config.model)),
    )


def _normalisation_of(path: Path) -> Normalisation:
    """Return how the images of an .onnx file are normalised; an .xml file's are raw."""
    from reid_tracker.encode.preprocess import IMAGENET, RAW

    if path.suffix.lower() != ".onnx" or not path.is_file():
        return IMAGENET
    return RAW if read_metadata(path).get(INPUT_KEY) == INPUT_RGB_01 else IMAGENET


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
