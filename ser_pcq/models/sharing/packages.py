"""Packages written as a whole, or with what others have too in a folder that they share."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from ser_pcq.errors import CheckpointError, SerError
from ser_pcq.files import whole_file, write_json, write_text
from ser_pcq.models.folder import (
    ABOUT,
    CARD,
    FORMAT,
    GRAPH,
    LICENCE,
    PRINTS,
    VOICE,
    WEIGHTS,
    find_model,
)
from ser_pcq.models.info import read_info
from ser_pcq.models.sharing.files import (
    SHARED,
    prints_file,
    read_weights,
    sha256,
    weights_sha256,
)

Tensors = dict[str, NDArray[Any]]


def write_package(
    model: str, folder: Path, *, common: Path | None = None, licence: str | None = None
) -> None:
    """Write a model as a package.

    Args:
        model: Embedded name or path of a package.
        folder: Where; it must not be the model's own. The JSON is written last.
        common: A folder for a frozen encoder and for the fingerprints, which stores what is there
            already no second time. None for a package that is complete in itself.
        licence: SPDX expression that the package states; None for what the model states.

    Raises:
        CheckpointError: When the model is missing or damaged.
        SerError: When it is an ONNX file, or the folder is its own.
    """
    source = find_model(model)
    if source.is_file() or source.resolve() == folder.resolve():
        raise SerError(
            "a package is written of another package", given=source, accepted="another folder"
        )
    info = read_info(source)
    try:
        tensors, before = _tensors_of(source)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            "damaged model", given=source, do=f"install or copy it again ({error})"
        ) from error
    shared: dict[str, dict[str, str]] = {}
    (folder / SHARED).unlink(missing_ok=True)
    if common is not None and not info.config.context.fine_tune:
        encoder = {name: one for name, one in tensors.items() if name.startswith("encoder.")}
        if encoder:
            shared[WEIGHTS] = _kept(common, "encoder", encoder)
            tensors = {name: one for name, one in tensors.items() if name not in encoder}
    _save(folder / WEIGHTS, tensors)
    prints = prints_file(source)
    if prints is not None and common is None:
        _copy(prints, folder / PRINTS)
    elif prints is not None and common is not None:
        shared[PRINTS] = _kept_file(common, "audio", prints)
        (folder / PRINTS).unlink(missing_ok=True)
    for kept in (CARD, LICENCE, VOICE):
        if (source / kept).is_file():
            _copy(source / kept, folder / kept)
        else:
            (folder / kept).unlink(missing_ok=True)
    if shared:
        write_json(folder / SHARED, shared)
    _copy_graph(source, folder, before)
    if licence is None:
        write_text(folder / ABOUT, (source / ABOUT).read_text(encoding="utf-8"))
    else:
        write_json(folder / ABOUT, replace(info, licence=licence).to_json())


def _tensors_of(folder: Path) -> tuple[Tensors, str]:
    """Return the tensors of a package in the order of their names, and their checksum."""
    weights = read_weights(folder)
    return {name: weights.tensors[name] for name in sorted(weights.tensors)}, weights.sha256


def _save(path: Path, tensors: Tensors) -> None:
    """Write tensors, the same ones always to the same bytes."""
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata={"format": FORMAT})


def _kept(common: Path, what: str, tensors: Tensors) -> dict[str, str]:
    """Keep tensors in a folder of shared files, and return what refers to them."""
    beside = common / f"{what}.safetensors"
    with whole_file(beside) as temporary:
        save_file(tensors, temporary, metadata={"format": FORMAT})
    try:
        return _kept_file(common, what, beside)
    finally:
        beside.unlink()


def _kept_file(common: Path, what: str, source: Path) -> dict[str, str]:
    """Keep a copy of a file in a folder of shared files, named by its content."""
    checksum = sha256(source)
    name = f"{what}-{checksum[:12]}.safetensors"
    if not (common / name).is_file() or sha256(common / name) != checksum:
        _copy(source, common / name)
    return {"name": name, "sha256": checksum}


def _copy(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)


def _copy_graph(source: Path, folder: Path, before: str) -> None:
    """Copy the graph of a package, if it was made of its weights.

    Args:
        source: The package.
        folder: The new one, whose weights are written already.
        before: Checksum of the weights of the first.
    """
    graph, about = source / GRAPH, (source / GRAPH).with_suffix(".json")
    if not graph.is_file():
        return
    if about.is_file():
        sources = json.loads(about.read_text(encoding="utf-8"))
        if sources["weights_sha256"] != before:
            return
        sources["weights_sha256"] = weights_sha256(folder)
        write_json((folder / GRAPH).with_suffix(".json"), sources)
    _copy(graph, folder / GRAPH)
