"""Writing a data directory: all of it, or nothing."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ser_pcq.data.directory.lines import FILES, GENDERS, Problem
from ser_pcq.data.directory.tables import read_tables
from ser_pcq.data.utterance import UNKNOWN_SPEAKER, Utterance
from ser_pcq.errors import DataError


def write(
    path: str | os.PathLike[str],
    utterances: Iterable[Utterance],
    *,
    corpus: str | None = None,
    relative_to_dir: bool = False,
) -> None:
    """Write a data directory: all of it or, when anything is wrong, nothing.

    Files are written for what the utterances have; those of an earlier content are replaced or
    removed, files that are not part of a data directory stay. `labels` lists the emotions found.
    White space in `text` becomes single blanks.

    Args:
        path: The data directory; made where it does not exist.
        utterances: In any order. What only some of a corpus have (a session, say) is refused, but
            for `vad` and `ratings`.
        corpus: Name of the corpus that all of them are of; None where they are of the corpora that
            they say, if any.
        relative_to_dir: Write audio paths relative to the data directory, so that both can be moved
            together; absolute otherwise.

    Raises:
        DataError: When the utterances do not make a sound data directory, the folder is in use for
            something else, or writing fails.
    """
    path = Path(path)
    # A link to a folder must lead to that folder's neighbours: a move has to stay on one disk.
    folder = path.resolve()
    if corpus is not None:
        _check_word("name of the corpus", corpus, str(path))
        utterances = [replace(u, corpus=corpus) for u in utterances]
    ordered = sorted(utterances, key=lambda u: u.utterance_id.encode("utf-8", "replace"))
    lines = _lines(ordered, folder, relative_to_dir)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            for name, content in lines.items():
                with (temporary / name).open("w", encoding="utf-8", newline="\n") as file:
                    file.writelines(f"{line}\n" for line in content)
            if problems := read_tables(temporary, check_audio=False, labels=None)[1]:
                raise refusal("the utterances do not make a data directory", path, problems)
            folder.mkdir(exist_ok=True)
            _refuse_foreign(folder, path)
            for name in FILES:
                if name in lines:
                    (temporary / name).replace(folder / name)
                else:
                    (folder / name).unlink(missing_ok=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, UnicodeEncodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"the data directory cannot be written ({why})", given=path) from error


def refusal(wrong: str, path: Path, problems: Sequence[Problem]) -> DataError:
    """Build the error that sums up problems in one line."""
    found = "; ".join(f"{p.kind}: {p.message}" for p in problems[:4])
    more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
    return DataError(wrong, given=path, do=found + more)


def _refuse_foreign(folder: Path, path: Path) -> None:
    """Refuse a folder in which files of a data directory would replace other files."""
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if any((folder / name).is_dir() for name in there) or (there and "wav.scp" not in there):
        raise DataError(
            "the folder is not a data directory, and its files would be overwritten",
            given=f"{path} with {', '.join(there)}",
            accepted="a new folder, or a data directory, which is replaced",
            do="choose another folder",
        )


def _lines(utterances: Sequence[Utterance], folder: Path, relative: bool) -> dict[str, list[str]]:
    """Return the lines of each file that the utterances have data for."""
    if not utterances:
        raise DataError("there are no utterances to write", given=folder)
    for u in utterances:
        _check_words(u)
    audio = {u.audio: _entry(u.audio, folder, relative) for u in utterances}
    lines = {
        "wav.scp": [f"{u.utterance_id} {audio[u.audio]}" for u in utterances],
        "utt2spk": [f"{u.utterance_id} {u.speaker}" for u in utterances],
        "utt2emo": [f"{u.utterance_id} {u.emotion}" for u in utterances],
        "spk2gender": sorted(
            {f"{u.speaker} {u.gender}" for u in utterances if u.gender}
            # Unknown speakers are several people.
            - {f"{UNKNOWN_SPEAKER} {gender}" for gender in GENDERS}
        ),
        "utt2session": [f"{u.utterance_id} {u.session}" for u in utterances if u.session],
        "utt2sentence": [f"{u.utterance_id} {u.sentence}" for u in utterances if u.sentence],
        "utt2uniq": [f"{u.utterance_id} {u.original}" for u in utterances if u.original],
        "text": [
            f"{u.utterance_id} {' '.join(u.text.split())}".rstrip()
            for u in utterances
            if u.text is not None
        ],
        "utt2split": [f"{u.utterance_id} {u.split}" for u in utterances if u.split],
        "utt2vad": [
            " ".join([u.utterance_id, *map(repr, map(float, u.vad))]) for u in utterances if u.vad
        ],
        "utt2ratings": [" ".join((u.utterance_id, *u.ratings)) for u in utterances if u.ratings],
        "labels": sorted({u.emotion for u in utterances}),
    }
    corpora = {u.corpus for u in utterances}
    if len(corpora) == 1:
        lines["corpus"] = [name for name in corpora if name]
    else:
        lines["utt2corpus"] = [f"{u.utterance_id} {u.corpus}" for u in utterances if u.corpus]
    if any(u.start is not None or u.end is not None for u in utterances):
        of = {audio[u.audio]: u.corpus for u in utterances} if len(corpora) > 1 else {}
        recordings = _recording_ids(audio.values(), of)
        lines["wav.scp"] = [f"{name} {entry}" for entry, name in recordings.items()]
        lines["segments"] = [
            f"{u.utterance_id} {recordings[audio[u.audio]]} {float(u.start or 0)!r} "
            f"{'-1' if u.end is None else repr(float(u.end))}"
            for u in utterances
        ]
    return {name: content for name, content in lines.items() if content}


def _check_words(utterance: Utterance) -> None:
    """Refuse what would not survive as a field of a line."""
    u = utterance
    words = {
        "utterance id": u.utterance_id,
        "speaker": u.speaker,
        "emotion": u.emotion,
        "gender": u.gender,
        "session": u.session,
        "sentence": u.sentence,
        "original": u.original,
        "corpus": u.corpus,
    }
    for what, word in words.items():
        if word is not None:
            _check_word(what, word, f"utterance {u.utterance_id!r}")
    for rating in u.ratings:
        _check_word("rating", rating, f"utterance {u.utterance_id!r}")
    if u.end is not None and not (u.start or 0.0) < u.end:
        raise DataError(
            "the end of an utterance does not follow its start",
            given=f"{u.start} to {u.end} s in utterance {u.utterance_id!r}",
        )


def _check_word(what: str, word: str, where: str) -> None:
    """Refuse a word that would become several in a line."""
    if not word or not word.isprintable() or " " in word:
        raise DataError(
            f"the {what} cannot be written in a data directory",
            given=f"{word!r} in {where}",
            accepted="printable characters, at least one, without white space",
        )


def _entry(audio: Path, folder: Path, relative: bool) -> str:
    """Return a path as wav.scp has it."""
    # Links on the way are resolved, since `..` after one would lead elsewhere; the last one stays.
    absolute = audio.parent.resolve() / audio.name
    entry = os.path.relpath(absolute, folder) if relative else str(absolute)
    if entry != entry.strip(" \t") or set(entry) & set("\r\n"):
        raise DataError(
            "the name of an audio file cannot be written in wav.scp",
            given=repr(entry),
            accepted="names without line ends, or blanks at either end",
            do="rename the file",
        )
    return entry


def _recording_ids(entries: Iterable[str], corpus_of: Mapping[str, str | None]) -> dict[str, str]:
    """Name each audio path after its stem, numbered where stems are alike; sorted by that name.

    Args:
        entries: The paths.
        corpus_of: Path to the corpus, where there are several: its name begins with that, too.
    """
    names: dict[str, str] = {}
    for entry in sorted(set(entries)):
        stem = "".join(c if c.isprintable() and c != " " else "_" for c in Path(entry).stem)
        stem = f"{corpus}-{stem}" if (corpus := corpus_of.get(entry)) else stem
        name, n = stem, 1
        while name in names:
            n += 1
            name = f"{stem}-{n}"
        names[name] = entry
    return {names[name]: name for name in sorted(names)}
