"""The trainer of each kind of model; only the one that is used is imported, with its libraries."""

from collections.abc import Callable

from ser_pcq.config import ModelConfig
from ser_pcq.training.contract import Trainer


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
