"""SAVEE, the Surrey audio-visual expressed emotion database: its audio.

Four men of 27 to 31 years (DC, JE, JK, KL), native speakers of British English, read 120 TIMIT
sentences each in seven emotions: 480 files of about 3.8 s, 0.5 h, 44.1 kHz. `AudioData/DC/a01.wav`,
in some copies `ALL/DC_a01.wav`, is speaker DC, anger, sentence 01. Letters: a anger, d disgust,
f fear, h happiness, n neutral, sa sadness, su surprise; 15 files of a speaker and emotion, 30 of
neutral.

Licence: free for research, on registration with the owner. S. Haq, P. J. B. Jackson,
"Speaker-dependent audio-visual emotion recognition", AVSP 2009.

Quirks: neutral has twice as many files as the other emotions. Three sentences are common to all
emotions, and neutral repeats those that are specific to one, but the release does not say which
number is which sentence: sentences are not known here. The files of all speakers have the same
names, so ids are made of speaker and file name.
"""

import re
from pathlib import Path

from ser_pcq.data.corpora.corpus import (
    Corpus,
    count_notes,
    refuse_lfs_pointers,
    take_once,
    visible_files,
)
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
"""Letters in the file name to label."""

SPEAKERS = ("DC", "JE", "JK", "KL")
"""The speakers, all men."""

EMOTION_COUNTS = {label: 120 if label == "neutral" else 60 for label in EMOTIONS.values()}
"""Recordings of each emotion in the complete release."""

_NAME = re.compile(
    rf"(?:(?P<speaker>{'|'.join(SPEAKERS)})_)?"
    r"(?P<emotion>n(?=[012]\d|30)|(?:sa|su|[adfh])(?=0\d|1[0-5]))(?!00)\d\d"
)


def _id(path: Path) -> str:
    """Return speaker and file name; the speaker is in the name, or is the folder."""
    match = _NAME.fullmatch(path.stem)
    # Absolute, since the folder of a speaker may be given as `.`.
    parent = path.absolute().parent.name
    folder = parent if parent in SPEAKERS else None
    speaker = folder if match is None else match["speaker"] or folder
    if match is None or speaker is None or (folder and folder != speaker):
        raise DataError(
            "the file is not one of SAVEE",
            given=path,
            accepted="the emotion's letters and 01 to 15 (neutral: to 30) in the folder of a "
            f"speaker ({', '.join(SPEAKERS)}), as in DC/a01.wav, or behind one, as in DC_a01.wav",
            do="move files that are not part of the corpus elsewhere",
        )
    return path.stem if match["speaker"] else f"{speaker}_{path.stem}"


def _utterance(name: str, path: Path) -> Utterance:
    """Describe a recording."""
    speaker, _, rest = name.partition("_")
    return Utterance(
        utterance_id=name,
        audio=path,
        speaker=speaker,
        emotion=EMOTIONS[rest.rstrip("0123456789")],
        gender="m",
    )


def prepare(corpus_dir: Path) -> Prepared:
    """Read the released tree, in either of its layouts.

    Args:
        corpus_dir: Folder that holds `AudioData/DC/a01.wav` or `ALL/DC_a01.wav` and so on, or one
            of the folders on the way.

    Returns:
        The utterances that are there, and how they differ from the complete release.

    Raises:
        DataError: When there are no wav files, a name or folder does not follow the corpus, files
            are Git LFS pointers, or two files of one id differ.
    """
    wavs = visible_files(corpus_dir, "**/*.[wW][aA][vV]")
    if not wavs:
        raise DataError(
            "no SAVEE recordings found",
            given=corpus_dir,
            accepted="the released folder with AudioData/DC/a01.wav and so on, "
            "or a folder with DC_a01.wav and so on",
            do="check the path, and that the archive is unpacked",
        )
    refuse_lfs_pointers(wavs, "SAVEE")
    taken, notes = take_once((_id(path), path) for path in wavs)
    utterances = [_utterance(name, path) for name, path in taken.items()]
    notes += count_notes(utterances, EMOTION_COUNTS, dict.fromkeys(SPEAKERS, 120))
    return Prepared(utterances, tuple(notes))


CORPUS = Corpus(
    name="savee",
    title="SAVEE",
    prepare=prepare,
    language="English (Britain)",
    licence="research, on registration",
    size="480 utterances, 4 speakers, 0.5 h",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="leave one speaker out",
    home="http://kahlan.eps.surrey.ac.uk/savee/",
    citation="Haq, Jackson, Speaker-dependent audio-visual emotion recognition, AVSP 2009",
    counts=EMOTION_COUNTS,
)
