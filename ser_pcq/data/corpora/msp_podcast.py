"""MSP-Podcast, natural emotional speech from podcasts in English.

Segments of podcasts, 2.75 to 11 s, 16 kHz mono, each rated by five people or more. Release 1.7 has
some 60,000, release 1.12 has 207,136 (324 h), release 2.0 has 264,705 (409 h). The table
`Labels/labels_consensus.csv` (up to about 1.8 spelt `labels_concensus.csv`) holds the emotion that
most raters chose, activation, valence and dominance from 1 to 7, the speaker, the gender and the
partition; the audio is `Audios/MSP-PODCAST_0001_0008.wav` and so on, what is said
`Transcripts/*.txt`.

Licence: by agreement with the owner, academic or commercial; never shipped, only read from the
user's own copy. Cite R. Lotfian, C. Busso, "Building Naturalistic Emotionally Balanced Speech
Corpus by Retrieving Emotional Speech From Existing Podcast Recordings", IEEE Transactions on
Affective Computing, 2019, and C. Busso et al., "The MSP-Podcast Corpus", 2025.

Quirks: utterances without agreement (X) and of another emotion (O) have no class. The test sets
share speakers with one another, so only one can be used at a time; the labels of Test3 are not
released. Speakers of part of the training set are not known, and can be anybody. File names do not
say who speaks, ids here do. Not every segment has a transcript. Segments of one podcast are not
sessions here: the partition is by speaker.
"""

import csv
import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ser_pcq.data.corpora.corpus import Corpus, refuse_lfs_pointers
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import UNKNOWN_SPEAKER, Utterance
from ser_pcq.errors import DataError, few

EMOTIONS = {
    "A": "anger",
    "C": "contempt",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
    "U": "surprise",
}
"""Letter in the table to label."""

LEFT_OUT = {"O": "another emotion", "X": "no agreement of the raters"}
"""Letter in the table to why there is no label."""

GENDERS = {"Female": "f", "Male": "m"}
"""Word in the table to gender."""

TABLES = ("labels_consensus.csv", "labels_concensus.csv")
"""Names of the table, of newer and of older releases."""

AUDIO_FOLDERS = ("Audios", "Audio")

COLUMNS = (
    *("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom"),
    *("SpkrID", "Gender", "Split_Set"),
)
"""The columns of the table that are read."""

_TEST_SET = re.compile(r"Test\d+")
_NAME = re.compile(r"[\w.-]+\.wav")

Row = dict[str, str]


def prepare(
    corpus_dir: Path,
    *,
    test_set: int = 1,
    unknown_speakers: Literal["leave-out", "keep"] = "leave-out",
) -> Prepared:
    """Read the released tree.

    Args:
        corpus_dir: Folder that holds `Labels` and `Audios` (or `Audio`), or a folder with that one
            in it.
        test_set: 1 or 2: the test set that becomes the test side; the others are left out.
        unknown_speakers: `leave-out` leaves out utterances whose speaker is not known, who may
            be one of the test speakers; `keep` gives them the speaker `UNKNOWN_SPEAKER`.

    Returns:
        The utterances of the eight emotions, and what was left out.

    Raises:
        DataError: When the table or the audio is not there, the table does not follow the corpus,
            or an option is not valid.
    """
    root, table = _root(corpus_dir)
    rows = _rows(table)
    tested = _check_options(test_set, unknown_speakers, rows)
    folder = next((root / name for name in AUDIO_FOLDERS if (root / name).is_dir()), None)
    names = set() if folder is None else _names(folder, ".wav")
    left: Counter[str] = Counter()
    kept: list[Row] = []
    for row in rows:
        if why := _why_left_out(row, tested, unknown_speakers, names):
            left[why] += 1
        else:
            kept.append(row)
    if folder is None or not kept:
        raise DataError(
            "no audio of MSP-Podcast has a label",
            given=f"{root}: {dict(left)}" if names else f"no wav files in {root}",
            accepted="a folder Audios (or Audio) with MSP-PODCAST_0001_0008.wav and so on",
            do="check the path, and that the archive of the audio is unpacked",
        )
    refuse_lfs_pointers([folder / row["FileName"] for row in kept[:1]], "MSP-Podcast")
    notes = [f"{n} utterances left out: {why}" for why, n in left.items()]
    if unlabelled := names.difference(row["FileName"] for row in rows):
        notes.append(f"{len(unlabelled)} files without a row, left out (Test3 has no labels)")
    utterances = [_utterance(row, folder / row["FileName"]) for row in kept]
    utterances = _with_genders(utterances, kept, notes)
    utterances = _with_texts(utterances, root / "Transcripts", notes)
    return Prepared(sorted(utterances, key=lambda u: u.utterance_id), tuple(notes))


