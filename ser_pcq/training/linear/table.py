"""The utterances of the data as arrays, and which rows each side of a fold has."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.config import ProtocolConfig
from ser_pcq.data.utterance import Utterance
from ser_pcq.protocols.rules import PROTOCOLS, Fold, group_of
from ser_pcq.training.balance import balanced_weights
from ser_pcq.training.copies.make import n_copies
from ser_pcq.training.experiment import Experiment
from ser_pcq.training.linear.features import FeatureSets, adapted
from ser_pcq.training.linear.lazy_sets import LazySets
from ser_pcq.training.linear.sample import SampleSets


class Table:
    """All utterances of the data as arrays, each with its copies.

    Args:
        experiment: The experiment.
        fold: Its sides are what can be taken.
        features: Name to (utterance times copy, feature), the unchanged one before its copies.
    """

    def __init__(self, experiment: Experiment, fold: Fold, features: FeatureSets) -> None:
        utterances = experiment.data.utterances
        labels, config = experiment.data.labels, experiment.config.protocol
        self._n_each = n_copies(experiment.config.augment)
        if config.adapt == "speaker":
            # Copies of one kind are what an adapted speaker would have sounded like.
            kinds = [f"{u.speaker} {k}" for u in utterances for k in range(self._n_each)]
            features = adapted(features, np.array(kinds))
        self._features, self._balance = features, config.balance
        self._utterances, self._n_classes = utterances, len(labels)
        self._targets = np.array([labels.index(u.emotion) for u in utterances])
        self._groups = np.array(_groups(utterances, config))
        place = {u.utterance_id: i for i, u in enumerate(utterances)}
        self._places = {
            side: np.array([place[i] for i in ids], dtype=int) for side, ids in fold.sides.items()
        }

    def take(self, *sides: str, copies: bool = False) -> SampleSets:
        """Return sides of the fold, one after the other, with or without copies."""
        places = np.concatenate([self._places[side] for side in sides])
        n_each = self._n_each if copies else 1
        rows = (places[:, None] * self._n_each + np.arange(n_each)).ravel()
        utterances = np.repeat(places, n_each)
        return SampleSets(
            LazySets(self._features, lambda name: self._features[name][rows]),
            self._targets[utterances],
            self._groups[utterances],
            self._n_classes,
            self._weights(utterances),
        )

    def voices(self, side: str, *, copies: bool = False) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return who speaks in each utterance that `take` gives of a side, and which are unchanged.

        Shape:
            Names that no two people share, (utterance,), and whether it is no copy, (utterance,).
        """
        n_each = self._n_each if copies else 1
        names = [group_of(self._utterances[i], "speaker") for i in self._places[side]]
        return np.repeat(np.array(names), n_each), np.arange(len(names) * n_each) % n_each == 0

    def _weights(self, places: NDArray[Any]) -> NDArray[Any] | None:
        """Return how much each of these utterances counts, (utterance,)."""
        if self._balance == "none":
            return None
        return balanced_weights([self._utterances[i] for i in places])


def _groups(utterances: Sequence[Utterance], config: ProtocolConfig) -> list[str]:
    """Return what is held out together with each utterance."""
    if config.inner == "corpus":
        return [group_of(u, "corpus") for u in utterances]
    validated = PROTOCOLS[config.name].validated
    if validated == "part":
        # As the protocol does with the test fold: utterances are drawn, here into ten parts.
        drawn = [hashlib.sha256(u.utterance_id.encode()).digest()[0] for u in utterances]
        return [str(byte % 10) for byte in drawn]
    return [group_of(u, validated) for u in utterances]
