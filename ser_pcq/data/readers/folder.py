"""A folder of recordings, by emotion, or by names that a pattern understands."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ser_pcq.audio.headers.foreign import MEDIA_SUFFIXES
from ser_pcq.audio.name_pattern import name_pattern, no_speaker
from ser_pcq.data.corpora.corpus import refuse_lfs_pointers
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.readers.entry import Entry, prepared, refuse
from ser_pcq.errors import DataError, few, suggest

GROUPS = ("speaker", "emotion", "gender", "sentence", "session")
"""Groups that a pattern may name."""

_LAYOUT = "a folder for each emotion, as in anger/anna_01.wav"


def _install() -> str:
    """Return what to do about media that nothing here decodes."""
    from ser_pcq.audio.decoder import NO_DECODER

    return f"they are in formats of media, {NO_DECODER}"


def read_folder(folder: Path, *, pattern: str | None = None) -> Prepared:
    """Read a folder with a folder for each emotion, audio at any depth in it.

    The emotion is the name of the first folder, in lower case, `_` for blanks. Hidden files are
    left out, and so is what does not end as audio does.

    Args:
        folder: The folder.
        pattern: A regular expression that is searched in each path below `folder` (`/` between
            folders) and has groups from `GROUPS`; with a group `emotion`, folders need not be
            emotions. Without a pattern the speakers are not known.

    Raises:
        DataError: When there is no audio, a recording lies in no folder, or the pattern does not
            match a path.
    """
    # Slow to import, and the help of the command needs neither.
    from ser_pcq.audio.decoder import can_decode_media
    from ser_pcq.audio.find import find_audio

    if not folder.is_dir():
        raise DataError("the folder does not exist", given=folder, accepted=_LAYOUT)
    compiled = None if pattern is None else _compiled(pattern)
    found = find_audio([folder])
    paths = found if can_decode_media() else [p for p in found if not _is_media(p.name)]
    if locked := [p for p in paths if p.is_dir()]:
        raise DataError("folders cannot be listed", given=few(map(str, locked)))
    if not paths:
        closed = [path.relative_to(folder).as_posix() for path in found]
        raise DataError(
            "no recordings that can be read" if closed else "no recordings",
            given=f"{folder} with {few(closed)}" if closed else folder,
            accepted=_LAYOUT,
            do=_install() if closed else None,
        )
    refuse_lfs_pointers(paths, str(folder))
    names = [path.relative_to(folder).as_posix() for path in paths]
    facts = _facts(names, compiled, pattern)
    entries = [
        Entry(name, os.path.splitext(name)[0], path, fact)  # noqa: PTH122
        for name, path, fact in zip(names, paths, facts, strict=True)
    ]
    return prepared(entries, _notes(folder, set(names), facts, compiled))


def _compiled(pattern: str) -> re.Pattern[str]:
    """Read a pattern."""
    compiled = name_pattern(pattern, DataError)
    for group in compiled.groupindex:
        if group not in GROUPS:
            raise DataError(
                "the pattern has a group that means nothing here",
                given=group,
                do=suggest(group, GROUPS),
            )
    if not {"speaker", "emotion"} & set(compiled.groupindex):
        raise no_speaker(pattern, DataError)
    return compiled


def _facts(
    names: list[str], compiled: re.Pattern[str] | None, pattern: str | None
) -> list[dict[str, str]]:
    """Return what the path of each recording says."""
    groups = {} if compiled is None else compiled.groupindex
    if "emotion" not in groups and (loose := [name for name in names if "/" not in name]):
        raise refuse(
            "recordings lie in no folder, so that their emotion is not known",
            loose,
            len(names),
            accepted=f"{_LAYOUT}; or a pattern with a group named emotion",
            do="move them into the folder of their emotion, or elsewhere",
        )
    matches = [None if compiled is None else compiled.search(name) for name in names]
    odd = [
        name
        for name, match in zip(names, matches, strict=True)
        if compiled is not None and not (match and all(match[group] for group in groups))
    ]
    if odd:
        raise refuse(
            "the pattern does not match, or a group of it is empty",
            odd,
            len(names),
            accepted=f"paths below the folder in which {pattern} finds {', '.join(groups)}",
            do="change the pattern, rename the files, or move them elsewhere",
        )
    facts = []
    for name, match in zip(names, matches, strict=True):
        found = {} if match is None else match.groupdict()
        emotion = found.get("emotion") or name.split("/")[0]
        facts.append({**found, "emotion": "_".join(emotion.lower().split())})
    return facts


def _notes(
    folder: Path, audio: set[str], facts: list[dict[str, str]], compiled: re.Pattern[str] | None
) -> list[str]:
    """Return notes on what was left out, and on folders that are not emotions."""
    others = list(_others(folder, audio))
    notes = []
    hidden = [name for name in others if Path(name).name.startswith(".")]
    closed = [name for name in others if _is_media(name) and name not in hidden]
    stray = [name for name in others if name not in hidden and name not in closed]
    if hidden:
        notes.append(f"left out: {len(hidden)} hidden files: {few(hidden)}")
    if closed:
        notes.append(
            f"left out: {len(closed)} recordings in formats that cannot be read: {few(closed)}; "
            f"{_install()}"
        )
    if stray:
        notes.append(f"left out: {len(stray)} files that are not audio by name: {few(stray)}")
    if compiled is None or "emotion" not in compiled.groupindex:
        used = {name.split("/")[0] for name in audio}
        empty = sorted(
            p.name
            for p in folder.iterdir()
            if p.is_dir() and not p.name.startswith(".") and p.name not in used
        )
        if empty:
            notes.append(f"folders without recordings: {few(empty)}")
        merged: dict[str, set[str]] = {}
        for name in used:
            merged.setdefault("_".join(name.lower().split()), set()).add(name)
        notes += [f"one emotion: {', '.join(sorted(s))}" for s in merged.values() if len(s) > 1]
    return notes


def _is_media(name: str) -> bool:
    """Whether libsndfile alone does not read a recording, by its name."""
    return Path(name).suffix.lower() in MEDIA_SUFFIXES


def _others(folder: Path, audio: set[str]) -> Iterator[str]:
    """Yield the files below a folder that are not among the recordings."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(root, name).relative_to(folder).as_posix()
            if path not in audio:
                yield path
