"""A model adapted to a voice, or why it was not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import SerError, few
from ser_pcq.inference.answer import answered_anew
from ser_pcq.inference.inputs import Input
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.own_voice.hearing import (
    HeardRecording,
    HeardVoice,
    LeftOut,
    hear_each,
    hear_voice,
)
from ser_pcq.inference.prediction import Prediction
from ser_pcq.models.adapted.classifier import AdaptedClassifier
from ser_pcq.models.adapted.info import OWN_VOICE, Step
from ser_pcq.models.adapted.package import as_adapted
from ser_pcq.models.classifier import Classifier
from ser_pcq.models.linear.own_voice import ONE_EMOTION, OwnVoice, adapt
from ser_pcq.processes import Progress, no_progress

AT_LEAST = 10
"""Recordings that count; of fewer, what is usual for a voice is not known."""

SECONDS = 15.0
"""s, in all: shorter ones are pieces of words, which tell little of whole recordings."""

AT_MOST = 300
"""Recordings that are heard. The gain of more is small, and their time is not."""

SEED = 0
"""Of the drawing of recordings, where there are more."""


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What became of adapting a model to a voice.

    Attributes:
        model: What the model that was to be adapted is called.
        classifier: The adapted one; None where nothing was done.
        n_given: Recordings that there were.
        n_heard: Recordings that were heard: at most `AT_MOST`.
        n_counted: Recordings that counted.
        seconds: How long these are in all.
        left_out: Those that were heard and did not count.
        spread: How much recordings differ; 1 is as much as those of one emotion do. None where
            there are too few, or the model does not say how much that is.
        answers: What the model, adapted or not, answers to recordings that were heard, so that they
            need not be judged again; by their places, from 0. Those that are judged in windows are
            not among them.
    """

    model: str
    classifier: AdaptedClassifier | None
    n_given: int
    n_heard: int
    n_counted: int
    seconds: float
    left_out: tuple[LeftOut, ...]
    spread: float | None
    answers: Mapping[int, Prediction]

    @property
    def is_enough(self) -> bool:
        """Whether so many recordings count, and are so long, that a model could be adapted."""
        return self.n_counted >= AT_LEAST and self.seconds >= SECONDS

    def checked(self) -> AdaptedClassifier:
        """Return the adapted model.

        Raises:
            SerError: When there is none, saying why.
        """
        if self.classifier is not None:
            return self.classifier
        if self.n_counted < AT_LEAST:
            unused = f", without {few(map(str, self.left_out), limit=10)}" if self.left_out else ""
            raise SerError(
                "too few recordings of the voice count",
                given=f"{self.n_counted} of {self.n_heard}{unused}",
                accepted=f"{AT_LEAST} or more with speech, all different, by one speaker",
                do="give more recordings of the same speaker; they need no labels",
            )
        if self.seconds < SECONDS:
            raise SerError(
                "the recordings of the voice are too short",
                given=f"{self.n_counted} recordings, {self.seconds:.1f} s in all",
                accepted=f"{SECONDS:g} s or more in all",
                do="give more or longer recordings of the same speaker; they need no labels",
            )
        raise SerError(
            "the recordings may be of one emotion alone, and then nobody can tell what is usual "
            "for the voice",
            given=f"{self.n_counted} recordings that differ {self.spread:.2f} times as much as "
            "those of one emotion do",
            accepted=f"{ONE_EMOTION} times or more",
            do="add recordings of other emotions, or use the model as it is",
        )

    def sentences(self) -> list[str]:
        """Say what was done, from what, and what was not, a sentence each."""
        found = []
        if self.n_heard < self.n_given:
            found.append(
                f"{self.n_given:,} recordings were given, and {self.n_heard} of them heard, drawn "
                f"with seed {SEED}; more would gain little"
            )
        if self.left_out:
            found.append(f"left out: {few(map(str, self.left_out), limit=10)}")
        counted = f"{self.n_counted} recordings, {self.seconds:.0f} s"
        if self.classifier is None:
            try:
                self.checked()
            except SerError as error:
                found.append(
                    f"{self.model} is not adapted: {'; '.join((error.wrong, *error.details[:1]))}"
                )
            return found
        if self.spread is None:
            found.append(
                f"adapted {self.model} to {counted}; this model does not say whether they are of "
                "several emotions, as they should be"
            )
        else:
            found.append(
                f"adapted {self.model} to {counted}; they differ {self.spread:.2f} times as much "
                "as those of one emotion do"
            )
        return found


