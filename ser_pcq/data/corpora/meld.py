"""MELD, the audio of its clips: English dialogues of a TV series, seven emotions.

13,708 utterances of the series Friends in 1,433 dialogues, 13.7 h: six main roles and some 300
others. Three tables, `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv`, hold words,
role, emotion, dialogue and utterance; a clip lies in the folder of its partition, such as
`train_splits/dia0_utt0.mp4`. Only audio is read here, from files of the same name that end in wav
or flac.

Licence: GPL-3.0 for what the authors made; the clips are of a series whose rights are its owners'.
Cite S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea, "MELD: A Multimodal
Multi-Party Dataset for Emotion Recognition in Conversations", ACL 2019.

Quirks: the numbers of dialogues begin at 0 in each partition, so ids carry the partition. The
partition knows the six main roles on all sides: it is not speaker independent. A role is taken for
a speaker: "Man" or "Woman" are several people, and "All" or "Joey and Ross" are several who
speak at once; their utterances hold the voices of others. Dialogues are not
sessions here: the main roles meet in nearly all of them, and nothing would be left to train on.
Typographic signs of Windows-1252 have become control characters in the released tables. One clip
is damaged and one is missing; the test folder holds clips without a row, and copies that are named
`final_videos_test…`. Laughter of the audience and music are heard, some clips are cut wrongly (test
dialogue 38, utterance 4, lasts 5 min); they are kept, as in the literature.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ser_pcq.data.corpora.corpus import (
    Corpus,
    count_notes,
    refuse_lfs_pointers,
    visible_files,
)
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError, few, suggest

EMOTIONS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprise": "surprise",
}
"""Word in the tables to label."""

EMOTION_COUNTS = {
    "anger": 1607,
    "disgust": 361,
    "fear": 358,
    "happiness": 2308,
    "neutral": 6434,
    "sadness": 1002,
    "surprise": 1636,
}
"""Utterances of each emotion in the complete release, without the two unusable ones."""

UNUSABLE = {"train": "dia125_utt3", "dev": "dia110_utt7"}
"""Partition to its clip that is damaged (train) or not in the release (dev)."""

MAIN_SPEAKERS = ("Chandler", "Joey", "Monica", "Phoebe", "Rachel", "Ross")
"""The roles that speak five utterances of six."""

ONE_NAME = {"Dr. Leedbetter": "Dr. Ledbetter", "Phoebe Sr": "Phoebe Sr."}
"""Another spelling of a role to the one that is kept."""

SPLITS: dict[str, Literal["train", "valid", "test"]] = {
    "train": "train",
    "dev": "valid",
    "test": "test",
}
"""Partition as MELD names it to the side of a split."""

FOLDERS = {
    "train": ("train_splits", "train_splits_wav", "train"),
    "dev": ("dev_splits_complete", "dev_splits_wav", "dev"),
    "test": ("output_repeated_splits_test", "test_splits_wav", "test"),
}
"""Partition to the names that its folder of clips has; archives call them variously."""

COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
"""The columns of the tables that are read."""

_CLIP = re.compile(r"dia\d+_utt\d+")
_SEVERAL = re.compile(r"\s*(?:,|/|&|\band\b)\s*")
_CONTROLS = {c: bytes([c]).decode("cp1252", "ignore") for c in range(0x80, 0xA0)}

Row = dict[str, str]


def prepare(corpus_dir: Path) -> Prepared:
    """Read the released tree, with the audio of its clips extracted.

    Args:
        corpus_dir: Folder that holds the three tables and the folders of clips, or has them in a
            folder `MELD.Raw`; each may lie in a separate folder `train`, `dev` or `test`, tables
            also in `data/MELD`.

    Returns:
        The utterances that have a row and audio, and how they differ from the complete release.

    Raises:
        DataError: When a table, a folder or the audio of clips is missing, or a table does not
            follow the corpus. For clips without audio the message says how to extract it.
    """
    utterances: list[Utterance] = []
    notes: list[str] = []
    for part in SPLITS:
        rows = _rows(_table(corpus_dir, part), notes)
        audio = _audio(corpus_dir, part)
        unusable = UNUSABLE.get(part, "")
        if rows.pop(unusable, None):
            notes.append(f"{part}: {unusable} left out, its released clip is damaged or missing")
        if silent := [clip for clip in rows if clip not in audio]:
            notes.append(f"{part}: {len(silent)} rows without a clip, left out: {few(silent)}")
        if strange := sorted(set(audio) - set(rows) - {unusable}):
            notes.append(f"{part}: {len(strange)} clips without a row, left out: {few(strange)}")
        utterances += [_utterance(part, c, r, audio[c]) for c, r in rows.items() if c in audio]
    if not utterances:
        raise DataError("no clip of MELD has both a row and audio", given=corpus_dir)
    refuse_lfs_pointers([u.audio for u in utterances], "MELD")
    utterances.sort(key=lambda u: u.utterance_id)
    if n := sum("_and_" in u.speaker for u in utterances):
        notes.append(f"{n} utterances of several roles at once: together they are another speaker")
    return Prepared(utterances, (*notes, *count_notes(utterances, EMOTION_COUNTS)))


def _places(corpus_dir: Path, part: str) -> Iterable[Path]:
    """Yield the folders where something of a partition may lie, likely ones first."""
    for root in (corpus_dir, corpus_dir / "MELD.Raw"):
        yield from (root, root / part, root / "data" / "MELD")


def _table(corpus_dir: Path, part: str) -> Path:
    """Find the table of a partition."""
    name = f"{part}_sent_emo.csv"
    for folder in _places(corpus_dir, part):
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        "a table of MELD is missing",
        given=f"no {name} in {corpus_dir}",
        accepted="the released folder MELD.Raw with train, dev and test_sent_emo.csv",
        do="check the path, and that train.tar.gz, dev.tar.gz and test.tar.gz are unpacked too",
    )


def _audio(corpus_dir: Path, part: str) -> dict[str, Path]:
    """Return the audio of a partition by the name of its clips."""
    waiting: list[Path] = []
    for folder in (place / name for place in _places(corpus_dir, part) for name in FOLDERS[part]):
        audio = _clips(folder, ".flac") | _clips(folder, ".wav")
        videos = _clips(folder, ".mp4")
        videos.pop(UNUSABLE.get(part, ""), None)
        silent = [path for clip, path in videos.items() if clip not in audio]
        if audio and not silent:
            return audio
        waiting = waiting or silent
    if waiting:
        raise DataError(
            "the audio of clips is not extracted yet",
            given=f"{len(waiting)} clips without a wav or flac beside, such as {waiting[0]}",
            do=f'for mp4 in "{waiting[0].parent}"/dia*.mp4; do ffmpeg -nostdin -i "$mp4" -vn -ac 1 '
            '-ar 16000 "${mp4%.mp4}.wav"; done',
        )
    raise DataError(
        f"the clips of MELD's partition {part} are missing",
        given=corpus_dir,
        accepted=f"a folder {' or '.join(FOLDERS[part])} with dia0_utt0.wav (or flac) and so on",
        do="check the path, and that train.tar.gz, dev.tar.gz and test.tar.gz are unpacked too",
    )


def _clips(folder: Path, ending: str) -> dict[str, Path]:
    """Return the files of a folder that are named after a clip; copies have other names."""
    found = visible_files(folder, f"*{ending}")
    return {path.stem: path for path in found if _CLIP.fullmatch(path.stem)}


def _rows(path: Path, notes: list[str]) -> dict[str, Row]:
    """Return the name of a clip to its row; what was corrected is added to the notes."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
        notes.append(f"{path.name}: not UTF-8, read as Windows-1252")
    mended = text.translate(_CONTROLS)
    if mended != text:
        n = sum(map(Counter(text).__getitem__, map(chr, _CONTROLS)))
        notes.append(f"{path.name}: {n} control characters turned into the signs they were")
    reader = csv.DictReader(io.StringIO(mended, newline=""), restval="")
    reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    if missing := [name for name in COLUMNS if name not in reader.fieldnames]:
        raise DataError(
            "a table of MELD lacks columns",
            given=f"no {', '.join(missing)} in {path}",
            accepted=f"columns with commas between them: {', '.join(COLUMNS)}",
        )
    rows: dict[str, Row] = {}
    for found in reader:
        row = {name: found[name].strip() for name in COLUMNS}
        clip = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
        wrong = None if _CLIP.fullmatch(clip) else "a row of MELD does not name its clip"
        if clip in rows or wrong:
            raise DataError(wrong or "a clip of MELD has two rows", given=f"{clip} in {path}")
        rows[clip] = row
    return rows


