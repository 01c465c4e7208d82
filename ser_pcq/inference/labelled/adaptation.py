"""A model adapted to labelled recordings."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import SerError, few
from ser_pcq.inference.labelled.recordings import Labelled, misspelt
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.own_voice.hearing import HeardVoice, LeftOut, hear_each, hear_voice
from ser_pcq.models.adapted.classifier import AdaptedClassifier
from ser_pcq.models.adapted.head import Head
from ser_pcq.models.adapted.info import LABELLED, Step
from ser_pcq.models.adapted.package import as_adapted
from ser_pcq.models.classifier import Classifier
from ser_pcq.models.linear.labelled import adapt_to_labels
from ser_pcq.processes import Progress, no_progress

LEAST_NEW = 2
"""Recordings of an emotion that the model does not know: how surely it is found is judged by
recordings that are held out, and another one has to be there then."""


@dataclass(frozen=True, eq=False)
class LabelledAdaptation:
    """What became of adapting a model to labelled recordings.

    Attributes:
        model: What the model that was adapted is called.
        known: The emotions that it could answer.
        classifier: The adapted one.
        left_out: Recordings that were heard and did not count.
        doubtful: Those that are there twice, with another label each time; the first one counts.
    """

    model: str
    known: tuple[str, ...]
    classifier: AdaptedClassifier
    left_out: tuple[LeftOut, ...]
    doubtful: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """Say what was done, and from what, a sentence each."""
        step = self.classifier.info.steps[-1]
        assert step.emotions is not None
        found = []
        if self.left_out:
            found.append(f"left out: {few(map(str, self.left_out), limit=10)}")
        if self.doubtful:
            found.append(
                f"the same recording with two labels, the first counts: {few(self.doubtful)}"
            )
        for new in (one for one in step.emotions if one not in self.known):
            near = misspelt(new, self.known)
            meant = f"; did you mean {near!r}?" if near else ""
            found.append(f"{new} is new: {self.model} did not know it{meant}")
        counts = ", ".join(f"{n} {emotion}" for emotion, n in step.emotions.items())
        found.append(
            f"adapted {self.model} to {step.recordings} labelled recordings, "
            f"{step.seconds:.0f} s: {counts}"
        )
        kept = [one for one in self.known if one not in step.emotions]
        if kept:
            found.append(
                f"without recordings, kept as they were: {', '.join(kept)}; beside emotions with "
                "recordings they are answered less often"
            )
        return found


def adapt_to_recordings(
    classifier: Classifier,
    options: PredictOptions,
    recordings: Sequence[Labelled],
    *,
    name: str | None = None,
    on_progress: Progress = no_progress,
) -> LabelledAdaptation:
    """Adapt a model to labelled recordings, of emotions that it knows or of others.

    Args:
        classifier: The model; one that was adapted before is adapted further.
        options: How to predict, and what the model was loaded from.
        recordings: Of one speaker or several.
        name: What the adapted model is called; None for that of the model, and what was done.
        on_progress: Takes how many recordings are heard, and how many there are to hear.

    Raises:
        SerError: When the model cannot be adapted, there are too few recordings, or channels are to
            be split.
    """
    adapted = as_adapted(classifier, options.model)
    known = _known(adapted)
    check_counts(Counter(one.emotion for one in recordings), known)
    inputs = [one.source for one in recordings]
    each = hear_each(classifier, options, inputs)
    heard = hear_voice(each, classifier.width, total=len(inputs), on_progress=on_progress)
    counted = [recordings[k] for k in heard.places]
    check_counts(Counter(one.emotion for one in counted), known, recordings, heard)
    emotions = [one.emotion for one in counted]
    speakers = [one.speaker or f"unknown {k}" for k, one in enumerate(counted)]
    labels, head = fit_to_labels(adapted, heard.vectors, emotions, speakers)
    counts = {e: emotions.count(e) for e in labels if e in set(emotions)}
    step = Step(LABELLED, len(counted), round(heard.seconds, 3), None, counts)
    called = name or f"{adapted.info.base.name}+labelled"
    result = adapted.after(step, head, labels, heard.prints, called)
    doubtful = tuple(_doubtful(recordings, heard.left_out))
    return LabelledAdaptation(classifier.name, known, result, heard.left_out, doubtful)


def _doubtful(recordings: Sequence[Labelled], left_out: Sequence[LeftOut]) -> Iterator[str]:
    """Say which recordings were there before with another label."""
    for one in left_out:
        if one.twin is None:
            continue
        first, second = recordings[one.twin].emotion, recordings[one.place].emotion
        if first != second:
            yield f"{one.path} ({first}, then {second})"


def _known(adapted: AdaptedClassifier) -> tuple[str, ...]:
    """Return the emotions that a model can answer."""
    pairs = zip(adapted.labels, adapted.head.is_known, strict=True)
    return tuple(label for label, known in pairs if known)


def check_counts(
    counts: Counter[str],
    known: Collection[str],
    given: Sequence[Labelled] = (),
    heard: HeardVoice | None = None,
) -> None:
    """Refuse recordings that are too few.

    Args:
        counts: Emotion to how many recordings of it count.
        known: The emotions that the model can answer.
        given: The recordings that there were, where some did not count.
        heard: What was heard in them.

    Raises:
        SerError: Without recordings, with those of one emotion only, or of a new emotion with fewer
            than `LEAST_NEW`.
    """
    unused = ""
    if heard is not None and heard.left_out:
        unused = f", without {few(map(str, heard.left_out), limit=10)}"
    if not counts:
        raise SerError(
            "no labelled recording counts",
            given=f"{len(given)} recordings{unused}",
            accepted="recordings of two emotions or more, with speech",
            do="give recordings of each emotion that is to be told apart",
        )
    emotions = {*counts, *(one.emotion for one in given)}
    few_ones = [e for e in sorted(emotions) if e not in known and counts.get(e, 0) < LEAST_NEW]
    if few_ones:
        listed = ", ".join(f"{counts.get(e, 0)} of {e}" for e in few_ones)
        raise SerError(
            "too few recordings of an emotion that the model does not know",
            given=f"{listed}{unused}",
            accepted=f"{LEAST_NEW} or more; one is enough of {', '.join(known)}",
            do="record it again, leave the emotion out, or correct its name",
        )
    if len(counts) < 2:
        raise SerError(
            "the labelled recordings are of one emotion alone, and then nobody can tell it from "
            "what is usual for these voices",
            given=f"{counts.total()} of {next(iter(counts))}{unused}",
            accepted="two emotions or more",
            do="add recordings of another emotion, neutral for example",
        )


def fit_to_labels(
    adapted: AdaptedClassifier,
    vectors: NDArray[np.float32],
    emotions: Sequence[str],
    speakers: Sequence[str],
) -> tuple[tuple[str, ...], Head]:
    """Fit the head of a model to what it heard in labelled recordings.

    Args:
        adapted: The model; what it learnt in earlier adaptations is kept.
        vectors: What it heard, (recording, width).
        emotions: Of the recordings, two or more, which it knows or not.
        speakers: Who speaks in them.

    Returns:
        The emotions, new ones after those of the model, and the head.
    """
    head = adapted.head
    labels = (*adapted.labels, *sorted(set(emotions) - set(adapted.labels)))
    targets = np.array([labels.index(one) for one in emotions])
    places = np.flatnonzero(head.is_known)
    found = adapt_to_labels(
        head.as_classifier(), places, vectors, targets, len(labels), np.array(speakers)
    )
    # Recordings count alike, emotion by emotion: what there were more of in training is no reason.
    return labels, head.with_classes(found, ~np.isin(np.arange(len(labels)), targets))