def adapt_to_voice(
    classifier: Classifier,
    options: PredictOptions,
    inputs: Sequence[Input],
    *,
    name: str | None = None,
    on_progress: Progress = no_progress,
    heard_before: Iterator[HeardRecording] | None = None,
) -> Adaptation:
    """Adapt a model to one speaker's recordings, whose emotions are not known.

    Args:
        classifier: The model; one that was adapted before is adapted further.
        options: How to predict, and what the model was loaded from.
        inputs: What `each_input` yields, all by one speaker.
        name: What the adapted model is called; None for that of the model, and what was done.
        on_progress: Takes how many recordings are heard, and how many there are to hear.
        heard_before: What `hear_each` yields for those of the inputs that `drawn` names, and
            perhaps for others behind them; None to hear them here.

    Raises:
        SerError: When the model cannot be adapted, or channels are to be split.
    """
    adapted = as_adapted(classifier, options.model)
    places = drawn(len(inputs))
    each = heard_before or hear_each(classifier, options, [inputs[k] for k in places])
    first = islice(each, len(places))
    heard = hear_voice(first, classifier.width, total=len(places), on_progress=on_progress)
    n = len(heard.vectors)
    voice = OwnVoice(None, n, float("nan"))
    if heard.seconds >= SECONDS:
        voice = fit_to_voice(adapted, heard.vectors)
    spread = None if np.isnan(voice.spread) else round(voice.spread, 4)
    result = None
    if voice.classifier is not None:
        step = Step(OWN_VOICE, n, round(heard.seconds, 3), spread)
        head = adapted.head.replaced(voice.classifier)
        called = name or f"{adapted.info.base.name}+own-voice"
        result = adapted.after(step, head, adapted.labels, heard.prints, called)
    answers = {} if options.segments else _answers(result or classifier, heard, options)
    return Adaptation(
        classifier.name,
        result,
        len(inputs),
        len(places),
        n,
        heard.seconds,
        heard.left_out,
        spread,
        {places[k]: one for k, one in answers.items()},
    )


def drawn(n: int) -> list[int]:
    """Return which of so many recordings are heard, from 0, in their order."""
    if n <= AT_MOST:
        return list(range(n))
    return sorted(np.random.default_rng(SEED).permutation(n)[:AT_MOST].tolist())


def _answers(
    classifier: Classifier, heard: HeardVoice, options: PredictOptions
) -> dict[int, Prediction]:
    """Return what a model answers to recordings, by their places, from what was heard in them."""
    answers = {}
    for place, said, vector in zip(heard.places, heard.results, heard.vectors, strict=True):
        if said is None:
            continue
        shares = said.probabilities
        if isinstance(classifier, AdaptedClassifier):
            row = classifier.head.probabilities(vector[None])[0]
            shares = dict(zip(classifier.labels, row.tolist(), strict=True))
        answers[place] = answered_anew(
            said, shares, model=classifier.name, least=options.min_confidence
        )
    return answers


def fit_to_voice(adapted: AdaptedClassifier, vectors: NDArray[np.float32]) -> OwnVoice:
    """Fit the head of a model to what it heard of a voice.

    Args:
        adapted: The model; what it learnt in earlier adaptations is kept.
        vectors: What it heard in recordings of the voice, (recording, width).
    """
    n, base, head = len(vectors), adapted.base, adapted.head
    if n < AT_LEAST:
        return OwnVoice(None, n, float("nan"))
    features = vectors.astype(np.float64)
    if adapted.labels != base.labels or not (base.head.is_known == head.is_known).all():
        # How scores of these emotions vary within one nobody knows.
        return adapt(head.as_classifier(), features, None)
    # Whether there are several emotions is judged by the base.
    by_voice = head.as_classifier() if adapted.info.steps else base.by_voice
    return adapt(base.head.as_classifier(), features, base.within, by_voice)
