"""The models that come with the toolkit, by what their packages say; none of them is loaded."""

import json
from dataclasses import dataclass
from pathlib import Path

from ser_pcq.errors import CheckpointError
from ser_pcq.models.data_info import DataInfo, texts
from ser_pcq.models.folder import ABOUT, EMBEDDED, WEIGHTS, embedded_models
from ser_pcq.models.sharing.files import COMMON, shared_files


@dataclass(frozen=True)
class CatalogueEntry:
    """A model to choose.

    Attributes:
        name: What it is called by.
        size: Of its weights with those that it shares with others, in bytes.
        parameters: Their number.
        labels: The emotions, in the order of the outputs.
        corpora: What it learnt from.
        licence: SPDX expression of its licence; None where it states none.
    """

    name: str
    size: int
    parameters: int
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    licence: str | None


def catalogue() -> list[CatalogueEntry]:
    """Return what there is to choose, sorted by name.

    Raises:
        CheckpointError: When a package is damaged.
    """
    return [_entry(name, EMBEDDED / name) for name in embedded_models()]


def _entry(name: str, folder: Path) -> CatalogueEntry:
    """Describe a package. Its configuration, which takes longest to read, is left alone."""
    try:
        plain = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        data = DataInfo.from_json(plain["data"])
        return CatalogueEntry(
            name=name,
            size=_size(folder),
            parameters=sum(int(n) for n in plain["parameters"].values()),
            labels=texts(plain["labels"]),
            corpora=tuple(data.corpora) or (data.corpus or data.name,),
            licence=plain.get("licence"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "damaged model", given=folder, do=f"install it again ({error})"
        ) from error


def _size(folder: Path) -> int:
    """Return the bytes of a package's weights; what it shares is not read through for that."""
    shared = shared_files(folder).get(WEIGHTS)
    common = 0 if shared is None else (folder.parent / COMMON / shared.name).stat().st_size
    return (folder / WEIGHTS).stat().st_size + common
