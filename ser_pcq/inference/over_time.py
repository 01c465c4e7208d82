"""A recording judged window by window: one answer for all of it, and its segments."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.speech import SpeechDetector
from ser_pcq.audio.steady_sound import STEADY, SteadyMeter, no_speech
from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.inference.answer import Probabilities
from ser_pcq.inference.prediction import EmotionSegment
from ser_pcq.inference.recording import Recording
from ser_pcq.inference.timeline.timeline import EmotionTimeline
from ser_pcq.models.classifier import Classifier
from ser_pcq.processes import Progress


def judged_over_time(
    recording: Recording,
    classifier: Classifier,
    detector: SpeechDetector,
    *,
    segments: bool,
    on_progress: Progress,
) -> tuple[Probabilities, tuple[EmotionSegment, ...]]:
    """Return the probabilities of all of a recording, and its segments.

    Args:
        recording: What to judge.
        classifier: What judges windows.
        detector: What finds speech.
        segments: Whether the segments are wanted; else there are none.
        on_progress: Takes seconds judged and seconds in all.

    Raises:
        AudioError: `no_speech`, when no window of a long recording holds any.
    """
    timeline = EmotionTimeline(classifier, detector)
    steady = SteadyMeter()

    def blocks() -> Iterator[NDArray[np.float32]]:
        heard = 0
        for block in recording.blocks():
            steady.add(block)
            yield block
            heard += len(block)
            on_progress(heard / SAMPLE_RATE, recording.duration)

    found = []
    for segment in timeline.segments(blocks()):
        if segments:
            found.append(segment)
    whole = timeline.whole()
    if recording.waveform is None and (steady.is_steady or whole is None):
        raise no_speech(STEADY if steady.is_steady else "no speech was found")
    return whole.probabilities if whole else {}, tuple(found)
