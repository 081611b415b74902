"""Builds the net of a recipe and finds its initial weights."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from reid_tracker import zoo
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.osnet import (
    OSNETS,
    Aggregation,
    BlockOptions,
    EmbeddingNet,
    StateDict,
    lay_side_by_side,
    load_checkpoint,
    load_onnx_weights,
    load_weights,
)
from reid_tracker.train.recipe import ModelRecipe


def build_net(recipe: ModelRecipe, identities: int) -> EmbeddingNet:
    """Build the net of a recipe with a classifier; its weights depend on PyTorch's seed.

    Raises:
        ConfigError: the name or an option is unknown.
        WeightsError: the weights to start from do not fit.
    """
    sources = check_model(recipe)
    net = OSNETS[recipe.name](
        identities,
        return_embeddings=True,
        streams=recipe.streams,
        aggregation=recipe.aggregation,
        same_depth=recipe.same_depth,
        lite=recipe.lite,
    )
    if recipe.side_by_side:
        parts = [_read_weights(path) for path in sources]
        lay_side_by_side(net, parts, source=" and ".join(map(str, sources)))
    elif sources:
        load_weights(net, _read_weights(sources[0]), source=str(sources[0]))
    return net


def _read_weights(path: Path) -> StateDict:
    return (load_onnx_weights if path.suffix.lower() == ".onnx" else load_checkpoint)(path)


def check_model(recipe: ModelRecipe) -> list[Path]:
    """Check the settings without building the net, and return its initial weights files.

    Raises:
        ConfigError: the name or an option is unknown.
        WeightsError: the weights to start from are not on this machine.
    """
    if recipe.name not in OSNETS:
        raise ConfigError(f"model.name = {recipe.name}: expected one of {', '.join(OSNETS)}")
    try:
        BlockOptions(recipe.streams, cast(Aggregation, recipe.aggregation))
    except ConfigError as error:
        raise ConfigError(f"model.{error}") from None
    names = {"side_by_side": recipe.side_by_side, "weights": (recipe.weights,)}
    return [_find_weights(key, name) for key in names for name in names[key] if name]


def _find_weights(key: str, name: str) -> Path:
    path = Path(name)
    if path.exists():
        return path
    manifest = zoo.load_manifest()
    entry = manifest.known(name, "encoder")
    if entry is None:
        raise WeightsError(
            f"model.{key} = {name}: neither a file nor a name of `reid-track weights list`"
        )
    here = zoo.locate(entry, manifest)
    if here is None:
        raise WeightsError(
            f"model.{key} = {name}: not on this machine; get it with "
            f"`reid-track weights pull {name}`"
        )
    return here
