"""What a model hears in recordings of a voice, and which of them count."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.fingerprint import AudioPrint, audio_print
from ser_pcq.errors import Reason
from ser_pcq.inference.inputs import Input, hear_input
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import Status
from ser_pcq.inference.recording import Recording, Refusal
from ser_pcq.inference.vectors.embedding import embedded
from ser_pcq.models.classifier import Classifier
from ser_pcq.processes import Progress, no_progress


@dataclass(frozen=True)
class LeftOut:
    """A recording that does not count.

    Attributes:
        path: What it is called.
        reason: Why.
    """

    path: str
    reason: Reason

    def __str__(self) -> str:
        return f"{self.path} ({self.reason.short})"


@dataclass(frozen=True, eq=False)
class HeardVoice:
    """Recordings of a voice.

    Attributes:
        vectors: What the model heard in those that count, (recording, width).
        prints: Their fingerprints.
        seconds: How long they are in all.
        left_out: Those that do not count.
    """

    vectors: NDArray[np.float32]
    prints: tuple[AudioPrint, ...]
    seconds: float
    left_out: tuple[LeftOut, ...]


def hear_voice(
    classifier: Classifier,
    options: PredictOptions,
    inputs: Iterable[Input],
    *,
    total: int | None = None,
    on_progress: Progress = no_progress,
) -> HeardVoice:
    """Hear recordings; those without an answer do not count, nor does one that was heard before.

    Args:
        classifier: The model.
        options: How to predict; only what says which channels and pauses count is looked at.
        inputs: What `each_input` yields.
        total: How many, for the progress.
        on_progress: Takes how many are done, and how many there are.

    Raises:
        SerError: When the model gives no vectors, or channels are to be split.
    """
    options = replace(options, min_confidence=0.0, segments=False)
    vectors, left_out, seconds = [], [], 0.0
    prints: dict[str, AudioPrint] = {}
    for done, source in enumerate(inputs, start=1):
        heard = hear_input(source, options.mix)
        # Already refused where channels are to be split.
        known = heard if isinstance(heard, Recording | Refusal) else source
        (result,) = embedded(classifier, options, [known])
        prediction = result.prediction
        if prediction.status is not Status.OK or not isinstance(heard, Recording):
            reason = prediction.reason or Reason(prediction.status, "it has no answer")
            left_out.append(LeftOut(prediction.path, reason))
        elif (one := _print(prediction.path, heard)).digest in prints:
            twin = prints[one.digest].utterance_id
            left_out.append(LeftOut(prediction.path, Reason("repeated", f"the same as {twin}")))
        else:
            prints[one.digest] = one
            vectors.append(result.vector)
            seconds += prediction.duration or 0.0
        if total is not None:
            on_progress(done, total)
    rows = np.array(vectors, np.float32).reshape(len(vectors), classifier.width)
    return HeardVoice(rows, tuple(_numbered(prints.values())), seconds, tuple(left_out))


def _print(path: str, recording: Recording) -> AudioPrint:
    """Return the fingerprint of a recording, which a long one is read again for.

    Raises:
        AudioError: When it has changed meanwhile.
    """
    return audio_print(path, np.concatenate(list(recording.blocks())))


def _numbered(prints: Iterable[AudioPrint]) -> Iterator[AudioPrint]:
    """Yield prints under other names: where files lie on a machine is nobody else's business."""
    for k, one in enumerate(prints, start=1):
        yield replace(one, utterance_id=f"{k}")
