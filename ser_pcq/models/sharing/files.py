"""Files that several embedded models have in common, and the tensors of a package.

Models over the same frozen encoder, or trained on the same recordings, would hold the same
megabytes again. These lie once in a folder beside the models, `shared`, and are named by their
content. A package that takes something from there has a `shared.json`, which says for each of its
own files what completes it:

    {"model.safetensors": {"name": "encoder-1a2b3c4d5e6f.safetensors", "sha256": "1a2b…"}}

A package without it is complete in itself, as every one is that training writes.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_pcq.errors import CheckpointError
from ser_pcq.models.folder import EMBEDDED, PRINTS, WEIGHTS

if TYPE_CHECKING:  # listing models needs no numpy
    from numpy.typing import NDArray

SHARED = "shared.json"
"""In a package: what completes its files."""

COMMON = "shared"
"""Beside packages: the folder of the files that they share."""


def sha256(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class SharedFile:
    """A file in a folder `shared`.

    Attributes:
        name: Of the file.
        sha256: Its checksum.
    """

    name: str
    sha256: str

    def path(self, folder: Path) -> Path:
        """Return where it is: in the package, beside it, or among the embedded models.

        Args:
            folder: The package.

        Raises:
            CheckpointError: When it is missing or damaged.
        """
        for place in (folder, folder.parent / COMMON, EMBEDDED / COMMON):
            path = place / self.name
            if not path.is_file():
                continue
            if sha256(path) != self.sha256:
                raise CheckpointError("damaged model", given=path, do="install or copy it again")
            return path
        raise CheckpointError(
            "a file that this model shares with others is missing",
            given=f"{self.name}, for {folder}",
            accepted=f"it in the folder itself, or in {COMMON} beside it",
            do="copy it there, or write the model whole with ser-export --folder",
        )


def shared_files(folder: Path) -> dict[str, SharedFile]:
    """Return by its own file what completes a package; nothing where it is complete.

    Raises:
        CheckpointError: When `shared.json` is damaged.
    """
    about = folder / SHARED
    if not about.is_file():
        return {}
    try:
        plain = json.loads(about.read_text(encoding="utf-8"))
        found = {
            own: SharedFile(str(one["name"]), str(one["sha256"])) for own, one in plain.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "damaged model", given=about, do=f"install or copy it again ({error})"
        ) from error
    if any(Path(one.name).name != one.name for one in found.values()):
        raise CheckpointError("damaged model", given=about, accepted="names of files")
    return found


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold the tensors of a package, together all of them.

    Raises:
        CheckpointError: When one that is shared is missing or damaged.
    """
    shared = shared_files(folder).get(WEIGHTS)
    return [folder / WEIGHTS, *([] if shared is None else [shared.path(folder)])]


def prints_file(folder: Path) -> Path | None:
    """Return the file of the fingerprints that a package has, None where it has none.

    Raises:
        CheckpointError: When it is shared, and missing or damaged.
    """
    shared = shared_files(folder).get(PRINTS)
    if shared is not None:
        return shared.path(folder)
    return folder / PRINTS if (folder / PRINTS).is_file() else None


@dataclass(frozen=True, eq=False)
class Weights:
    """The tensors of a package.

    Attributes:
        tensors: As stored, by name.
        sha256: Of the package's file of weights, with that of what completes it.
    """

    tensors: "dict[str, NDArray[Any]]"
    sha256: str


def read_weights(folder: Path) -> Weights:
    """Read the tensors of a package.

    Raises:
        CheckpointError: When a file that is shared is missing or damaged.
        OSError, safetensors.SafetensorError: When the package's own file is.
    """
    from safetensors.numpy import load_file

    tensors: dict[str, NDArray[Any]] = {}
    for path in weight_files(folder):
        tensors |= load_file(path)
    return Weights(tensors, weights_sha256(folder))


def weights_sha256(folder: Path) -> str:
    """Return what `Weights` says of a package whose shared file was found right."""
    own, shared = sha256(folder / WEIGHTS), shared_files(folder).get(WEIGHTS)
    if shared is None:
        return own
    return hashlib.sha256(f"{own} {shared.sha256}".encode()).hexdigest()
