"""RAVDESS, the Ryerson audio-visual database of emotional speech and song: its speech audio.

24 actors, 12 women and 12 men, speak two English sentences (North American accent) in eight
emotions, each twice and, but for neutral, at two intensities: 1,440 files of about 3.7 s, 1.5 h,
48 kHz. `Actor_12/03-01-06-01-02-01-12.wav` is modality 03 (audio only), channel 01 (speech),
emotion 06 (fearful), intensity 01, statement 02, repetition 01, actor 12; odd actors are men, even
ones women.

Licence: CC BY-NC-SA 4.0. S. R. Livingstone, F. A. Russo, "The Ryerson Audio-Visual Database of
Emotional Speech and Song (RAVDESS)", PLoS ONE 13(5), 2018; doi:10.5281/zenodo.1188976.

Quirks: five files are stereo. Two files of actor 07 hold the same audio. Some are very quiet. Calm
is a separate emotion, neutral has half as many files as the others. Song (channel 02) and the
soundtracks of the videos (modalities 01 and 02) have names of the same form and are left out: the
audio-only files hold the same performances. A copy that is often downloaded holds everything a
second time in `audio_speech_actors_01-24`.
"""

import filecmp
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

from ser_pcq.data.corpora.corpus import (
    Corpus,
    count_notes,
    glimpse,
    refuse_lfs_pointers,
    take_once,
    visible_files,
)
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
"""Third part of the file name to label."""

STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
"""Fifth part of the file name to what is said."""

EMOTION_COUNTS = {label: 96 if label == "neutral" else 192 for label in EMOTIONS.values()}
"""Recordings of each emotion in the complete release."""

SPEAKERS = tuple(f"Actor_{number:02d}" for number in range(1, 25))
"""The actors, as the folders of the release name them."""

_SPEECH = "03-01"
_NAME = re.compile(
    r"(?P<kind>0[123]-0[12])-(?P<emotion>0[1-8])-0[12]-(?P<statement>0[12])-0[12]"
    r"-(?P<actor>0[1-9]|1\d|2[0-4])"
)


def _same_bytes(files: dict[str, Path]) -> list[str]:
    """Return a note for each id whose file equals another one.

    Sizes and a glimpse come first: a whole corpus is not to be read for this.
    """
    alike: dict[tuple[int, bytes], list[str]] = defaultdict(list)
    for name, path in files.items():
        alike[glimpse(path)].append(name)
    return [
        f"{a} and {b} are the same audio; both are kept, as in the release"
        for names in alike.values()
        for a, b in pairwise(names)
        if filecmp.cmp(files[a], files[b], shallow=False)
    ]


def _match(path: Path) -> re.Match[str]:
    """Read what a file name says."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise DataError(
            "the file name is not one of RAVDESS",
            given=path,
            accepted="modality, channel, emotion, intensity, statement, repetition and actor, "
            "as in 03-01-06-01-02-01-12.wav",
            do="move files that are not part of the corpus elsewhere",
        )
    return match


def _utterance(name: str, path: Path) -> Utterance:
    """Describe a speech recording."""
    match = _match(path)
    return Utterance(
        utterance_id=name,
        audio=path,
        speaker=f"Actor_{match['actor']}",
        emotion=EMOTIONS[match["emotion"]],
        gender="m" if int(match["actor"]) % 2 else "f",
        sentence=match["statement"],
        text=STATEMENTS[match["statement"]],
    )


def prepare(corpus_dir: Path) -> Prepared:
    """Read the released tree: the speech audio wherever it lies in it.

    Ids are the actor and the file name: `Actor_12_03-01-06-01-02-01-12`.

    Args:
        corpus_dir: Folder that holds `Actor_01` to `Actor_24`, one of them, or a folder with all
            archives of the release unpacked.

    Returns:
        The utterances that were found; what was left out, what was found twice, and how the tree
        differs from the complete release.

    Raises:
        DataError: Without speech audio, or when the name of a wav file does not follow the
            corpus, files are Git LFS pointers, or two files of one name differ.
    """
    wavs = visible_files(corpus_dir, "**/*.[wW][aA][vV]")
    speech = [path for path in wavs if _match(path)["kind"] == _SPEECH]
    if not speech:
        raise DataError(
            "no speech audio of RAVDESS found",
            given=f"{corpus_dir}, with {len(wavs)} wav files",
            accepted="the released folder with Actor_01/03-01-06-01-02-01-01.wav and so on "
            "(archive Audio_Speech_Actors_01-24.zip)",
            do="check the path, and that the archive is unpacked",
        )
    refuse_lfs_pointers(speech, "RAVDESS")
    taken, notes = take_once((f"Actor_{p.stem[-2:]}_{p.stem}", p) for p in speech)
    utterances = [_utterance(name, path) for name, path in taken.items()]
    films = visible_files(corpus_dir, "**/*.[mM][pP]4")
    kinds = [_match(path)["kind"] for path in wavs]
    for left_out, what in (
        (kinds.count("03-02"), "song recordings (channel 02)"),
        (sum(not kind.startswith("03") for kind in kinds), "soundtracks (modalities 01 and 02)"),
        (len(films), "videos"),
    ):
        if left_out:
            notes.append(f"{left_out} {what} left out: only speech audio is read")
    notes += _same_bytes(taken)
    notes += count_notes(utterances, EMOTION_COUNTS, dict.fromkeys(SPEAKERS, 60))
    return Prepared(utterances, tuple(notes))


CORPUS = Corpus(
    name="ravdess",
    title="RAVDESS, speech",
    prepare=prepare,
    language="English (North America)",
    licence="CC BY-NC-SA 4.0",
    size="1,440 utterances (speech), 24 speakers, 1.5 h",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="five folds of actors",
    home="https://doi.org/10.5281/zenodo.1188976",
    citation="Livingstone, Russo, The Ryerson Audio-Visual Database of Emotional Speech and "
    "Song (RAVDESS), PLoS ONE 13(5), 2018, doi:10.1371/journal.pone.0196391",
    counts=EMOTION_COUNTS,
)
