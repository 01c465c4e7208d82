"""Recordings to emotions: one result for every recording, even one that cannot be read."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_pcq.errors import SerError
from ser_pcq.inference.answer import unanswered
from ser_pcq.inference.channels import Heard
from ser_pcq.inference.inputs import (
    SAMPLES,
    Input,
    Source,
    as_input,
    each_input,
    hear_input,
    named,
)
from ser_pcq.inference.judge import Judge
from ser_pcq.inference.mix import ALL
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import Prediction, Status
from ser_pcq.inference.recording import Refusal
from ser_pcq.inference.samples import as_samples
from ser_pcq.models.classifier import Classifier, load_classifier
from ser_pcq.models.folder import default_model, lasting_name
from ser_pcq.processes import TIMEOUT, Crash, Progress, each_isolated, no_progress

if TYPE_CHECKING:
    from ser_pcq.inference.vectors.embedding import Embedded


class Predictor:
    """A loaded model that turns recordings into predictions.

    Several threads may use one at the same time. One that `load` has made can be pickled; the copy
    loads the model again.

    Args:
        classifier: The model.
        options: How to predict; `options.model` is what the classifier was loaded from, and what
            processes of their own (`predict_all` with jobs) load. Without them there are none.

    Attributes:
        can_be_loaded: Whether other processes can load the same model.

    Raises:
        SerError: When the speech detector is unknown or not installed.
    """

    def __init__(self, classifier: Classifier, options: PredictOptions | None = None) -> None:
        self.classifier = classifier
        self.options = options or PredictOptions(classifier.name)
        self.can_be_loaded = options is not None
        self._judge = Judge(classifier, self.options)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how it was loaded; raise a `SerError` when `load` has not made it."""
        if not self.can_be_loaded:
            raise SerError(
                "only a Predictor that load() has made can be pickled",
                given="a Predictor around a classifier",
                do="make it with load()",
            )
        return _restored, (replace(self.options, model=lasting_name(self.options.model)),)

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows."""
        return self.classifier.labels

    @property
    def licence(self) -> str | None:
        """SPDX expression of the licence of the model's weights; None where it states none."""
        return self.classifier.licence

    def predict(
        self, source: Source, sample_rate: float | None = None, *, name: str | None = None
    ) -> Prediction:
        """Predict the emotion of one recording.

        A bad file gives a rejected prediction, a low confidence one that abstains. With the mix
        `split` the results are those in its `channels`.

        Args:
            source: A path; the content of an audio file as bytes; a binary file object, which is
                read from where it stands and left open; samples, as `predict_samples` takes them;
                or a pair (samples, sample rate).
            sample_rate: Hz, of samples; files know theirs.
            name: The path of the prediction, where it is not that of the file.

        Raises:
            SerError: When the source is of another kind, or its sample rate is missing, impossible,
                or given for a file.
        """
        return self._judge_input(as_input(source, sample_rate, name))

    def predict_samples(
        self, samples: ArrayLike, sample_rate: float, *, name: str = ""
    ) -> Prediction:
        """Predict the emotion of samples that are in memory, with the same checks as for a file.

        Args:
            samples: An array, a tensor or a list of numbers: (time,), (time, channel), or (channel,
                time) with up to 8 channels; floating point, 1.0 being full scale, or integers of
                any width, scaled by what they hold.
            sample_rate: Hz.
            name: The path of the prediction.

        Raises:
            SerError: When the array is of another kind, or the rate is impossible.
        """
        return self._judge_input(as_samples(samples, sample_rate, Path(name or SAMPLES)))

    def predict_all(
        self,
        sources: Iterable[Source] | Source,
        sample_rate: float | None = None,
        *,
        jobs: int = 1,
        timeout: float = TIMEOUT,
        on_progress: Progress = no_progress,
    ) -> Iterator[Prediction]:
        """Yield one prediction for each recording, in order.

        Args:
            sources: Recordings, each as `predict` takes it; a single one, such as a path, is one.
            sample_rate: Hz, of all that are samples; pairs (samples, sample rate) have their own.
            jobs: Processes that work on recordings side by side, from 1. On the CPU each of them
                loads the model; for a GPU they read files, and the model runs in this process.
                With several, only a file whose decoder crashes or hangs is lost. In a script, call
                this under `if __name__ == "__main__"`.
            timeout: With several processes: s without any progress after which a file is given up.
            on_progress: Takes seconds judged and seconds in all of a long recording while it is
                judged in this process.

        Raises:
            SerError: When processes cannot be started, or as in `predict`.
        """
        hear = partial(hear_input, mix=self.options.mix)
        # Recordings are taken as they are needed: there may be more than memory holds.
        inputs, names = tee(each_input(sources, sample_rate))
        if jobs <= 1:
            results = self._judge.each(map(hear, inputs), on_progress)
        elif self.classifier.batch_size > 1:
            work, kept = tee(inputs)
            read = each_isolated(hear, work, jobs=jobs, timeout=timeout)
            results = self._judge.each(map(_or_refusal, read, kept), on_progress)
        else:
            results = self._predict_elsewhere(inputs, jobs, timeout)
        yield from map(named, results, names)

    def embed(
        self, sources: Iterable[Source] | Source, sample_rate: float | None = None
    ) -> NDArray[np.float32]:
        """Return a vector for each recording: what enters the last layer of the model.

        A recording that cannot be judged gets NaN. `embed_each` tells why, and gives the vectors of
        segments.

        Args:
            sources: Recordings, as `predict_all` takes them.
            sample_rate: Hz, of all that are samples.

        Returns:
            (recording, width), in order.

        Raises:
            SerError: As `predict_all`, when the model gives no vectors, or with the mix `split`.
        """
        rows = [one.vector for one in self.embed_each(sources, sample_rate)]
        return np.stack(rows) if rows else np.zeros((0, self.classifier.width), np.float32)

    def embed_each(
        self, sources: Iterable[Source] | Source, sample_rate: float | None = None
    ) -> "Iterator[Embedded]":
        """Yield the vector of each recording beside its prediction, in order; as `embed`."""
        from ser_pcq.inference.vectors.embedding import embedded

        return embedded(self.classifier, self.options, each_input(sources, sample_rate))

    def adapted(
        self,
        recordings: Iterable[Source] | Source,
        sample_rate: float | None = None,
        *,
        labels: Iterable[str] | None = None,
        speakers: Iterable[str | None] | None = None,
    ) -> "Predictor":
        """Return a predictor adapted to a voice, its room and its line, or to labelled recordings.

        A voice needs no labels. Recordings that cannot be judged do not count; of more than 300
        without labels, so many are drawn. The result predicts in this process alone. One that is
        adapted already is adapted further.

        Args:
            recordings: Of one speaker, 10 or more, of several emotions; with labels, of one speaker
                or several, of two emotions or more. As `predict_all` takes them.
            sample_rate: Hz, of all that are samples.
            labels: The emotion of each recording, which the model knows or not.
            speakers: Who speaks in each of the labelled recordings; None where that is not known.

        Raises:
            SerError: When too few recordings count, when they may be of one emotion alone, when
                labels are not as many as recordings, or when the model cannot be adapted.
        """
        from ser_pcq.inference.own_voice.adaptation import adapt_to_voice

        inputs = list(each_input(recordings, sample_rate))
        if labels is not None or speakers is not None:
            from ser_pcq.inference.labelled.adaptation import adapt_to_recordings
            from ser_pcq.inference.labelled.recordings import paired

            labelled = paired(inputs, labels, speakers)
            found = adapt_to_recordings(self.classifier, self.options, labelled)
            return self.around(found.classifier)
        return self.around(adapt_to_voice(self.classifier, self.options, inputs).checked())

    def around(self, classifier: Classifier) -> "Predictor":
        """Return a predictor with another model, and the same options; see `can_be_loaded`."""
        other = Predictor(classifier, self.options)
        other.can_be_loaded = False
        return other

    def _judge_input(self, source: Input) -> Prediction:
        """Judge one recording."""
        (prediction,) = self._judge.together([hear_input(source, self.options.mix)])
        return named(prediction, source)

    def _predict_elsewhere(
        self, inputs: Iterable[Input], jobs: int, timeout: float
    ) -> Iterator[Prediction]:
        """Judge recordings in several processes, each of which loads the model.

        Raises:
            SerError: When they cannot load the model, or cannot be started.
        """
        if not self.can_be_loaded:
            raise SerError(
                "several processes need a model that they can load",
                given="a Predictor around a classifier",
                do="make it with load(), or predict with one job",
            )
        name = self.classifier.name
        inputs, kept = tee(inputs)
        work = ((self.options, one) for one in inputs)
        results = each_isolated(_predict, work, jobs=jobs, timeout=timeout)
        for result, one in zip(results, kept, strict=True):
            yield unanswered(_crashed(one, result), name) if isinstance(result, Crash) else result


