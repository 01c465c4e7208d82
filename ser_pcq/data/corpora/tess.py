"""TESS, the Toronto emotional speech set.

Two actresses of 26 (YAF) and 64 years (OAF) speak "Say the word …" with 200 English words in seven
emotions: 2,800 files of 1.2 to 3 s, 1.6 h, 24,414 Hz mono. `OAF_angry/OAF_back_angry.wav` is the
older one, the word back, anger; `ps` is pleasant surprise.

Licence: CC BY-NC-ND 4.0. M. K. Pichora-Fuller, K. Dupuis, "Toronto emotional speech set (TESS)",
University of Toronto, 2010; doi:10.5683/SP2/E8H2MF.

Quirks: two files named .wav (YAF_germ_angry, YAF_neat_fear) are AIFF, as their content shows.
The header of one says 96 kHz: where it is wrong the speech would be almost four times too fast, so
the file is kept only if it lasts as long as an utterance does; `sox` corrects it otherwise.
`OA_bite_neutral.wav` lacks the F of its speaker.
The folders are named in several ways (`OAF_Pleasant_surprise`, `YAF_pleasant_surprised`,
`OAF_Fear`), so the emotion is read from the file name. A copy that is often downloaded holds itself
once more in a folder of the same name. With two speakers a score says little of a third one.
"""

import os
import re
import shlex
from collections.abc import Iterable
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
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}
"""Last part of the file name to label."""

SPEAKERS = ("OAF", "YAF")
"""The older and the younger actress."""

EMOTION_COUNTS = dict.fromkeys(EMOTIONS.values(), 400)
"""Recordings of each emotion in the complete release."""

SAMPLE_RATE = 24_414
"""Hz, of the recordings as they were made."""

DURATIONS = (1.0, 4.0)
"""s; what an utterance can last, with a margin on both sides of the 1.2 to 3 s of the release."""

# OA: the one file whose speaker is misspelt.
_NAME = re.compile(
    rf"(?P<speaker>OAF?|YAF)_(?P<word>[A-Za-z'-]+)_(?P<emotion>{'|'.join(EMOTIONS)})"
)


def _match(path: Path) -> re.Match[str]:
    """Read what a file name says."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise DataError(
            "the file name is not one of TESS",
            given=path,
            accepted="speaker (OAF, YAF), word and emotion "
            f"({', '.join(EMOTIONS)}), as in OAF_back_angry.wav",
            do="move files that are not part of the corpus elsewhere",
        )
    return match


def _id(path: Path) -> str:
    """Return the utterance id of a file, its speaker spelt as that of the others."""
    return path.stem.replace("OA_", "OAF_", 1) if _match(path)["speaker"] == "OA" else path.stem


def _utterance(name: str, path: Path) -> Utterance:
    """Describe a recording."""
    match = _match(path)
    word = match["word"].lower()
    return Utterance(
        utterance_id=name,
        audio=path,
        speaker=name[:3],
        emotion=EMOTIONS[match["emotion"]],
        gender="f",
        sentence=word,
        text=f"Say the word {word}.",
    )


def _wrong_rates(utterances: Iterable[Utterance]) -> tuple[set[str], list[str]]:
    """Find recordings that are too fast or too slow at the rate that their header states.

    Returns:
        The ids of those whose header is wrong; and notes on them and on other odd rates.
    """
    import soundfile

    wrong, notes, resampled = set(), [], 0
    for u in utterances:
        try:
            header = soundfile.info(os.fsencode(u.audio))
        except soundfile.SoundFileError:
            continue  # not audio: checking the data directory reports all such files
        if header.samplerate == SAMPLE_RATE:
            continue
        if DURATIONS[0] <= header.duration <= DURATIONS[1]:
            resampled += 1
            continue
        wrong.add(u.utterance_id)
        name = shlex.quote(str(u.audio))
        notes.append(
            f"{u.utterance_id} left out: its header says {header.samplerate} Hz, at which it "
            f"would last {header.duration:.2f} s; mend it and prepare again: "
            f"sox -r {SAMPLE_RATE} {name} mended.wav && mv mended.wav {name}"
        )
    if resampled:
        notes.append(
            f"{resampled} files are not of {SAMPLE_RATE} Hz as released; their durations are "
            "plausible, and they are kept"
        )
    return wrong, notes


def prepare(corpus_dir: Path) -> Prepared:
    """Read the released tree; the names of its folders do not matter.

    Args:
        corpus_dir: Folder that holds the wav files, in folders or not.

    Returns:
        The utterances that were found; what was left out or corrected, and how the tree differs
        from the complete release.

    Raises:
        DataError: When there are no wav files, the name of one does not follow the corpus, files
            are Git LFS pointers, or two files of one name differ.
    """
    wavs = visible_files(corpus_dir, "**/*.[wW][aA][vV]")
    if not wavs:
        raise DataError(
            "no TESS recordings found",
            given=corpus_dir,
            accepted="the released folder with OAF_angry/OAF_back_angry.wav and so on, "
            "or a folder with the wav files themselves",
            do="check the path, and that the archive is unpacked",
        )
    refuse_lfs_pointers(wavs, "TESS")
    taken, notes = take_once((_id(path), path) for path in wavs)
    notes += [
        f"{path.name} is taken for {name}: its speaker is misspelt in the release"
        for name, path in taken.items()
        if path.stem != name
    ]
    found = [_utterance(name, path) for name, path in taken.items()]
    counts = count_notes(found, EMOTION_COUNTS, dict.fromkeys(SPEAKERS, 1400))
    wrong, rates = _wrong_rates(found)
    utterances = [u for u in found if u.utterance_id not in wrong]
    return Prepared(utterances, (*notes, *rates, *counts))


CORPUS = Corpus(
    name="tess",
    title="TESS",
    prepare=prepare,
    language="English (Canada)",
    licence="CC BY-NC-ND 4.0",
    size="2,800 utterances, 2 speakers, 1.6 h",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="leave one speaker out",
    home="https://doi.org/10.5683/SP2/E8H2MF",
    citation="Pichora-Fuller, Dupuis, Toronto emotional speech set (TESS), University of "
    "Toronto, 2010, doi:10.5683/SP2/E8H2MF",
    counts=EMOTION_COUNTS,
)
