"""What is told of a recording: its emotion, how sure that is, and how it changes over time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EmotionSegment:
    """A stretch of speech with one emotion.

    Attributes:
        start: Where it begins, s from the beginning of the recording.
        end: Where it ends, s; after `start`.
        label: The emotion.
        confidence: Mean probability of the label over the stretch, 0 to 1.
        probabilities: Mean probability of every emotion over the stretch; they sum to 1.
    """

    start: float
    end: float
    label: str
    confidence: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Prediction:
    """The result for one recording.

    Attributes:
        path: The file, as it was given.
        status: `ok`; `abstained` when the confidence is too low to answer; `rejected` when the
            file holds no emotion to tell; `error` when the model failed on it.
        reason: Why there is no answer, as a word and a sentence; None when all is well.
        duration: Length in s; None when the file could not be read.
        label: The emotion; None without an answer.
        confidence: Probability of the most probable emotion, 0 to 1; None when rejected.
        probabilities: Probability of every emotion; empty when rejected.
        model: Name of the model.
        warnings: What makes a given answer doubtful, each a word and a sentence; mostly empty.
        segments: How the emotion changes over time, in order, without overlap; pauses are left
            out. Empty unless asked for.
    """

    path: str
    status: str
    reason: str | None
    duration: float | None
    label: str | None
    confidence: float | None
    probabilities: dict[str, float]
    model: str
    warnings: tuple[str, ...] = ()
    segments: tuple[EmotionSegment, ...] = ()
