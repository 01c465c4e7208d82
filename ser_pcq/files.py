"""Writing files whole or not at all (a temporary name, then a move), and values for JSON."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it to `path` when the block ends well.

    When the block raises, the temporary file is removed and an older `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        # Not all of a long name: with what is added it would be too long.
        dir=path.parent,
        prefix=f".{path.stem[:30]}-",
        suffix=path.suffix or ".tmp",
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _as_usual(temporary, 0o666)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; name it `path` when the block ends well.

    When the block raises, the temporary folder is removed.

    Raises:
        OSError: When there is a `path`, but for an empty folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:30]}-"))
    try:
        yield temporary
        _as_usual(temporary, 0o777)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _as_usual(temporary: Path, mode: int) -> None:
    """Give the ordinary permissions to what tempfile made for its owner only."""
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(mode & ~umask)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON with a final line end; NaN is refused."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Return nested values with every float at 6 decimals and tuples as lists, as JSON has them."""
    return {key: _rounded(value) for key, value in values.items()}


def _rounded(value: Any) -> Any:
    """Round one value."""
    if isinstance(value, dict):
        return rounded(value)
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value
