"""An utterance, with what the files of a data directory say of it, a line each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "valid", "test"]
"""A part of the corpus' own partition."""

UNKNOWN_SPEAKER = "unknown"
"""The speaker of an utterance whose speaker is not known.

Two utterances of an unknown speaker may be of one person or of two: nothing can be held out, and
only a random split is possible.
"""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance with what is known about it.

    Attributes:
        utterance_id: Unique; no white space. Begins with the speaker, by Kaldi's custom.
        audio: The file it is in.
        speaker: Who speaks; `UNKNOWN_SPEAKER` where that is not known.
        emotion: The label.
        gender: m, f or o (other); None when unknown.
        session: Recording session; None where the corpus has none.
        sentence: Id of the sentence, where a corpus has a fixed set; else None.
        original: The utterance that this one is an augmented copy of (itself for an original);
            None where nothing is known of copies.
        text: What is said; None when unknown.
        split: Where the corpus' own partition puts it; None where it has none.
        vad: Valence, activation and dominance on the scale of the corpus; None where not rated.
        ratings: What single raters said, `<rater>:<label>[,<label>]` or
            `<rater>:<valence>/<activation>/<dominance>` (`-` where one is missing) each.
        start: Where it begins in the audio, s; None for the beginning.
        end: Where it ends in the audio, s; None for the end.
        corpus: Name of the corpus that it is of: speakers of two corpora with different names are
            different people, even with the same id. None where it is not known.
    """

    utterance_id: str
    audio: Path
    speaker: str
    emotion: str
    gender: str | None = None
    session: str | None = None
    sentence: str | None = None
    original: str | None = None
    text: str | None = None
    split: Split | None = None
    vad: tuple[float, float, float] | None = None
    ratings: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None
    corpus: str | None = None
