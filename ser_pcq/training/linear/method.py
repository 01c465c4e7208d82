"""Ways to fit linear classifiers to a sample, and to parts of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from ser_pcq.models.linear.classifier import Integers, LinearClassifier
from ser_pcq.training.linear.sample import Sample, SampleSets, refuse_one_class


class PartFits(Protocol):
    """Utterances to fit on, but for some of them that are left out."""

    def fit(
        self, parts: Sequence[Integers], settings: Sequence[float]
    ) -> Iterator[list[LinearClassifier]]:
        """Yield for each part the fits on all utterances but these, with each setting.

        Args:
            parts: For each the places of the utterances that are left out, (left out,).
            settings: With which settings.
        """


@dataclass(frozen=True)
class Method(ABC):
    """A way to fit a linear classifier, with the settings to choose from.

    Attributes:
        settings: Values to choose from, the most cautious one first: it wins a tie.
        setting: What the setting is called.
    """

    settings: Sequence[float]
    setting: ClassVar[str]

    @abstractmethod
    def fit_each(self, sample: Sample, settings: Sequence[float]) -> list[LinearClassifier]:
        """Fit with each of these settings; what does not depend on them is computed once.

        A class without an utterance gets `ABSENT_LOGIT` and is never answered.
        """

    def part_fits(self, sample: Sample) -> PartFits:
        """Return what fits on parts of the utterances.

        What all parts share is computed once, where a method can do that.
        """
        return Subsets(self, sample)


@dataclass(frozen=True)
class Subsets:
    """Fits on parts one by one: the `PartFits` of every method."""

    method: Method
    sample: Sample

    def fit(
        self, parts: Sequence[Integers], settings: Sequence[float]
    ) -> Iterator[list[LinearClassifier]]:
        """See `PartFits`."""
        for left_out in parts:
            yield self.method.fit_each(self.sample.without(left_out), settings)


def fit_mean(sets: SampleSets, method: Method, settings: Sequence[float]) -> LinearClassifier:
    """Fit every feature set with every setting and join them to the mean of their logits.

    Returns:
        One classifier over the features of all sets, one after the other.

    Raises:
        SerError: When values, shapes or targets do not fit, or there is only one class.
    """
    sets.check()
    refuse_one_class(sets.targets)
    fits: list[list[LinearClassifier]] = []
    for name in sets.feature_sets:
        fits += method.part_fits(sets.sample(name)).fit([np.arange(0)], settings)
    return mean_of(fits)


def mean_of(fits: Sequence[Sequence[LinearClassifier]]) -> LinearClassifier:
    """Join classifiers to the mean of their logits.

    Args:
        fits: For each feature set, those with different settings, as many for each.

    Returns:
        One classifier over the features of all sets, one after the other.
    """
    n_fits = sum(map(len, fits))
    return LinearClassifier(
        # Standardisation does not depend on the setting.
        np.concatenate([of_set[0].mean for of_set in fits]),
        np.concatenate([of_set[0].scale for of_set in fits]),
        np.concatenate([sum(one.weight for one in of_set) / n_fits for of_set in fits], axis=1),
        np.asarray(sum(one.bias for of_set in fits for one in of_set) / n_fits),
    )
