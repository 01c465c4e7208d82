"""IEMOCAP, interactive emotional dyadic motion capture.

Ten actors in five sessions, a woman and a man in each, who play to one another, scripted and
improvised: 151 dialogs, cut into 10,039 turns, about 12 h of English at 16 kHz. A turn has one
label, that of most of its raters or `xxx` where they disagree: neutral 1,708, happiness 595,
excitement 1,041, sadness 1,084, anger 1,103, frustration 1,849, surprise 107, fear 40, disgust 2,
other 3, xxx 2,507. It also has valence, activation and dominance, each from 1 to 5, and what each
rater said, the actors themselves among them.

Licence: that of the owner, the SAIL laboratory of the University of Southern California, who gives
the corpus to those who apply for it. It may not be passed on. C. Busso, M. Bulut, C.-C. Lee,
A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan, "IEMOCAP: interactive
emotional dyadic motion capture database", Language Resources and Evaluation 42 (2008).

Classes: 4, as most papers on speech have it: anger, happiness (excitement merged into it), neutral
and sadness, 5,531 turns. 6, as papers on emotion in conversation have it (DialogueRNN and what
followed): excitement separately, and frustration, 7,380 turns. 5 is between them: the 4 classes and
frustration, the same 7,380 turns. That is the usual set of five; another one, of Wu et al. (ICASSP
2021), has everything else as its fifth class, and is not offered. Other labels are left out.

Quirks: the speaker of `Ses01F_impro01_M000` is Ses01M. The letter of the last field says who
speaks; the one in `Ses01F` says who wore the motion capture markers, and public code that took it
for the speaker leaks. Where turns overlap, both actors are heard on the recordings of both. Some
dialogs have a suffix: `Ses03M_impro05a`, `Ses03M_impro08b`, `Ses05M_script01_1b`. Labels are
directly in `dialog/EmoEvaluation`; its sub-folders hold other formats. `._` files of macOS lie
among them. Transcriptions hold turns without a label (`_MXX0`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ser_pcq.data.corpora.corpus import Corpus, refuse_lfs_pointers, visible_files
from ser_pcq.data.corpora.iemocap_labels import (
    LABELS,
    LabelFile,
    Turn,
    read_labels,
    read_transcription,
)
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError, few

_FOUR = {
    "ang": "anger",
    "exc": "happiness",
    "hap": "happiness",
    "neu": "neutral",
    "sad": "sadness",
}
CLASSES: dict[int, dict[str, str]] = {
    4: _FOUR,
    5: {**_FOUR, "fru": "frustration"},
    6: {**_FOUR, "fru": "frustration", "exc": "excitement"},
}
"""Number of classes to label as released to emotion."""

PARTS = ("all", "improvised", "scripted")

RELEASED = {
    "1": {"neu": 384, "ang": 229, "sad": 194, "hap": 135, "exc": 143},
    "2": {"neu": 362, "ang": 137, "sad": 197, "hap": 117, "exc": 210},
    "3": {"neu": 320, "ang": 240, "sad": 305, "hap": 135, "exc": 151},
    "4": {"neu": 258, "ang": 327, "sad": 143, "hap": 65, "exc": 238},
    "5": {"neu": 384, "ang": 170, "sad": 245, "hap": 143, "exc": 299},
}
"""Session to label to the number of its turns in the complete release."""

RELEASED_OTHERS = {"fru": 1849, "sur": 107, "fea": 40, "dis": 2, "oth": 3, "xxx": 2507}
"""The same of other labels, over all sessions."""

RELEASED_PARTS = {"improvised": 2943, "scripted": 2588}
"""Turns of the 4-class set in each part of the complete release."""

EMOTION_COUNTS = {"anger": 1103, "happiness": 1636, "neutral": 1708, "sadness": 1084}
"""Utterances of each emotion in the complete release, four classes."""

_LAYOUT = (
    "IEMOCAP_full_release with Session1/dialog/EmoEvaluation, Session1/sentences/wav and so on"
)


def _root(corpus_dir: Path) -> Path:
    """Return the folder with the sessions."""
    for folder in (corpus_dir, corpus_dir / "IEMOCAP_full_release"):
        if any((folder / f"Session{number}").is_dir() for number in RELEASED):
            return folder
    raise DataError(
        "no IEMOCAP sessions found",
        given=corpus_dir,
        accepted=f"the released folder {_LAYOUT}, or the folder that holds it",
        do="check the path, and that the archive is unpacked",
    )


def _session(folder: Path) -> list[LabelFile]:
    """Read the label files of a session."""
    labels = folder / "dialog" / "EmoEvaluation"
    files = [read_labels(path) for path in visible_files(labels, "*.txt")]
    if not files:
        raise DataError(
            "a session of IEMOCAP has no label files",
            given=labels,
            accepted=_LAYOUT,
            do="unpack the session again, or move it elsewhere to continue without it",
        )
    foreign = [f.turns[0].dialog for f in files if f.turns[0].session != folder.name[-1]]
    if foreign:
        raise DataError(
            "label files of IEMOCAP lie in another session",
            given=f"{few(foreign)} in {labels}",
            accepted=_LAYOUT,
        )
    return files


def _labelled(root: Path) -> tuple[list[Turn], list[str]]:
    """Return the turns of the sessions that are there, and notes."""
    turns: list[Turn] = []
    unread: list[str] = []
    notes = []
    for number in RELEASED:
        folder = root / f"Session{number}"
        if folder.is_dir():
            for file in _session(folder):
                turns += file.turns
                unread += file.unread
        else:
            notes.append(f"session {number} is missing: there is no {folder.name}")
    if unread:
        notes.append(f"{len(unread)} lines give no rating and are left out: {few(unread)}")
    return turns, notes


def _audio(root: Path, turn: Turn) -> Path:
    """Return where the recording of a turn lies."""
    wavs = root / f"Session{turn.session}" / "sentences" / "wav"
    return wavs / turn.dialog / f"{turn.turn_id}.wav"


def _check_audio(root: Path, turns: Sequence[Turn]) -> None:
    """Refuse labels without their recording, and pointers in place of recordings."""
    paths = [_audio(root, turn) for turn in turns]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            "labelled turns of IEMOCAP have no recording",
            given=f"{len(missing)} of {len(paths)}, such as {few(map(str, missing))}",
            accepted=_LAYOUT,
            do="unpack the audio again",
        )
    refuse_lfs_pointers(paths, "IEMOCAP")


def _unlabelled_notes(root: Path, turns: Iterable[Turn]) -> list[str]:
    """Say which recordings have no label: those of whole dialogs, and single ones."""
    dialogs = {turn.dialog for turn in turns}
    labelled = {turn.turn_id for turn in turns}
    notes, single = [], []
    for folder in sorted(root.glob("Session[1-5]/sentences/wav/*")):
        names = [p.stem for p in visible_files(folder, "*.wav")]
        if folder.name in dialogs:
            single += [name for name in names if name not in labelled]
        elif names and not folder.name.startswith("."):
            notes.append(
                f"dialog {folder.name} has no label file: its {len(names)} recordings are left out"
            )
    if single:
        notes.append(f"{len(single)} recordings without a label are left out: {few(single)}")
    return notes


def _texts(root: Path, turns: Iterable[Turn]) -> dict[str, str]:
    """Return what is said: turn id to text, of the dialogs whose transcription is there."""
    texts: dict[str, str] = {}
    for session, dialog in sorted({(turn.session, turn.dialog) for turn in turns}):
        path = root / f"Session{session}" / "dialog" / "transcriptions" / f"{dialog}.txt"
        if path.is_file():
            texts |= read_transcription(path)
    return texts


def _utterance(root: Path, turn: Turn, emotion: str, text: str) -> Utterance:
    """Bring together what is known of a turn."""
    return Utterance(
        utterance_id=turn.turn_id,
        audio=_audio(root, turn),
        speaker=turn.speaker,
        emotion=emotion,
        gender=turn.letter.lower(),
        session=turn.session,
        text=text,
        vad=turn.vad,
        ratings=turn.ratings,
    )


def _difference_notes(turns: Sequence[Turn], part: str) -> list[str]:
    """Say how the labels of the sessions that are there differ from the complete release."""
    sessions = sorted({turn.session for turn in turns})
    found = Counter((turn.session, turn.label) for turn in turns)
    in_part: Counter[str] = Counter(turn.part for turn in turns if turn.label in _FOUR)
    rows = [
        (f"session {session}, {label}", found[session, label], expected)
        for session in sessions
        for label, expected in RELEASED[session].items()
    ]
    if len(sessions) == len(RELEASED):
        for label, expected in RELEASED_OTHERS.items():
            n_found = sum(found[session, label] for session in sessions)
            rows.append((f"all sessions, {label}", n_found, expected))
        if part != "all":
            rows.append((f"four classes, {part}", in_part[part], RELEASED_PARTS[part]))
    return [
        f"{what}: {n_found} turns, {expected} in the complete release"
        for what, n_found, expected in rows
        if n_found != expected
    ]


def _choose(
    turns: Sequence[Turn], emotions: Mapping[str, str], part: str
) -> tuple[list[Turn], list[str]]:
    """Return the turns of a part that have one of the labels, and what is left out."""
    in_part = [turn for turn in turns if part in ("all", turn.part)]
    others = len(turns) - len(in_part)
    chosen = [turn for turn in in_part if turn.label in emotions]
    notes = [f"not {part}: {others} turns left out"] if others else []
    left = Counter(turn.label for turn in in_part if turn.label not in emotions)
    if left:
        listed = ", ".join(
            f"{LABELS[label] or 'raters disagree'} ({label}) {n}" for label, n in left.most_common()
        )
        notes.append(f"other labels: {left.total()} turns left out: {listed}")
    return chosen, notes


def prepare(
    corpus_dir: Path,
    *,
    classes: int = 4,
    part: Literal["all", "improvised", "scripted"] = "all",
) -> Prepared:
    """Read the released tree.

    Args:
        corpus_dir: The folder `IEMOCAP_full_release`, or the one that holds it.
        classes: 4, 5 or 6, see the description of the corpus.
        part: Of the dialogs: all, the improvised or the scripted ones.

    Returns:
        The utterances with one of the classes, and what was left out or is missing.

    Raises:
        DataError: When the tree is not that of the release: no session, a session without labels,
            a malformed label, labels without their recordings.
    """
    if classes not in CLASSES or part not in PARTS:
        raise DataError(
            "no such set of IEMOCAP",
            given=f"{classes} classes, part {part}",
            accepted=f"{', '.join(map(str, CLASSES))} classes; part {', '.join(PARTS)}",
        )
    root = _root(corpus_dir)
    turns, notes = _labelled(root)
    emotions = CLASSES[classes]
    chosen, left = _choose(turns, emotions, part)
    if not chosen:
        raise DataError("no turn of IEMOCAP is left", given=f"part {part} in {root}")
    _check_audio(root, chosen)
    notes += left + _unlabelled_notes(root, turns) + _difference_notes(turns, part)
    texts = _texts(root, chosen)
    wordless = sorted(turn.turn_id for turn in chosen if turn.turn_id not in texts)
    if wordless:
        notes.append(f"{len(wordless)} utterances are not transcribed: {few(wordless)}")
    utterances = [_utterance(root, t, emotions[t.label], texts.get(t.turn_id, "")) for t in chosen]
    if len(wordless) == len(chosen):
        utterances = [replace(u, text=None) for u in utterances]
    return Prepared(sorted(utterances, key=lambda u: u.utterance_id), tuple(notes))


CORPUS = Corpus(
    name="iemocap",
    title="IEMOCAP",
    prepare=prepare,
    language="English",
    licence="on application to the owner",
    size="5,531 utterances of 10,039, 10 speakers, 12 h in all",
    labels=tuple(sorted(EMOTION_COUNTS)),
    protocol="leave one session out",
    home="https://sail.usc.edu/iemocap",
    citation="Busso et al., IEMOCAP: interactive emotional dyadic motion capture database, "
    "Language Resources and Evaluation 42(4), 2008, doi:10.1007/s10579-008-9076-6",
    counts=EMOTION_COUNTS,
)
