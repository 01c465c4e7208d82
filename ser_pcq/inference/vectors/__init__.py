"""Recordings as vectors, and the files that hold them."""

from collections.abc import Callable, Iterable
from pathlib import Path

from ser_pcq.errors import SerError
from ser_pcq.inference.vectors import npz, parquet
from ser_pcq.inference.vectors.row import About, Row

FILES: dict[str, Callable[[Path, Iterable[Row], About], None]] = {
    ".npz": npz.write,
    ".parquet": parquet.write,
}
"""What writes vectors, by how the name of the file ends."""


def writer_of(path: Path) -> Callable[[Path, Iterable[Row], About], None]:
    """Return what writes a file.

    Raises:
        SerError: When its name ends otherwise.
    """
    try:
        return FILES[path.suffix.lower()]
    except KeyError:
        raise SerError(
            "the name of a file of vectors says its format",
            given=path,
            accepted=" or ".join(FILES),
        ) from None
