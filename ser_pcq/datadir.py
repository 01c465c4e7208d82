"""The data directory: what a corpus becomes before anything is trained on it.

A Kaldi-style folder of text files, one line per utterance, sorted by id (`LC_ALL=C`), UTF-8::

    wav.scp       utterance id, path of its audio (with `segments`: recording id, path)
    utt2spk       utterance id, speaker
    utt2emo       utterance id, emotion
    spk2gender    speaker, m | f | o                          optional
    utt2session   utterance id, session                       optional
    utt2sentence  utterance id, id of what is said            optional
    utt2uniq      utterance id, utterance it is a copy of     optional
    text          utterance id, what is said                  optional
    segments      utterance id, recording id, start s, end s  optional
    labels        the accepted emotions, one per line         optional

A relative path is looked for in the data directory, then in the current directory.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_pcq.errors import DataError
from ser_pcq.kaldi_tables import (
    FILES,
    WHOLE_RECORDING,
    Problem,
    Table,
    audio_path,
    parse_segment,
    read_tables,
)

# Optional tables with one value for each utterance.
PER_UTTERANCE = ("utt2session", "utt2sentence", "utt2uniq", "text")

__all__ = ["DataDir", "Problem", "Utterance", "read", "validate", "write"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance with what is known about it.

    Attributes:
        utterance_id: Unique; no white space. Begins with the speaker, by Kaldi's custom.
        audio: The file it is in.
        speaker: Who speaks.
        emotion: The label.
        gender: m, f or o (other); None when unknown.
        session: Recording session; None where the corpus has none.
        sentence: Id of the sentence, where a corpus has a fixed set; else None.
        original: The utterance that this one is an augmented copy of (itself for an original);
            None where nothing is known of copies.
        text: What is said; None when unknown.
        start: Where it begins in the audio, s; None for the beginning.
        end: Where it ends in the audio, s; None for the end.
    """

    utterance_id: str
    audio: Path
    speaker: str
    emotion: str
    gender: str | None = None
    session: str | None = None
    sentence: str | None = None
    original: str | None = None
    text: str | None = None
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class DataDir:
    """The content of a data directory.

    Attributes:
        path: Where it was read from.
        utterances: In the order of their ids.
    """

    path: Path
    utterances: tuple[Utterance, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that occur, sorted."""
        return tuple(sorted({u.emotion for u in self.utterances}))

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))


def validate(
    path: str | os.PathLike[str], *, check_audio: bool = True, labels: Sequence[str] | None = None
) -> list[Problem]:
    """List everything that is wrong with a data directory; an empty list means that it is sound.

    Args:
        path: The data directory.
        check_audio: Whether to look at every recording too: that it is there, is audio, and is as
            long as its segments say.
        labels: Accepted emotions; those of the file `labels` when None, and any without that file.
    """
    return read_tables(Path(path), check_audio=check_audio, labels=labels)[1]


def read(
    path: str | os.PathLike[str], *, labels: Sequence[str] | None = None, check_audio: bool = False
) -> DataDir:
    """Read a data directory.

    Args:
        path: The data directory.
        labels: Accepted emotions, as for `validate`.
        check_audio: Whether to look at every recording too.

    Raises:
        DataError: When anything is wrong with it; the message tells the first few problems.
    """
    path = Path(path)
    tables, problems = read_tables(path, check_audio=check_audio, labels=labels)
    if problems:
        raise _refusal("the data directory is not sound", path, problems)
    genders = tables.get("spk2gender", {})
    optional = {name: tables.get(name, {}) for name in PER_UTTERANCE}
    utterances = []
    for utterance_id, speaker in tables["utt2spk"].items():
        recording, start, end = _segment(tables, utterance_id)
        utterances.append(
            Utterance(
                utterance_id,
                audio_path(path, tables["wav.scp"][recording]),
                speaker,
                tables["utt2emo"][utterance_id],
                gender=genders.get(speaker),
                session=optional["utt2session"].get(utterance_id),
                sentence=optional["utt2sentence"].get(utterance_id),
                original=optional["utt2uniq"].get(utterance_id),
                text=optional["text"].get(utterance_id),
                start=start,
                end=end,
            )
        )
    return DataDir(path, tuple(utterances))


def _refusal(wrong: str, path: Path, problems: Sequence[Problem]) -> DataError:
    """Build the error that sums up problems in one line."""
    told = "; ".join(f"{p.kind}: {p.message}" for p in problems[:4])
    more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
    return DataError(wrong, given=path, do=told + more)


def _segment(
    tables: Mapping[str, Table], utterance_id: str
) -> tuple[str, float | None, float | None]:
    """Return the recording of an utterance, and its start and end in it (s), None at the edges."""
    if "segments" not in tables:
        return utterance_id, None, None
    recording, start, end = parse_segment(tables["segments"][utterance_id])
    return recording, start or None, None if end == WHOLE_RECORDING else end


def write(
    path: str | os.PathLike[str], utterances: Iterable[Utterance], *, relative_to_dir: bool = False
) -> None:
    """Write a data directory: all of it or, when anything is wrong, nothing.

    Files are written for what the utterances have; those of an earlier content are replaced or
    removed, files that are not part of a data directory stay. `labels` lists the emotions found.
    White space in `text` becomes single blanks.

    Args:
        path: The data directory; made where it does not exist.
        utterances: In any order. What only some of them have (a session, say) is refused.
        relative_to_dir: Write audio paths relative to the data directory, so that both can be moved
            together; absolute otherwise.

    Raises:
        DataError: When the utterances do not make a sound data directory, or writing fails.
    """
    path = Path(path)
    # A link to a folder must lead to that folder's neighbours: a move has to stay on one disk.
    folder = path.resolve()
    ordered = sorted(utterances, key=lambda u: u.utterance_id.encode("utf-8", "replace"))
    lines = _lines(ordered, folder, relative_to_dir)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            for name, content in lines.items():
                with (temporary / name).open("w", encoding="utf-8", newline="\n") as file:
                    file.writelines(f"{line}\n" for line in content)
            if problems := validate(temporary, check_audio=False):
                raise _refusal("the utterances do not make a data directory", path, problems)
            folder.mkdir(exist_ok=True)
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
        "spk2gender": sorted({f"{u.speaker} {u.gender}" for u in utterances if u.gender}),
        "utt2session": [f"{u.utterance_id} {u.session}" for u in utterances if u.session],
        "utt2sentence": [f"{u.utterance_id} {u.sentence}" for u in utterances if u.sentence],
        "utt2uniq": [f"{u.utterance_id} {u.original}" for u in utterances if u.original],
        "text": [
            f"{u.utterance_id} {' '.join(u.text.split())}".rstrip()
            for u in utterances
            if u.text is not None
        ],
        "labels": sorted({u.emotion for u in utterances}),
    }
    if any(u.start is not None or u.end is not None for u in utterances):
        recordings = _recording_ids(audio.values())
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
    }
    for what, word in words.items():
        if word is not None and (not word or not word.isprintable() or " " in word):
            raise DataError(
                f"the {what} cannot be written in a data directory",
                given=f"{word!r} in utterance {u.utterance_id!r}",
                accepted="printable characters, at least one, without white space",
            )
    if u.end is not None and not (u.start or 0.0) < u.end:
        raise DataError(
            "the end of an utterance does not follow its start",
            given=f"{u.start} to {u.end} s in utterance {u.utterance_id!r}",
        )


def _entry(audio: Path, folder: Path, relative: bool) -> str:
    """Return a path as it stands in wav.scp."""
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


def _recording_ids(entries: Iterable[str]) -> dict[str, str]:
    """Name each audio path after its stem, numbered where stems are alike; sorted by that name."""
    names: dict[str, str] = {}
    for entry in sorted(set(entries)):
        stem = "".join(c if c.isprintable() and c != " " else "_" for c in Path(entry).stem)
        name, n = stem, 1
        while name in names:
            n += 1
            name = f"{stem}-{n}"
        names[name] = entry
    return {names[name]: name for name in sorted(names)}
