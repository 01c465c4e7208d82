"""CREMA-D, the crowd-sourced emotional multimodal actors dataset: its audio.

91 actors of 20 to 74 years, 48 men and 43 women, speak twelve English sentences in six emotions:
7,442 clips of about 2.5 s, 5.3 h, 16 kHz mono. `AudioWAV/1001_DFA_ANG_XX.wav` is actor 1001,
sentence DFA, anger, level XX (unspecified; LO, MD and HI occur with the sentence IEO).
`VideoDemographics.csv` has age, sex, race and ethnicity of the actors.

Licence: Open Database License 1.0, contents Database Contents License 1.0. H. Cao, D. G. Cooper,
M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma, "CREMA-D: Crowd-sourced Emotional Multimodal Actors
Dataset", IEEE Transactions on Affective Computing 5(4), 2014.

Quirks: the label is what the actor was asked for, not what listeners heard: from the voice alone
raters chose it in about four of ten answers. The repository keeps the audio in Git LFS, so that a
download as zip has pointers in its place. `1076_MTI_SAD_XX.wav` has no audio: it is left out where
it is silent, with a note. Some code bases also leave out 1076_MTI_NEU_XX, 1064_TIE_SAD_XX and
1064_IEO_DIS_MD, whose videos are damaged; their wav files are kept here. Not every actor says every
sentence in every emotion.
"""

import csv
import re
from dataclasses import replace
from pathlib import Path

from ser_pcq.data.corpora.corpus import (
    Corpus,
    count_notes,
    refuse_lfs_pointers,
    visible_files,
)
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import AudioError, DataError

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
"""Third part of the file name to label."""

SENTENCES = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
"""Second part of the file name to what is said."""

EMOTION_COUNTS = {label: 1087 if label == "neutral" else 1271 for label in EMOTIONS.values()}
"""Recordings of each emotion in the complete release."""

SPEAKERS = tuple(str(number) for number in range(1001, 1092))
"""The actors."""

WITHOUT_AUDIO = ("1076_MTI_SAD_XX",)
"""Clips of the release that have no audio."""

DEMOGRAPHICS = "VideoDemographics.csv"
"""Table of the actors, at the root of the repository."""

_GENDERS = {"Male": "m", "Female": "f"}
_NAME = re.compile(
    rf"(?P<speaker>10\d\d)_(?P<sentence>{'|'.join(SENTENCES)})_(?P<emotion>{'|'.join(EMOTIONS)})"
    r"_(?:LO|MD|HI|XX)"
)


def _utterance(path: Path) -> Utterance:
    """Read what a file name says."""
    match = _NAME.fullmatch(path.stem)
    if match is None or match["speaker"] not in SPEAKERS:
        raise DataError(
            "the file name is not one of CREMA-D",
            given=path,
            accepted="actor 1001 to 1091, sentence, emotion and level, as in 1001_DFA_ANG_XX.wav",
            do="move files that are not part of the corpus elsewhere",
        )
    return Utterance(
        utterance_id=path.stem,
        audio=path,
        speaker=match["speaker"],
        emotion=EMOTIONS[match["emotion"]],
        sentence=match["sentence"],
        text=SENTENCES[match["sentence"]],
    )


def _genders(table: Path) -> tuple[dict[str, str], list[str]]:
    """Read actor to gender, and what had to be corrected for that."""
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "the table of the actors cannot be read",
            given=f"{table} ({getattr(error, 'strerror', None) or error})",
            accepted="UTF-8, as released",
            do="take the released file, or move it elsewhere to go without genders",
        ) from error
    # A blank before a quote would otherwise make the quote part of the field.
    reader = csv.DictReader(lines, skipinitialspace=True)
    rows = [{(key or "").strip(): (value or "") for key, value in r.items()} for r in reader]
    if not rows or not {"ActorID", "Sex"} <= rows[0].keys():
        raise DataError(
            "the table of the actors has other columns",
            given=f"{', '.join(rows[0]) if rows else 'no rows'} in {table}",
            accepted="ActorID and Sex among them",
            do="take the released file, or move it elsewhere to go without genders",
        )
    genders = {}
    for row in rows:
        sex = row["Sex"].strip()
        if sex not in _GENDERS:
            raise DataError(
                "the sex of an actor is not one of CREMA-D's",
                given=f"{sex!r} of actor {row['ActorID']} in {table}",
                accepted=", ".join(_GENDERS),
                do="take the released file, or move it elsewhere to go without genders",
            )
        genders[row["ActorID"].strip()] = _GENDERS[sex]
    padded = sum(line[:1] in (" ", "\t") for line in lines[1:])
    padded += sum(row["ActorID"] != row["ActorID"].strip() for row in rows)
    return genders, [f"{table.name}: blanks around {padded} actor ids removed"] if padded else []


