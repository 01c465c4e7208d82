"""The result for a recording: its emotion, how sure that is, and how it changes over time."""

from dataclasses import dataclass
from enum import StrEnum

from ser_pcq.errors import Reason


class Status(StrEnum):
    """What became of a recording."""

    OK = "ok"
    """It has an answer."""

    ABSTAINED = "abstained"
    """The confidence is too low for an answer."""

    REJECTED = "rejected"
    """The file holds nothing to judge."""

    ERROR = "error"
    """The answer could not be computed."""

    @property
    def is_failure(self) -> bool:
        """Whether the recording could not be judged; abstaining is a judgement."""
        return self in (Status.REJECTED, Status.ERROR)


@dataclass(frozen=True)
class EmotionSegment:
    """A stretch of time with one emotion.

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
        status: What became of it.
        reason: Why there is no answer, with a word from `REASONS`; None when there is one.
        duration: Length in s; None when the file could not be read.
        label: The emotion; None without an answer.
        confidence: Probability of the most probable emotion, 0 to 1; None when rejected.
        probabilities: Probability of every emotion; empty when rejected.
        model: Name of the model.
        warnings: What makes an answer doubtful, with words from `WARNINGS`; mostly empty.
        segments: How the emotion changes over time, in order, without overlap; pauses are left
            out. Empty unless asked for.
        channel: The channel that was judged, from 1; None where all were mixed.
        channels: A result for each channel, in order, where the channels were split: label,
            confidence, probabilities, warnings and segments are theirs then, and `status` is `ok`
            where one of them has an answer. Empty otherwise.
        utterance: The id that a list gives the recording; None where it has none. The times of
            `segments` count from the beginning of the utterance.
    """

    path: str
    status: Status
    reason: Reason | None
    duration: float | None
    label: str | None
    confidence: float | None
    probabilities: dict[str, float]
    model: str
    warnings: tuple[Reason, ...] = ()
    segments: tuple[EmotionSegment, ...] = ()
    channel: int | None = None
    channels: tuple["Prediction", ...] = ()
    utterance: str | None = None

    @property
    def name(self) -> str:
        """What people know the recording by: its id, else its path."""
        return self.path if self.utterance is None else self.utterance

    def each_channel(self) -> tuple["Prediction", ...]:
        """Return the result for each channel; of a recording that was not split, its only one."""
        return self.channels or (self,)

    def segments_or_whole(self) -> tuple[EmotionSegment, ...]:
        """Return the segments; a recording that was judged as a whole is one segment.

        Without an answer there are none.
        """
        if self.segments or self.label is None or not self.duration:
            return self.segments
        confidence = self.confidence or 0.0
        return (EmotionSegment(0.0, self.duration, self.label, confidence, self.probabilities),)
