"""The configuration in and out: TOML files, `--set section.key=value`, and plain tables.

An unknown section, key or choice is an error with a suggestion; a dict never passes beyond this
module.
"""

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ser_pcq.config import Config
from ser_pcq.errors import ConfigError, suggest


def _convert(value: Any, kind: Any, key: str) -> Any:
    """Return `value` as `kind`, or raise; only what TOML can hold is converted."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(
                f"unknown choice for {key}", given=repr(value), do=suggest(str(value), arguments)
            )
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{key} must be a list", given=repr(value))
        inner = arguments[0]
        return tuple(_convert(item, inner, key) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{key} must be {kind.__name__}", given=repr(value))
    return value


def _section(kind: type, values: Mapping[str, Any], name: str) -> Any:
    """Build one section from its table."""
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            raise ConfigError(f"unknown key {name}.{key}", do=suggest(key, hints))
    return kind(**{k: _convert(v, hints[k], f"{name}.{k}") for k, v in values.items()})


def from_dict(tables: Mapping[str, Any]) -> Config:
    """Build a configuration from nested tables, such as TOML or a checkpoint holds.

    Raises:
        ConfigError: For an unknown section or key, a wrong type or a value out of range.
    """
    hints = get_type_hints(Config)
    for name, values in tables.items():
        if name not in hints:
            raise ConfigError(f"unknown section [{name}]", do=suggest(name, hints))
        if not isinstance(values, Mapping):
            raise ConfigError(f"[{name}] must be a section", given=repr(values))
    return Config(**{n: _section(hints[n], values, n) for n, values in tables.items()})


def to_dict(config: Config) -> dict[str, dict[str, Any]]:
    """Return the configuration as nested plain tables, tuples as lists."""

    def plain(value: Any) -> Any:
        return list(value) if isinstance(value, tuple) else value

    return {
        section: {key: plain(value) for key, value in values.items()}
        for section, values in dataclasses.asdict(config).items()
    }


def load_config(path: Path, changes: Iterable[str] = ()) -> Config:
    """Read a TOML file and apply `section.key=value` changes on top.

    Args:
        path: The TOML file.
        changes: Values in TOML notation; a bare word is taken as a string.

    Raises:
        ConfigError: When the file is missing, is not TOML, or does not fit.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("cannot read the configuration", given=f"{path} ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML", given=error) from error
    for change in changes:
        key, equals, text = change.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot and section and name):
            raise ConfigError("cannot apply --set", given=change, accepted="section.key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        tables.setdefault(section, {})
        if not isinstance(tables[section], dict):
            raise ConfigError(f"[{section}] must be a section", given=repr(tables[section]))
        tables[section][name] = value
    return from_dict(tables)
