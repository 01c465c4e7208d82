"""EMOVO, acted emotional speech in Italian.

Six actors, three women (f1 to f3) and three men (m1 to m3), speak 14 sentences in six emotions and
neutrally: 588 recordings, 48 kHz stereo, half an hour in all. `f1/dis-f1-b1.wav` is speaker f1,
emotion dis (disgusto), sentence b1: b short, l long, n nonsense, d a question.

Licence: free for research, to be asked of the authors for anything else; the release has no licence
text, and the names of licences that copies of it carry are those of whoever copied it. Cite
G. Costantini, I. Iaderola, A. Paoloni, M. Todisco, "EMOVO Corpus: an Italian Emotional Speech
Database", LREC 2014.

Quirks: the release is perfectly balanced, 14 recordings of each speaker in each emotion. The
emotion comes first in a file name, so ids are turned round: `f1-dis-b1`. Copies hold names with
another sign, or none, or two, between their three parts, or in capitals; what they mean is never in
doubt, so they are read. A folder of documents lies beside those of the speakers.
"""

import re
from pathlib import Path

from ser_pcq.data.corpora.corpus import (
    Corpus,
    count_notes,
    refuse_lfs_pointers,
    visible_files,
)
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError, few

EMOTIONS = {
    "dis": "disgust",
    "gio": "happiness",
    "neu": "neutral",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}
"""Beginning of disgusto, gioia, neutro, paura, rabbia, sorpresa, tristezza to label."""

SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
"""The letter is the gender."""

SENTENCES = {
    "b1": "Gli operai si alzano presto.",
    "b2": "I vigili sono muniti di pistola.",
    "b3": "La cascata fa molto rumore.",
    "d1": "Sabato sera cosa farà?",
    "d2": "Porti con te quella cosa?",
    "l1": "L'autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre.",
    "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
    "l3": "Un attimo dopo s'è incamminato ed è inciampato.",
    "l4": "Vorrei il numero telefonico del Signor Piatti.",
    "n1": "La casa forte vuole col pane.",
    "n2": "La forza trova il passo e l'aglio rosso.",
    "n3": "Il gatto sta scorrendo nella pera.",
    "n4": "Insalata pastasciutta coscia d'agnello limoncello.",
    "n5": "Uno quarantatré dieci mille cinquantasette venti.",
}
"""Sentence in the file name to what is said."""

EMOTION_COUNTS = dict.fromkeys(sorted(EMOTIONS.values()), len(SPEAKERS) * len(SENTENCES))
"""Recordings of each emotion in the complete release: 84."""

SPEAKER_COUNTS = dict.fromkeys(SPEAKERS, len(EMOTIONS) * len(SENTENCES))
"""Recordings of each speaker in the complete release: 98."""

ENDINGS = ("*.wav", "*.WAV")

_NAME = re.compile(
    rf"(?P<emotion>{'|'.join(EMOTIONS)})[-_ ]*(?P<speaker>{'|'.join(SPEAKERS)})[-_ ]*"
    rf"(?P<sentence>{'|'.join(SENTENCES)})",
    re.IGNORECASE,
)
_REGULAR = re.compile(r"[a-z]{3}-[fm]\d-[bdln]\d")


def prepare(corpus_dir: Path) -> Prepared:
    """Read the released tree.

    Args:
        corpus_dir: Folder that holds `f1/dis-f1-b1.wav` and so on, or has it in a folder `EMOVO` or
            `Dataset`; or one folder with all wav files.

    Returns:
        The utterances that are there, and how they differ from the complete release.

    Raises:
        DataError: When there are no wav files, or the name of one does not follow the corpus, names
            another speaker than its folder, or occurs twice.
    """
    wavs = _wavs(corpus_dir)
    refuse_lfs_pointers(wavs, "EMOVO")
    utterances: dict[str, Utterance] = {}
    mended = []
    for path in wavs:
        utterance = _utterance(path)
        if known := utterances.get(utterance.utterance_id):
            raise DataError(
                "two files have the name of one recording",
                given=f"{known.audio} and {path}",
                do="remove the copy",
            )
        utterances[utterance.utterance_id] = utterance
        if not _REGULAR.fullmatch(path.stem):
            mended.append(path.name)
    notes = []
    if mended:
        notes.append(f"{len(mended)} irregular file names, read nevertheless: {few(mended)}")
    found = sorted(utterances.values(), key=lambda u: u.utterance_id)
    notes += count_notes(found, EMOTION_COUNTS, SPEAKER_COUNTS)
    return Prepared(found, tuple(notes))


def _wavs(corpus_dir: Path) -> list[Path]:
    """Find the recordings."""
    for root in (corpus_dir, *(corpus_dir / name for name in ("EMOVO", "emovo", "Dataset"))):
        for folders in ([root / speaker for speaker in SPEAKERS], [root]):
            found = {
                p for f in folders for end in ("wav", "WAV") for p in visible_files(f, f"*.{end}")
            }
            if found:
                return sorted(found)
    raise DataError(
        "no EMOVO recordings found",
        given=corpus_dir,
        accepted="the released folder with f1/dis-f1-b1.wav and so on",
        do="check the path, and that the archive is unpacked",
    )


def _utterance(path: Path) -> Utterance:
    """Read what a file name says."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise DataError(
            "the file name is not one of EMOVO",
            given=path,
            accepted="emotion, speaker and sentence, as in dis-f1-b1.wav",
            do="move files that are not part of the corpus elsewhere",
        )
    emotion, speaker, sentence = map(str.lower, match.group("emotion", "speaker", "sentence"))
    if path.parent.name in SPEAKERS and path.parent.name != speaker:
        raise DataError(
            "a file lies in the folder of another speaker",
            given=path,
            do="take the released one: nothing shows which of the two is right",
        )
    return Utterance(
        utterance_id=f"{speaker}-{emotion}-{sentence}",
        audio=path,
        speaker=speaker,
        emotion=EMOTIONS[emotion],
        gender=speaker[0],
        sentence=sentence,
        text=SENTENCES[sentence],
    )


CORPUS = Corpus(
    name="emovo",
    title="EMOVO",
    prepare=prepare,
    language="Italian",
    licence="free for research",
    size="588 utterances, 6 speakers, 0.5 h",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="leave one speaker out",
    home="http://voice.fub.it/activities/corpora/emovo/index.html",
    citation="Costantini et al., EMOVO Corpus: an Italian Emotional Speech Database, LREC 2014",
    counts=EMOTION_COUNTS,
)
