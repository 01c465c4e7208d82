"""What a trainer reports while it works, and what it returns, whichever model it trains."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ser_pcq.models.checkpoint import AnyRecognizer
from ser_pcq.models.info import CalibrationInfo, TrainingInfo, VoiceInfo
from ser_pcq.models.linear.classifier import LinearClassifier
from ser_pcq.protocols.provenance import Provenance


@dataclass(frozen=True)
class EpochRecord:
    """One line of `history.csv`; the validation figures are NaN without validation speakers.

    Attributes:
        epoch: From 1.
        train_loss: Mean loss over the steps, nats.
        valid_loss: Mean negative log-likelihood of the validation utterances, nats.
        valid_wa: Their weighted accuracy, 0 to 1.
        valid_ua: Their unweighted accuracy, 0 to 1.
        learning_rate: Of the network, after the last step.
        seconds: What the epoch took, validation included.
    """

    epoch: int
    train_loss: float
    valid_loss: float
    valid_wa: float
    valid_ua: float
    learning_rate: float
    seconds: float


class Observer(Protocol):
    """What watches a training run, such as a progress bar or a log."""

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float) -> None:
        """A step is done; epochs and steps count from 1, `loss` is the epoch's mean so far."""

    def on_epoch(self, record: EpochRecord, is_best: bool) -> None:
        """An epoch is done; `is_best` says whether it is the best one so far."""


class OnProgress(Protocol):
    """A callback for work of a known length, such as reading and encoding utterances."""

    def __call__(self, done: int, total: int, /) -> None:
        """So many of all are done."""


def ignore_progress(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Trained:
    """What training a fold leaves.

    Attributes:
        recognizer: The model, its temperature included.
        score_test: Returns log-probabilities of the test utterances, (utterance, class), in the
            fold's order; it is called when the guard has agreed.
        training: What the checkpoint says of the training.
        calibration: What the checkpoint says of the temperature.
        provenance: What was fitted or chosen on which utterances.
        voice: What the checkpoint says for adapting the model to a voice; None for networks.
        by_voice: What takes its place there; see `ser_pcq.models.linear.own_voice.adapt`.
    """

    recognizer: AnyRecognizer
    score_test: Callable[[], Tensor]
    training: TrainingInfo
    calibration: CalibrationInfo
    provenance: Provenance
    voice: VoiceInfo | None = None
    by_voice: LinearClassifier | None = None