def load(
    model: str | Path | None = None,
    *,
    device: str = "cpu",
    min_confidence: float = 0.0,
    segments: bool = False,
    speech: str = "auto",
    mix: str = ALL,
) -> Predictor:
    """Load a model, by default that of `PredictOptions`, ready to predict; arguments as there.

    Raises:
        CheckpointError: When the model is missing or damaged.
        SerError: For a `min_confidence` or `mix` out of range, or an unknown device or detector.
    """
    name = default_model() if model is None else str(model)
    options = PredictOptions(name, device, min_confidence, segments, speech, mix)
    return Predictor(load_classifier(options.model, device=device), options)


def _or_refusal(result: Heard | Crash, source: Input) -> Heard:
    """Return what another process read, or why it could not."""
    return _crashed(source, result) if isinstance(result, Crash) else result


def _crashed(source: Input, crash: Crash) -> Refusal:
    """Refuse a recording whose process has ended."""
    path = source if isinstance(source, Path) else source.path
    return Refusal(path, Status.ERROR, crash.reason)


def _restored(options: PredictOptions) -> Predictor:
    """Load a model as `load` did."""
    return Predictor(load_classifier(options.model, device=options.device), options)


_loaded = lru_cache(maxsize=1)(_restored)  # once in each process


def _predict(work: tuple[PredictOptions, Input]) -> Prediction:
    """Judge a recording in this process."""
    options, source = work
    return _loaded(options)._judge_input(source)
