"""What a model hears in recordings of a voice, and which of them count."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import tee
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.fingerprint import AudioPrint, audio_print
from ser_pcq.errors import Reason
from ser_pcq.inference.answer import unanswered
from ser_pcq.inference.inputs import Input, hear_input, named
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import Prediction, Status
from ser_pcq.inference.recording import Recording, Refusal
from ser_pcq.inference.vectors.embedding import embedded
from ser_pcq.models.classifier import Classifier, load_classifier
from ser_pcq.processes import TIMEOUT, Crash, Progress, each_isolated, no_progress


@dataclass(frozen=True)
class LeftOut:
    """A recording that does not count.

    Attributes:
        path: What it is called.
        reason: Why.
        place: Which of the recordings it is, from 0.
        twin: Where there is the same one before, which of them that is.
    """

    path: str
    reason: Reason
    place: int
    twin: int | None = None

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
        results: What the model answers to those that count, and None for one of which it judged
            windows.
        places: Which of the recordings count, from 0.
    """

    vectors: NDArray[np.float32]
    prints: tuple[AudioPrint, ...]
    seconds: float
    left_out: tuple[LeftOut, ...]
    results: tuple[Prediction | None, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class HeardRecording:
    """One recording.

    Attributes:
        prediction: What the model answers.
        vector: What it heard, (width,).
        audio: The fingerprint; None where the recording has no answer.
        is_whole: Whether it was judged as a whole.
    """

    prediction: Prediction
    vector: NDArray[np.float32]
    audio: AudioPrint | None
    is_whole: bool


def hear_voice(
    recordings: Iterable[HeardRecording],
    width: int,
    *,
    total: int | None = None,
    on_progress: Progress = no_progress,
) -> HeardVoice:
    """Bring together what was heard of a voice.

    Recordings without an answer do not count, nor does one that was heard before.

    Args:
        recordings: What `hear_each` yields.
        width: Length of a vector.
        total: How many, for the progress.
        on_progress: Takes how many are done, and how many there are.
    """
    counted: list[HeardRecording] = []
    places, left_out, prints = [], [], dict[str, AudioPrint]()
    first: dict[str, int] = {}
    for place, one in enumerate(recordings):
        said = one.prediction
        if one.audio is None:
            reason = said.reason or Reason(said.status, "it has no answer")
            left_out.append(LeftOut(_called(said), reason, place))
        elif one.audio.digest in prints:
            twin = prints[one.audio.digest].utterance_id
            reason = Reason("repeated", f"the same as {twin}")
            left_out.append(LeftOut(_called(said), reason, place, first[one.audio.digest]))
        else:
            prints[one.audio.digest], first[one.audio.digest] = one.audio, place
            counted.append(one)
            places.append(place)
        if total is not None:
            on_progress(place + 1, total)
    return HeardVoice(
        np.array([one.vector for one in counted], np.float32).reshape(-1, width),
        tuple(_numbered(prints.values())),
        sum(one.prediction.duration or 0.0 for one in counted),
        tuple(left_out),
        tuple(one.prediction if one.is_whole else None for one in counted),
        tuple(places),
    )


def hear_each(
    classifier: Classifier,
    options: PredictOptions,
    inputs: Iterable[Input],
    *,
    jobs: int = 1,
    timeout: float = TIMEOUT,
) -> Iterator[HeardRecording]:
    """Hear recordings, in order.

    Args:
        classifier: The model.
        options: How to predict; only what says which channels and pauses count is looked at.
        inputs: What `each_input` yields.
        jobs: Processes that hear recordings side by side, each with the model that the options
            name; on a GPU there is one all the same.
        timeout: With several: s without any progress after which a recording is given up.

    Raises:
        SerError: When the model gives no vectors, or channels are to be split.
    """
    options = replace(options, min_confidence=0.0, segments=False)
    if jobs <= 1 or classifier.batch_size > 1:
        yield from (_hear(classifier, options, source) for source in inputs)
        return
    work, kept = tee(inputs)
    results = each_isolated(
        _hear_here, ((options, one) for one in work), jobs=jobs, timeout=timeout
    )
    for result, source in zip(results, kept, strict=True):
        if isinstance(result, Crash):
            path = source if isinstance(source, Path) else source.path
            refusal = Refusal(path, Status.ERROR, result.reason)
            yield _without_answer(named(unanswered(refusal, classifier.name), source))
        else:
            yield result


def _hear(classifier: Classifier, options: PredictOptions, source: Input) -> HeardRecording:
    """Hear one recording."""
    heard = hear_input(source, options.mix)
    # Already refused where channels are to be split.
    known = heard if isinstance(heard, Recording | Refusal) else source
    (result,) = embedded(classifier, options, [known])
    said = named(result.prediction, source)
    if said.status is not Status.OK or not isinstance(heard, Recording):
        return _without_answer(said)
    return HeardRecording(
        said, result.vector, _print(_called(said), heard), heard.waveform is not None
    )


_loaded = lru_cache(maxsize=1)(load_classifier)  # once in each process


def _hear_here(work: tuple[PredictOptions, Input]) -> HeardRecording:
    """Hear one recording in a process of its own."""
    options, source = work
    return _hear(_loaded(options.model, device=options.device), options, source)


def _called(said: Prediction) -> str:
    """Name a recording: where a file holds several utterances, its path does not tell which."""
    return said.path if said.utterance is None else f"{said.utterance} in {said.path}"


def _without_answer(prediction: Prediction) -> HeardRecording:
    """Return what was heard in a recording that has no answer."""
    return HeardRecording(prediction, np.zeros(0, np.float32), None, is_whole=False)


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