def speaker_of(role: str) -> str:
    """Return the speaker of a cell: without white space, several names in the order of letters.

    Args:
        role: As the table has it, for example `Ross and Joey`.

    Returns:
        For example `Joey_and_Ross`: neither of the two, but both together.
    """
    names = sorted(ONE_NAME.get(name, name) for name in _SEVERAL.split(" ".join(role.split())))
    return "_and_".join("_".join(name.split()) for name in names if name)


def _utterance(part: str, clip: str, row: Row, audio: Path) -> Utterance:
    """Bring together a row and its audio."""
    speaker = speaker_of(row["Speaker"])
    if not speaker or row["Emotion"].lower() not in EMOTIONS:
        raise DataError(
            "a row of MELD has no speaker, or an unknown emotion",
            given=f"{part}, {clip}: {row['Speaker']!r}, {row['Emotion']!r}",
            do=suggest(row["Emotion"], EMOTIONS),
        )
    return Utterance(
        utterance_id=f"{speaker}-{part}-{clip}",
        audio=audio,
        speaker=speaker,
        emotion=EMOTIONS[row["Emotion"].lower()],
        text=row["Utterance"],
        split=SPLITS[part],
    )


CORPUS = Corpus(
    name="meld",
    title="MELD (audio)",
    prepare=prepare,
    language="English",
    licence="GPL-3.0; rights in the TV series are its owners'",
    size="13,706 utterances, 6 main and some 300 other speakers, 13.7 h",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="one of the six main speakers out",
    home="https://github.com/declare-lab/MELD",
    citation="Poria et al., MELD: A Multimodal Multi-Party Dataset for Emotion Recognition "
    "in Conversations, ACL 2019, doi:10.18653/v1/P19-1050",
    counts=EMOTION_COUNTS,
)