def _with_genders(utterances: list[Utterance], folder: Path) -> tuple[list[Utterance], list[str]]:
    """Add what the table of the actors says; for all utterances, or for none."""
    tables = [f / DEMOGRAPHICS for f in (folder, folder.parent) if (f / DEMOGRAPHICS).is_file()]
    if not tables:
        return utterances, [f"no {DEMOGRAPHICS}: the genders of the actors are not known"]
    genders, notes = _genders(tables[0])
    missing = sorted({u.speaker for u in utterances} - genders.keys())
    if missing:
        lacking = f"{DEMOGRAPHICS} lacks {', '.join(missing[:3])}{' …' if missing[3:] else ''}"
        return utterances, [*notes, f"{lacking}: the genders of the actors are left out"]
    return [replace(u, gender=genders[u.speaker]) for u in utterances], notes


def _fault(path: Path) -> str | None:
    """Say why a recording holds no speech; None when it may."""
    from ser_pcq.audio.waveform import read_waveform, refuse_silence

    try:
        refuse_silence(read_waveform(path))
    except AudioError as error:
        return error.wrong
    return None


def prepare(corpus_dir: Path) -> Prepared:
    """Read the released repository, or the folder with its wav files alone.

    Args:
        corpus_dir: Folder that holds `AudioWAV`, or that folder itself.

    Returns:
        The utterances that are there, and how they differ from the complete release. Clips that
        are known to be without audio are left out, with a note.

    Raises:
        DataError: When there are no wav files, they are Git LFS pointers, the name of one does not
            follow the corpus, or the table of the actors is another one.
    """
    folder = corpus_dir / "AudioWAV" if (corpus_dir / "AudioWAV").is_dir() else corpus_dir
    wavs = visible_files(folder, "*.[wW][aA][vV]")
    if not wavs:
        raise DataError(
            "no CREMA-D recordings found",
            given=corpus_dir,
            accepted="the released repository with AudioWAV/1001_DFA_ANG_XX.wav and so on, "
            "or the folder AudioWAV itself",
            do="check the path; the folders AudioMP3 and VideoFlash are not read",
        )
    refuse_lfs_pointers(wavs, "CREMA-D")
    found = sorted(map(_utterance, wavs), key=lambda u: u.utterance_id)
    counts = count_notes(found, EMOTION_COUNTS)
    suspects = [u for u in found if u.utterance_id in WITHOUT_AUDIO]
    faults = {u.utterance_id: fault for u in suspects if (fault := _fault(u.audio))}
    utterances, notes = _with_genders([u for u in found if u.utterance_id not in faults], folder)
    silent = [f"{name} left out: {fault}, as in the release" for name, fault in faults.items()]
    return Prepared(utterances, (*silent, *notes, *counts))


CORPUS = Corpus(
    name="crema-d",
    title="CREMA-D",
    prepare=prepare,
    language="English (North America)",
    licence="ODbL 1.0",
    size="7,442 utterances, 91 speakers, 5.3 h",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="five folds of speakers",
    home="https://github.com/CheyneyComputerScience/CREMA-D",
    citation="Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE "
    "Transactions on Affective Computing 5(4), 2014, doi:10.1109/TAFFC.2014.2336244",
    counts=EMOTION_COUNTS,
)
