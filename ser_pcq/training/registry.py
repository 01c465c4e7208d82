"""The trainer of each kind of model; only the one that is used is imported, with its libraries."""

from collections.abc import Callable
from typing import Protocol

from ser_pcq.config import ModelConfig
from ser_pcq.protocols.rules import Fold
from ser_pcq.training.contract import Observer, OnProgress, Trained
from ser_pcq.training.experiment import Experiment


class Trainer(Protocol):
    """Trains one kind of model on one fold."""

    def __call__(
        self,
        experiment: Experiment,
        fold: Fold,
        observer: Observer,
        *,
        resume: bool,
        on_prepare: OnProgress,
    ) -> Trained | None:
        """Train, and return what is needed to score the test utterances.

        Args:
            experiment: The experiment.
            fold: One of its folds.
            observer: Watches steps and epochs, where there are any.
            resume: Continue from the state that an interrupted run left.
            on_prepare: Called while utterances are read and encoded.

        Returns:
            None in the helper processes of a distributed run.
        """


def _network() -> Trainer:
    from ser_pcq.training.network.train import train_network

    return train_network


def _linear() -> Trainer:
    from ser_pcq.training.linear.train import train_linear

    return train_linear


TRAINERS: dict[str, Callable[[], Trainer]] = {"network": _network, "linear": _linear}
"""Kind of model to a function that imports its trainer."""


def trainer_of(model: ModelConfig) -> Trainer:
    """Return the trainer of a model."""
    return TRAINERS["network" if model.is_network else "linear"]()
