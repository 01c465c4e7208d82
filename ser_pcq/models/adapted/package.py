"""Adapted models as folders: `adapted.json`, `head.safetensors`, fingerprints, a card.

A base that comes with the toolkit is named, with the checksum of its weights. Another one is copied
into the folder `base`, so that the package is complete in itself.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ser_pcq.audio.fingerprint import load_prints, save_prints
from ser_pcq.errors import CheckpointError, DataError, SerError
from ser_pcq.files import whole_file, whole_folder, write_json, write_text
from ser_pcq.models.adapted.base import Base, base_of, check_head
from ser_pcq.models.adapted.card import adapted_card
from ser_pcq.models.adapted.classifier import AdaptedClassifier
from ser_pcq.models.adapted.head import Head
from ser_pcq.models.adapted.info import AdaptedInfo, BaseInfo, damaged_adapted, read_adapted
from ser_pcq.models.folder import (
    ABOUT,
    ADAPTED,
    CARD,
    EMBEDDED,
    HEAD,
    LICENCE,
    PRINTS,
    embedded_models,
)
from ser_pcq.models.sharing.packages import write_package

if TYPE_CHECKING:
    from ser_pcq.models.classifier import Classifier

BASE = "base"
"""The folder of a base that does not come with the toolkit."""


def refuse_existing(folder: Path) -> None:
    """Refuse to write where something is, or where nothing can be written.

    Raises:
        SerError: For one of these.
    """
    if folder.exists() or folder.is_symlink():
        raise SerError(
            "the output exists already", given=folder, do="move it away, or name another folder"
        )
    above = next(one for one in folder.absolute().parents if one.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise SerError(
            "the output cannot be written",
            given=folder,
            accepted="a place in a folder that you may write to",
            do=f"look at {above}, or name another folder",
        )


def write_adapted(classifier: AdaptedClassifier, folder: Path) -> None:
    """Write a package, whole or not at all.

    Args:
        classifier: The model.
        folder: Where; there must be nothing yet.

    Raises:
        SerError: When there is something.
    """
    from safetensors.numpy import save_file

    refuse_existing(folder)
    base = classifier.base
    with whole_folder(folder) as temporary:
        if not base.is_embedded:
            write_package(str(base.folder), temporary / BASE)
        if (base.folder / LICENCE).is_file():
            shutil.copyfile(base.folder / LICENCE, temporary / LICENCE)
        with whole_file(temporary / HEAD) as file:
            save_file(classifier.head.tensors(), file)
        save_prints(temporary / PRINTS, classifier.prints)
        write_text(temporary / CARD, adapted_card(classifier.info))
        write_json(temporary / ADAPTED, classifier.info.to_json())


def read_head(folder: Path) -> Head:
    """Read the head of a package.

    Raises:
        CheckpointError: When it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return Head.of(load_file(folder / HEAD))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise damaged_adapted(folder, error) from error


def read_base(folder: Path, info: AdaptedInfo) -> tuple[str, Base]:
    """Return the name or path of what a package was made from, and what was adapted of it.

    Raises:
        CheckpointError: When it is missing, or has changed since.
    """
    if info.base.is_embedded and info.base.name not in embedded_models():
        raise CheckpointError(
            "the model that this one was made from is not there",
            given=f"{info.base.name}, for {folder}",
            accepted=", ".join(embedded_models()),
            do="install the version of ser-pcq that has it, or adapt another model",
        )
    if not info.base.is_embedded and not (folder / BASE / ABOUT).is_file():
        raise damaged_adapted(folder, ValueError(f"there is no {BASE}/{ABOUT}"))
    model = info.base.name if info.base.is_embedded else str(folder / BASE)
    base = base_of(model)
    if base.sha256 != info.base.sha256:
        raise CheckpointError(
            "the model that this one was made from has changed since",
            given=f"{info.base.name}, for {folder}",
            do="adapt it again, or install the version of ser-pcq that this was made with",
        )
    return model, base


def base_folder(folder: Path, info: AdaptedInfo) -> Path:
    """Return where the package lies that another one was made from."""
    return EMBEDDED / info.base.name if info.base.is_embedded else folder / BASE


def load_adapted(folder: Path, load: "Callable[[str], Classifier]") -> AdaptedClassifier:
    """Load a package.

    Args:
        folder: The package.
        load: What loads its base, by name or path.

    Raises:
        CheckpointError: When it or its base is missing or damaged.
        SerError: When what runs the base is not installed.
    """
    info, head = read_adapted(folder), read_head(folder)
    model, base = read_base(folder, info)
    if head.weight.shape != (len(info.labels), base.head.weight.shape[1]):
        raise damaged_adapted(folder, ValueError("the head does not fit its base"))
    try:
        prints = tuple(load_prints(folder / PRINTS))
    except DataError as error:
        raise damaged_adapted(folder, error) from error
    return AdaptedClassifier(load(model), base, head, info, prints)


def as_adapted(classifier: "Classifier", model: str) -> AdaptedClassifier:
    """Return any model as an adapted one, before its first adaptation.

    Args:
        classifier: The model.
        model: What it was loaded from, embedded name or path.

    Raises:
        CheckpointError: When it is missing or damaged.
        SerError: When it cannot be adapted.
    """
    if isinstance(classifier, AdaptedClassifier):
        return classifier
    base = base_of(model)
    check_head(classifier, base)
    origin = BaseInfo(base.name, base.is_embedded, base.sha256)
    info = AdaptedInfo(base.name, base.labels, origin, (), base.licence)
    return AdaptedClassifier(classifier, base, base.head, info)
