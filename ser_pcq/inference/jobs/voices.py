"""Recordings of several speakers, each judged by a model that is adapted to the speaker."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ser_pcq.inference.answer import unanswered
from ser_pcq.inference.inputs import Input, Source, each_input, named
from ser_pcq.inference.jobs.earlier import Asked, Key, key_of
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import Prediction, Status
from ser_pcq.inference.predictor import Predictor
from ser_pcq.inference.recording import Refusal
from ser_pcq.models.adapted.classifier import AdaptedClassifier
from ser_pcq.models.adapted.head import Head
from ser_pcq.models.adapted.package import as_adapted
from ser_pcq.models.classifier import load_classifier
from ser_pcq.processes import TIMEOUT, Crash, Progress, each_isolated, no_progress

if TYPE_CHECKING:
    from ser_pcq.inference.vectors.embedding import Embedded


class VoicesPredictor(Predictor):
    """A predictor that takes another model for each speaker.

    Args:
        predictor: For speakers without one of their own.
        speakers: Who speaks, for each recording.
        own: The predictors of speakers who have one.
        answers: What these say of recordings that they were adapted to.
    """

    def __init__(
        self,
        predictor: Predictor,
        speakers: Iterable[tuple[Asked, str]],
        own: Mapping[str, Predictor],
        answers: Mapping[Key, Prediction] | None = None,
    ) -> None:
        super().__init__(predictor.classifier, predictor.options)
        self.can_be_loaded = False
        self._speakers = {key_of(one): speaker for one, speaker in speakers}
        self._own, self._others = dict(own), predictor
        self._answers = dict(answers or {})

    def predict_all(
        self,
        sources: Iterable[Source] | Source,
        sample_rate: float | None = None,
        *,
        jobs: int = 1,
        timeout: float = TIMEOUT,
        on_progress: Progress = no_progress,
    ) -> Iterator[Prediction]:
        """Yield one prediction for each recording, in order; as `Predictor` says.

        On a GPU all of them are judged in this process.

        Raises:
            SerError: When processes cannot be started, or as in `predict`.
        """
        inputs, kept = tee(each_input(sources, sample_rate))
        unknown = (one for one in inputs if _key(one) not in self._answers)
        if jobs <= 1 or self.classifier.batch_size > 1:
            fresh = self._judge_here(unknown, on_progress)
        else:
            fresh = self._judge_elsewhere(unknown, jobs, timeout)
        for one in kept:
            known = self._answers.get(_key(one))
            yield next(fresh) if known is None else named(known, one)

    def embed_each(
        self, sources: Iterable[Source] | Source, sample_rate: float | None = None
    ) -> "Iterator[Embedded]":
        """Yield the vector of each recording beside its prediction, in order; as `Predictor`."""
        for one in each_input(sources, sample_rate):
            yield from self._predictor_of(one).embed_each([cast(Asked, one)])

    def _predictor_of(self, one: Input) -> Predictor:
        """Return what judges a recording."""
        return self._own.get(self._speakers.get(_key(one), ""), self._others)

    def _judge_here(self, inputs: Iterable[Input], on_progress: Progress) -> Iterator[Prediction]:
        """Judge recordings in this process."""
        for one in inputs:
            predictor = self._predictor_of(one)
            yield from predictor.predict_all([cast(Asked, one)], on_progress=on_progress)

    def _judge_elsewhere(
        self, inputs: Iterable[Input], jobs: int, timeout: float
    ) -> Iterator[Prediction]:
        """Judge recordings in several processes, which load the model and get the heads."""
        work, kept = tee((_voice_of(self._predictor_of(one)), one) for one in inputs)
        each = ((self.options, voice, one) for voice, one in work)
        results = each_isolated(_predict, each, jobs=jobs, timeout=timeout)
        for result, (voice, one) in zip(results, kept, strict=True):
            if isinstance(result, Crash):
                path = one if isinstance(one, Path) else one.path
                refusal = Refusal(path, Status.ERROR, result.reason)
                result = named(unanswered(refusal, voice.name), one)
            yield result


def _key(one: Input) -> Key:
    """Return what a recording of a job is known by."""
    return key_of(cast(Asked, one))  # what jobs have


@dataclass(frozen=True)
class _Voice:
    """What a process needs to judge as an adapted model does.

    Attributes:
        name: Of the model; no other voice has it.
        head: Its last layer; None where nothing was adapted.
    """

    name: str
    head: Head | None = field(compare=False)


def _voice_of(predictor: Predictor) -> _Voice:
    """Return what makes a predictor another one than that of the model that is loaded."""
    one = predictor.classifier
    return _Voice(one.name, one.head if isinstance(one, AdaptedClassifier) else None)


_loaded = lru_cache(maxsize=1)(load_classifier)  # once in each process


@lru_cache(maxsize=8)
def _predictor(options: PredictOptions, voice: _Voice) -> Predictor:
    """Return the predictor of a voice, in a process of its own."""
    if voice.head is None:
        return Predictor(_loaded(options.model, device=options.device), options)
    adapted = _adaptable(options.model, options.device)
    adapted = replace(adapted, head=voice.head, info=replace(adapted.info, name=voice.name))
    return Predictor(adapted, options)


@lru_cache(maxsize=1)
def _adaptable(model: str, device: str) -> AdaptedClassifier:
    """Return the model as one whose head can be replaced."""
    return as_adapted(_loaded(model, device=device), model)


def _predict(work: tuple[PredictOptions, _Voice, Input]) -> Prediction:
    """Judge a recording in a process of its own."""
    options, voice, source = work
    (prediction,) = _predictor(options, voice).predict_all([cast(Asked, source)])
    return prediction
