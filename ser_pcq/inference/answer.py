"""Probabilities to an answer, an abstention, or the result of a recording without one."""

from dataclasses import replace

from ser_pcq.errors import Reason
from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status
from ser_pcq.inference.recording import Recording, Refusal

Probabilities = dict[str, float]


def answered(
    recording: Recording,
    shares: Probabilities,
    segments: tuple[EmotionSegment, ...],
    *,
    model: str,
    least: float,
) -> Prediction:
    """Return the answer that probabilities give, or abstain where they are too low.

    Args:
        recording: What was judged.
        shares: The probability of each emotion.
        segments: How the emotion changes over time; empty unless asked for.
        model: What judged.
        least: The lowest confidence that is an answer.
    """
    about = (str(recording.path), Status.OK, None, recording.duration, None, None)
    blank = Prediction(
        *about,
        shares,
        model,
        warnings=recording.warnings,
        segments=segments,
        channel=recording.channel,
    )
    return answered_anew(blank, shares, model=model, least=least)


def answered_anew(
    earlier: Prediction, shares: Probabilities, *, model: str, least: float
) -> Prediction:
    """Return the answer that other probabilities give for a recording that was judged before.

    Args:
        earlier: Its result, which was no refusal.
        shares: The probability of each emotion.
        model: What gave them.
        least: The lowest confidence that is an answer.
    """
    best = max(shares, key=shares.__getitem__)
    answer = replace(
        earlier,
        status=Status.OK,
        reason=None,
        label=best,
        confidence=shares[best],
        probabilities=shares,
        model=model,
    )
    # Rounded as printed: a confidence shown as equal to the threshold must not abstain.
    shown = round(shares[best], 6)
    if shown >= least:
        return answer
    reason = Reason("unsure", f"confidence {shown} is under {least}, best is {best}")
    return replace(answer, status=Status.ABSTAINED, reason=reason, label=None)


def unanswered(refusal: Refusal, model: str, duration: float | None = None) -> Prediction:
    """Return the result of a recording without an answer, its length being known in s or not."""
    status, reason, channel = refusal.status, refusal.reason, refusal.channel
    about = (str(refusal.path), status, reason, duration, None, None)
    return Prediction(*about, {}, model, channel=channel)
