"""EMO-DB, the Berlin database of emotional speech.

Ten actors speak ten German sentences, each in up to seven emotions: 535 recordings, 16 kHz mono,
1.2 to 9.0 s, 24.8 min in all. `wav/03a01Fa.wav` is speaker 03, sentence a01, emotion F (Freude),
take a.

Licence: listed as CC0-1.0 by one publisher and as CC BY 4.0 by another. Attribute it wherever it,
or a model trained on it, is shipped: F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss,
"A Database of German Emotional Speech", Interspeech 2005.

Quirks: the emotions are far from balanced (46 disgust, 127 anger), and so are the speakers (35 to
71 files). Takes run from a to f with gaps. Every file is normalised to its peak, so level says
nothing. Four files carry a `PAD ` chunk before the audio. The emotion letters are German: W Wut,
L Langeweile, E Ekel, A Angst, F Freude, T Trauer, N neutral.
"""

import re
from pathlib import Path

from ser_pcq.data.corpora.corpus import Corpus, count_notes, visible_files
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError

EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
"""Letter in the file name to label."""

GENDERS = {
    "03": "m",
    "08": "f",
    "09": "f",
    "10": "m",
    "11": "m",
    "12": "m",
    "13": "f",
    "14": "f",
    "15": "m",
    "16": "f",
}
"""Speaker to gender."""

SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": ("An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht."),
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
"""Sentence in the file name to what is said."""

EMOTION_COUNTS = {
    "anger": 127,
    "boredom": 81,
    "disgust": 46,
    "fear": 69,
    "happiness": 71,
    "neutral": 79,
    "sadness": 62,
}
"""Recordings of each emotion in the complete release."""

SPEAKER_COUNTS = {
    "03": 49,
    "08": 58,
    "09": 43,
    "10": 38,
    "11": 55,
    "12": 35,
    "13": 61,
    "14": 69,
    "15": 56,
    "16": 71,
}
"""Recordings of each speaker in the complete release."""

_NAME = re.compile(
    rf"(?P<speaker>{'|'.join(GENDERS)})(?P<sentence>{'|'.join(SENTENCES)})"
    rf"(?P<emotion>[{''.join(EMOTIONS)}])[a-f]"
)


def _utterance(path: Path) -> Utterance:
    """Read what a file name says."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise DataError(
            "the file name is not one of EMO-DB",
            given=path,
            accepted="speaker, sentence, emotion letter and take, as in 03a01Fa.wav",
            do="move files that are not part of the corpus elsewhere",
        )
    speaker, sentence = match["speaker"], match["sentence"]
    return Utterance(
        utterance_id=path.stem,
        audio=path,
        speaker=speaker,
        emotion=EMOTIONS[match["emotion"]],
        gender=GENDERS[speaker],
        sentence=sentence,
        text=SENTENCES[sentence],
    )


def prepare(corpus_dir: Path) -> Prepared:
    """Read the released tree, or the folder with its wav files alone.

    Args:
        corpus_dir: Folder that holds `wav/*.wav`, or the wav files themselves.

    Returns:
        The utterances that are there, and how they differ from the complete release.

    Raises:
        DataError: When there are no wav files, or the name of one does not follow the corpus.
    """
    folder = corpus_dir / "wav" if (corpus_dir / "wav").is_dir() else corpus_dir
    wavs = [*visible_files(folder, "*.wav"), *visible_files(folder, "*.WAV")]
    if not wavs:
        raise DataError(
            "no EMO-DB recordings found",
            given=corpus_dir,
            accepted="the released folder with wav/03a01Fa.wav and so on, or the folder wav itself",
            do="check the path, and that the archive is unpacked",
        )
    utterances = sorted((_utterance(p) for p in set(wavs)), key=lambda u: u.utterance_id)
    notes = count_notes(utterances, EMOTION_COUNTS, SPEAKER_COUNTS)
    return Prepared(utterances, tuple(notes))


CORPUS = Corpus(
    name="emodb",
    title="EMO-DB",
    prepare=prepare,
    language="German",
    licence="CC0-1.0 or CC BY 4.0, by publisher",
    size="535 utterances, 10 speakers, 0.4 h",
    labels=tuple(sorted(EMOTIONS.values())),
    protocol="leave one speaker out",
    home="http://emodb.bilderbar.info",
    citation="Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005, "
    "doi:10.21437/Interspeech.2005-446",
    counts=EMOTION_COUNTS,
)