def _names(folder: Path, ending: str) -> set[str]:
    """Return the names in a folder with this ending; hidden ones are left out."""
    # One listing: a look at each of hundreds of thousands of files would take minutes.
    with os.scandir(folder) as entries:
        names = {entry.name for entry in entries}
    return {name for name in names if name.endswith(ending) and not name.startswith(".")}


def _root(corpus_dir: Path) -> tuple[Path, Path]:
    """Find the folder of the release, and its table."""
    for pattern in ("Labels", "*/Labels"):
        tables = [t for name in TABLES for t in sorted(corpus_dir.glob(f"{pattern}/{name}"))]
        if len(tables) == 1:
            return tables[0].parent.parent, tables[0]
        if tables:
            raise DataError(
                "several tables of MSP-Podcast found",
                given=few(map(str, tables)),
                do="name the folder of one release, and keep one table in it",
            )
    raise DataError(
        "no MSP-Podcast corpus found",
        given=corpus_dir,
        accepted="the released folder with Labels/labels_consensus.csv and Audios",
        do="check the path, and that the archives are unpacked",
    )


def _rows(path: Path) -> list[Row]:
    """Read the table; blanks around cells are stripped."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            "the table of MSP-Podcast cannot be read", given=f"{path} ({error})"
        ) from error
    header = [name.strip() for name in lines.pop(0)] if lines else []
    if missing := [name for name in COLUMNS if name not in header]:
        raise DataError(
            "the table of MSP-Podcast lacks columns",
            given=f"no {', '.join(missing)} in {path}",
            accepted=f"columns with commas between them: {', '.join(COLUMNS)}",
        )
    places = {name: header.index(name) for name in COLUMNS}
    if odd := [",".join(line) for line in lines if len(line) != len(header)]:
        raise DataError("a row of MSP-Podcast has other columns", given=f"{few(odd)} in {path}")
    rows = [{name: line[i].strip() for name, i in places.items()} for line in lines]
    counts = Counter(row["FileName"] for row in rows)
    if wrong := [n for n, count in counts.items() if count > 1 or not _NAME.fullmatch(n)]:
        raise DataError(
            "the table of MSP-Podcast has two rows for a file, or an invalid name",
            given=f"{few(wrong)} in {path}",
            accepted="names such as MSP-PODCAST_0001_0008.wav, once each",
        )
    return rows


def _check_options(test_set: int, unknown_speakers: str, rows: Sequence[Row]) -> str:
    """Refuse options that are not valid, and return the name of the test set."""
    if unknown_speakers not in ("leave-out", "keep"):
        raise DataError(
            "unknown treatment of unknown speakers",
            given=unknown_speakers,
            accepted="leave-out or keep",
        )
    there = sorted({r["Split_Set"] for r in rows if _TEST_SET.fullmatch(r["Split_Set"])})
    labelled = [name for name in there if name != "Test3"]
    if f"Test{test_set}" not in labelled:
        raise DataError(
            "the table has no labels of this test set",
            given=f"test set {test_set}",
            accepted=", ".join(name.removeprefix("Test") for name in labelled),
            do="the labels of Test3 are not released: predictions for it are sent to its owners",
        )
    return f"Test{test_set}"


def _why_left_out(row: Row, tested: str, unknown_speakers: str, names: set[str]) -> str | None:
    """Say why an utterance is left out; None when it is kept."""
    part, emotion = row["Split_Set"], row["EmoClass"]
    if _TEST_SET.fullmatch(part) and part != tested:
        return f"of {part}, whose speakers may be those of {tested}"
    if emotion in LEFT_OUT:
        return f"{LEFT_OUT[emotion]} ({emotion})"
    if row["FileName"] not in names:
        return "without an audio file"
    if unknown_speakers == "leave-out" and _speaker(row) == UNKNOWN_SPEAKER:
        return "the speaker is not known, perhaps one of the test set"
    return None


def _speaker(row: Row) -> str:
    """Return the speaker, one word."""
    name = "_".join(row["SpkrID"].split())
    return UNKNOWN_SPEAKER if name.lower() in ("", "unknown") else name


def _side(part: str) -> Literal["train", "valid", "test"] | None:
    """Return the side of a partition; newer releases say Development for Validation."""
    if part == "Train":
        return "train"
    if part in ("Development", "Validation"):
        return "valid"
    return "test" if _TEST_SET.fullmatch(part) else None


def _utterance(row: Row, audio: Path) -> Utterance:
    """Bring together what a row says."""
    speaker, side = _speaker(row), _side(row["Split_Set"])
    try:
        ratings = [float(row[name]) for name in ("EmoVal", "EmoAct", "EmoDom") if row[name]]
    except ValueError:
        ratings = [0.0]
    if row["EmoClass"] not in EMOTIONS or side is None or not all(1 <= r <= 7 for r in ratings):
        raise DataError(
            "a row of MSP-Podcast cannot be understood",
            given=", ".join(row.values()),
            accepted=f"{', '.join([*EMOTIONS, *LEFT_OUT])} for an emotion, numbers from 1 to 7 for "
            "valence, activation and dominance; Train, Development, Validation or Test1 and so on",
        )
    return Utterance(
        utterance_id=f"{speaker}-{audio.stem}",
        audio=audio,
        speaker=speaker,
        emotion=EMOTIONS[row["EmoClass"]],
        split=side,
        vad=(ratings[0], ratings[1], ratings[2]) if len(ratings) == 3 else None,
    )


def _with_genders(
    utterances: list[Utterance], rows: Sequence[Row], notes: list[str]
) -> list[Utterance]:
    """Add genders, if that of every speaker is known."""
    genders_of = defaultdict(set)
    for utterance, row in zip(utterances, rows, strict=True):
        genders_of[utterance.speaker].add(GENDERS.get(row["Gender"], ""))
    # Unknown speakers are several people.
    genders_of.pop(UNKNOWN_SPEAKER, None)
    if unclear := sorted(name for name, genders in genders_of.items() if len(genders - {""}) != 1):
        notes.append(f"no genders: that of {len(unclear)} speakers is not clear: {few(unclear)}")
        return utterances
    gender = {name: max(genders) for name, genders in genders_of.items()}
    return [replace(u, gender=gender.get(u.speaker)) for u in utterances]


def _with_texts(utterances: list[Utterance], folder: Path, notes: list[str]) -> list[Utterance]:
    """Add what is said, if every utterance has its transcript."""
    names = _names(folder, ".txt") if folder.is_dir() else set()
    missing = [u.audio.stem for u in utterances if f"{u.audio.stem}.txt" not in names]
    if missing:
        notes.append(f"no texts: {len(missing)} utterances have no transcript: {few(missing)}")
        return utterances
    texts = [
        (folder / f"{u.audio.stem}.txt").read_text(encoding="utf-8-sig", errors="replace").strip()
        for u in utterances
    ]
    return [replace(u, text=text) for u, text in zip(utterances, texts, strict=True)]


CORPUS = Corpus(
    name="msp-podcast",
    title="MSP-Podcast",
    prepare=prepare,
    language="English",
    licence="by agreement with the owner",
    size="264,705 utterances, thousands of speakers, 409 h (release 2.0)",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="the official partition",
    home="https://lab-msp.com/MSP/MSP-Podcast.html",
    citation="Lotfian and Busso, Building Naturalistic Emotionally Balanced Speech Corpus, "
    "IEEE Transactions on Affective Computing 10(4), 2019, "
    "doi:10.1109/TAFFC.2017.2736999; Busso et al., The MSP-Podcast Corpus, 2025",
)
