"""Reads YAML files, finds presets by name, and applies dotted overrides."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from reid_tracker.config.checked import shown
from reid_tracker.config.safe_yaml import MOST_BYTES, YamlDuplicateError, YamlLimitError, load_yaml
from reid_tracker.errors import ConfigError
from reid_tracker.resources import shipped


def parse_override(text: str) -> tuple[str, Any]:
    """Split "dotted.key=value" into the key and the value, which is parsed as YAML.

    Raises:
        ConfigError: the "=" is missing, or the value is not YAML or too large.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"'{shown(text, str)}': expected key=value, e.g. tracker.max_age_s=2")
    try:
        return key.strip(), load_yaml(value)
    except (YamlLimitError, YamlDuplicateError) as error:
        raise ConfigError(f"'{shown(key, str)}': the value is refused: {error}") from None
    except ValueError:
        raise ConfigError(f"'{shown(text, str)}': the value is not YAML") from None


def find_config(name: str | Path, folder: str = "") -> Path:
    """Return the path of a YAML file, given by its path or by the name of a preset.

    Args:
        name: path, or name of a preset.
        folder: subfolder of configs/ with the presets.

    Raises:
        ConfigError: there is no such file and no such preset.
    """
    presets = shipped("configs", *filter(None, [folder]))
    for path in (Path(name), presets / f"{name}.yaml"):
        if os.path.isfile(path):  # Path.is_file raises an error if a name is too long
            return path
    names = sorted(item.stem for item in presets.glob("*.yaml"))
    raise ConfigError(
        f"no configuration '{shown(name, str)}': expected a YAML file or one of {', '.join(names)}"
    )


def read_yaml(path: Path, *, secret: bool = False) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; an empty file means an empty mapping.

    Args:
        path: the file.
        secret: error messages must not quote the content.

    Raises:
        ConfigError: the file cannot be read, is too large, or is not a YAML mapping.
    """
    name = shown(path, str)
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise YamlLimitError(f"it has more than {MOST_BYTES} bytes")
        data = load_yaml(text.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror}") from None
    except YamlLimitError as error:
        raise ConfigError(f"{name} is refused: {error}") from None
    except YamlDuplicateError as error:
        lines = "a key is given in line {} and in line {}".format(*error.lines)
        reason = lines if secret else shown(error, str)
        raise ConfigError(f"{name}: {reason}; keep one of the two") from None
    except ValueError as error:
        # The messages of PyYAML quote the line.
        found = re.search(r"line \d+", str(error)) if secret else None
        reason = f"see {found[0]}" if found else "check it" if secret else shown(error, str)
        raise ConfigError(f"{name} is not YAML: {reason}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(
            f"{name}: expected 'key: value' lines at the top, found {type(data).__name__}"
        )
    return data


_MAX_SECTIONS = 20
"""Maximum parts of a dotted key; no configuration is nested half as deep."""


def with_dotted(data: dict[str, Any], path: list[str], value: Any, dotted: str) -> dict[str, Any]:
    """Return a copy of `data` with a new value at `path`; missing sections are added.

    Args:
        data: nested mappings.
        path: the keys that lead to the value.
        value: the new value.
        dotted: the dotted key, for error messages.

    Raises:
        ConfigError: a part of the path is not a section, or the path is too long.
    """
    if len(path) > _MAX_SECTIONS:
        raise ConfigError(
            f"'{shown(dotted, str)}': expected a key of at most {_MAX_SECTIONS} parts, such as "
            "tracker.max_age_s"
        )
    name, *rest = path
    if not rest:
        return {**data, name: value}
    section = data.get(name, {})
    if not isinstance(section, dict):
        raise ConfigError(f"'{shown(dotted, str)}': '{shown(name, str)}' is not a section")
    return {**data, name: with_dotted(section, rest, value, dotted)}
