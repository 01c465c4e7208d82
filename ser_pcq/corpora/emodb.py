"""EMO-DB, the Berlin database of emotional speech.

Ten actors speak ten German sentences, each in up to seven emotions: 535 recordings, 16 kHz mono,
1.2 to 9.0 s, 24.8 min in all. `wav/03a01Fa.wav` is speaker 03, sentence a01, emotion F (Freude),
take a.

Licence: listed as CC0-1.0 by one publisher and as CC BY 4.0 by another. Attribute it wherever it,
or a model trained on it, is shipped: F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss,
"A Database of German Emotional Speech", Interspeech 2005.

Quirks: the emotions are far from balanced (46 disgust, 127 anger), and so are the speakers (35 to
71 files). Takes run from a to f with gaps. Every file is normalised to its peak, so level tells
nothing. Four files carry a `PAD ` chunk before the audio. The emotion letters are German: W Wut,
L Langeweile, E Ekel, A Angst, F Freude, T Trauer, N neutral.
"""

import re
from collections import Counter
from pathlib import Path

from ser_pcq.datadir import Utterance
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


def prepare(corpus_dir: Path) -> list[Utterance]:
    """Read the released tree, or the folder with its wav files alone.

    Args:
        corpus_dir: Folder that holds `wav/*.wav`, or the wav files themselves.

    Returns:
        The utterances that are there, sorted by id. See `differences` for those that are not.

    Raises:
        DataError: When there are no wav files, or the name of one does not follow the corpus.
    """
    folder = corpus_dir / "wav" if (corpus_dir / "wav").is_dir() else corpus_dir
    files = folder.iterdir() if folder.is_dir() else ()
    # Hidden files include the `._03a01Fa.wav` that macOS leaves on foreign disks.
    wavs = [p for p in files if p.suffix.lower() == ".wav" and not p.name.startswith(".")]
    if not wavs:
        raise DataError(
            "no EMO-DB recordings found",
            given=corpus_dir,
            accepted="the released folder with wav/03a01Fa.wav and so on, or the folder wav itself",
            do="check the path, and that the archive is unpacked",
        )
    return sorted((_utterance(p) for p in wavs), key=lambda u: u.utterance_id)


def differences(utterances: list[Utterance]) -> list[str]:
    """Say how utterances differ from the complete release, one line each; none when they do not."""
    found = []
    for what, expected, counts in (
        ("emotion", EMOTION_COUNTS, Counter(u.emotion for u in utterances)),
        ("speaker", SPEAKER_COUNTS, Counter(u.speaker for u in utterances)),
    ):
        found += [
            f"{what} {name}: {counts[name]} recordings, {n} in the complete release"
            for name, n in expected.items()
            if counts[name] != n
        ]
    total = sum(EMOTION_COUNTS.values())
    if found:
        found.insert(0, f"{len(utterances)} recordings, {total} in the complete release")
    return found
