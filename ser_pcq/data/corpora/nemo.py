"""nEMO, acted emotional speech in Polish.

Nine actors, four women and five men, speak 90 sentences in six emotions: 4,481 recordings, 24 kHz
mono, a little more than 3 h. `samples/WR0_surprised_64.wav` is speaker WR0, emotion surprised,
sentence 64; `data.tsv` has a row for each file: `file_id`, `emotion`, `raw_text`,
`normalized_text`, `speaker_id`, `gender` and `age`.

Licence: CC BY-NC-SA 4.0. Cite I. Christop, "nEMO: Dataset of Emotional Speech in Polish",
LREC-COLING 2024.

Quirks: every cell of `speaker_id` has blanks before the id, which would make it another word than
the one in the file name; `surprised` is an adjective among nouns; not every speaker has every
sentence in every emotion. A clone without git-lfs holds pointers where the audio should be.
"""

import csv
from collections import Counter
from pathlib import Path

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
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}
"""Word in the table to label."""

EMOTION_COUNTS = {
    "anger": 749,
    "fear": 736,
    "happiness": 749,
    "neutral": 809,
    "sadness": 769,
    "surprise": 669,
}
"""Recordings of each emotion in the complete release."""

GENDERS = {"female": "f", "male": "m"}
"""Word in the table to gender."""

COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender")
"""The columns of `data.tsv` that are read."""

TABLE = "data.tsv"

Row = dict[str, str]


def prepare(corpus_dir: Path) -> Prepared:
    """Read the released tree.

    Args:
        corpus_dir: Folder that holds `data.tsv` and `samples/*.wav`, or the folder `samples` in it.

    Returns:
        The utterances that have both a row and a file, and how they differ from the complete
        release.

    Raises:
        DataError: When the table or the files are not there, are Git LFS pointers, or do not
            follow the corpus.
    """
    root = corpus_dir if (corpus_dir / TABLE).exists() else corpus_dir.parent
    samples = root / "samples"
    if not (root / TABLE).is_file() or not samples.is_dir():
        raise DataError(
            "no nEMO corpus found",
            given=corpus_dir,
            accepted=f"the released folder with {TABLE} and samples/WR0_anger_1.wav and so on",
            do="check the path, and that the repository was cloned as a whole",
        )
    wavs = {path.name: path for path in visible_files(samples, "*.wav")}
    refuse_lfs_pointers([root / TABLE, *wavs.values()], "nEMO")
    rows, notes = _rows(root / TABLE)
    silent = sorted(set(rows) - set(wavs))
    if silent:
        notes.append(f"{len(silent)} rows without a file, left out: {few(silent)}")
    if strange := sorted(set(wavs) - set(rows)):
        notes.append(f"{len(strange)} files without a row, left out: {few(strange)}")
    utterances = sorted(
        (_utterance(wavs[name], rows[name]) for name in rows if name in wavs),
        key=lambda u: u.utterance_id,
    )
    if not utterances:
        raise DataError(f"no file of samples has a row in {TABLE}", given=root)
    return Prepared(utterances, (*notes, *count_notes(utterances, EMOTION_COUNTS)))


def _rows(path: Path) -> tuple[dict[str, Row], list[str]]:
    """Return file name to row, and a note on what had to be corrected."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            reader = csv.DictReader(file, delimiter="\t", restval="")
            names = [name.strip() for name in reader.fieldnames or ()]
            found = [dict(zip(names, map(str, row.values()), strict=False)) for row in reader]
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                "the table of nEMO cannot be read", given=f"{path} ({error})"
            ) from error
    if missing := [name for name in COLUMNS if name not in names]:
        raise DataError(
            "the table of nEMO lacks columns",
            given=f"no {', '.join(missing)} in {path}",
            accepted=f"columns with tabs between them: {', '.join(COLUMNS)}",
        )
    padded = Counter(
        name for row in found for name in COLUMNS if row.get(name, "") != row.get(name, "").strip()
    )
    rows: dict[str, Row] = {}
    for row in found:
        cells = {name: row.get(name, "").strip() for name in COLUMNS}
        if cells["file_id"] in rows:
            raise DataError(
                f"a file has two rows in {TABLE}",
                given=cells["file_id"],
                do="take the released one",
            )
        rows[cells["file_id"]] = cells
    notes = [f"blanks around {name} stripped in {n} rows" for name, n in padded.items()]
    return rows, notes


def _utterance(path: Path, row: Row) -> Utterance:
    """Bring together file name and row, which must say the same."""
    speaker, emotion, sentence = ("", "", "") if path.stem.count("_") != 2 else path.stem.split("_")
    if not sentence.isdecimal() or (speaker, emotion) != (row["speaker_id"], row["emotion"]):
        raise DataError(
            "the file name is not what its row says",
            given=f"{path.name}: speaker {row['speaker_id']!r}, emotion {row['emotion']!r}",
            accepted="speaker, emotion and number of the sentence, as in WR0_surprised_64.wav",
        )
    for name, value, accepted in (
        ("emotion", emotion, EMOTIONS),
        ("gender", row["gender"], GENDERS),
    ):
        if value not in accepted:
            raise DataError(
                f"{TABLE} names an unknown {name}",
                given=f"{value!r} of {path.name}",
                do=suggest(value, accepted),
            )
    return Utterance(
        utterance_id=path.stem,
        audio=path,
        speaker=speaker,
        emotion=EMOTIONS[emotion],
        gender=GENDERS[row["gender"]],
        sentence=sentence,
        text=row["raw_text"],
    )


CORPUS = Corpus(
    name="nemo",
    title="nEMO",
    prepare=prepare,
    language="Polish",
    licence="CC BY-NC-SA 4.0",
    size="4,481 utterances, 9 speakers, 3.1 h",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="leave one speaker out",
    home="https://github.com/amu-cai/nEMO",
    citation="Christop, nEMO: Dataset of Emotional Speech in Polish, LREC-COLING 2024",
    counts=EMOTION_COUNTS,
)
