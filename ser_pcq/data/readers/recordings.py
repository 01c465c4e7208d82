"""The files that a source names: whether they exist, and what ids can be made from them."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ser_pcq.data.corpora.corpus import refuse_lfs_pointers
from ser_pcq.data.readers.entry import refuse


def refuse_missing(places: Sequence[str], paths: Sequence[Path], do: str) -> None:
    """Refuse recordings that are missing, or are Git LFS pointers.

    Args:
        places: Where the source names each recording.
        paths: The recordings.
        do: What the user can do when some are missing.

    Raises:
        DataError: When any is.
    """
    missing = [
        f"{place} ({path})"
        for place, path in zip(places, paths, strict=True)
        # Not Path.is_file(), which raises where a folder on the way may not be entered.
        if not os.path.isfile(path)  # noqa: PTH113
    ]
    if missing:
        raise refuse("recordings are not there", missing, len(paths), do=do)
    refuse_lfs_pointers(paths, "the data")


def names_below(paths: Iterable[Path]) -> list[str]:
    """Return paths without suffix below the folder that all of them have in common."""
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    common = os.path.commonpath([os.path.dirname(path) for path in absolute])  # noqa: PTH120
    return [Path(os.path.relpath(path, common)).with_suffix("").as_posix() for path in absolute]
