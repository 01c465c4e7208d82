"""Fit a recognizer: no argument parsing, no printing, no choice made on test speakers.

The loop runs through Hugging Face `accelerate`, so one process, several GPUs, mixed precision and
several machines (`torchrun`, `accelerate launch`) are the same code. Every random number of an
epoch follows from the seed and the epoch's number; an interrupted run that is resumed therefore
ends where an uninterrupted one does.
"""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from ser_pcq.augment import Batch, augment_batch
from ser_pcq.config import TrainConfig
from ser_pcq.dataset import EpochSampler, Item, PreparedUtterance, SegmentDataset
from ser_pcq.errors import SerError
from ser_pcq.files import whole_file
from ser_pcq.metrics import Confusion
from ser_pcq.optimisation import class_weights, new_optimizer, new_schedule
from ser_pcq.recognizer import Recognizer
from ser_pcq.segment import utterance_log_probabilities


@dataclass(frozen=True)
class EpochRecord:
    """One line of `history.csv`; the validation figures are NaN without validation speakers."""

    epoch: int
    train_loss: float
    valid_loss: float
    valid_wa: float
    valid_ua: float
    learning_rate: float
    seconds: float


class Observer(Protocol):
    """What wants to see a training run, such as a progress bar or a log."""

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float) -> None:
        """See one step."""

    def on_epoch(self, record: EpochRecord, is_best: bool) -> None:
        """See the end of an epoch."""


@torch.no_grad()
def score_utterances(
    recognizer: Recognizer, utterances: list[PreparedUtterance], device: torch.device
) -> Tensor:
    """Return log-probabilities of prepared utterances, (utterance, class), on the CPU.

    An utterance is scored by itself, so its score does not depend on its neighbours.
    """
    recognizer.eval()
    rows = []
    for utterance in utterances:
        n = utterance.spectrogram.shape[0]
        pieces = [piece for k in range(n) if (piece := utterance.read_context(k)) is not None]
        context = torch.stack(pieces).to(device) if pieces else None
        waveform = None if utterance.waveform is None else utterance.waveform.to(device)
        logits = recognizer(utterance.spectrogram.to(device), waveform, context)
        rows.append(utterance_log_probabilities(logits.float(), recognizer.temperature).cpu())
    return torch.stack(rows) if rows else torch.zeros(0, len(recognizer.labels))


def _valid_scores(
    recognizer: Recognizer, valid: list[PreparedUtterance], accelerator: Accelerator
) -> tuple[float, float, float]:
    """Return (loss, WA, UA) on the validation speakers; each process scores its share."""
    if not valid:
        return math.nan, math.nan, math.nan
    share = valid[accelerator.process_index :: accelerator.num_processes]
    rows = score_utterances(recognizer, share, accelerator.device)
    pairs = [
        (u.target, int(row.argmax()), float(-row[u.target]))
        for u, row in zip(share, rows, strict=True)
    ]
    if accelerator.num_processes > 1:
        pairs = gather_object(pairs)
    labels = recognizer.labels
    confusion = Confusion.from_labels(
        [labels[r] for r, _, _ in pairs], [labels[p] for _, p, _ in pairs], labels
    )
    loss = sum(item[2] for item in pairs) / len(pairs)
    return loss, confusion.weighted_accuracy, confusion.unweighted_accuracy


class Fit:
    """One training run.

    Args:
        recognizer: The model; its frontend must be fitted already.
        train: Training utterances.
        valid: Utterances of validation speakers; may be empty with `select = "last"`.
        config: The `[train]` section.
        seed: Of shuffling, dropout and augmentation.
        accelerator: Device, precision and processes.
        state_path: Where the state is kept after each epoch, to resume from.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        train: list[PreparedUtterance],
        valid: list[PreparedUtterance],
        config: TrainConfig,
        *,
        seed: int,
        accelerator: Accelerator,
        state_path: Path,
    ) -> None:
        dataset = SegmentDataset(train)
        if len(dataset) < 2:
            raise SerError("too few training segments", given=len(dataset), accepted="2 or more")
        self.recognizer, self.valid, self.config, self.seed = recognizer, valid, config, seed
        self.accelerator, self.state_path = accelerator, state_path
        self.sampler = EpochSampler(len(dataset), seed)
        loader = DataLoader(
            dataset,
            batch_size=min(config.batch_size, len(dataset)),
            sampler=self.sampler,
            # The remainder waits for another epoch's order: a batch of one has no batch statistics.
            drop_last=True,
            num_workers=config.workers,
            persistent_workers=config.workers > 0,
            # Starting to read draws a number; from a generator of its own, so that the number of
            # readers does not change what dropout and masks draw.
            generator=torch.Generator(),
        )
        self.n_steps = len(loader)
        optimizer = new_optimizer(recognizer, config)
        self.schedule = new_schedule(optimizer, config, self.n_steps * config.epochs)
        self.model, self.optimizer, self.loader = accelerator.prepare(recognizer, optimizer, loader)
        n_classes = len(recognizer.labels)
        segment_targets = torch.tensor([train[u].target for u, _ in dataset.index])
        weights = class_weights(segment_targets, n_classes) if config.class_weights else None
        self.weights = None if weights is None else weights.to(accelerator.device)
        self.history: list[EpochRecord] = []
        self.best_epoch = 0
        self.best_state: dict[str, Tensor] = {}

    def _trained_state(self) -> dict[str, Tensor]:
        """The state without a frozen encoder, which never changes."""
        frozen = not self.recognizer.config.context.fine_tune
        return {
            name: value.detach().cpu().clone()
            for name, value in self.recognizer.state_dict().items()
            if not (frozen and name.startswith("encoder."))
        }

    def _loss(self, item: Item) -> Tensor:
        """Cross-entropy of an augmented batch."""
        recognizer = self.recognizer
        target = F.one_hot(item["target"], len(recognizer.labels)).float()
        batch = Batch(item["spectrogram"], item.get("waveform"), item.get("context"), target)
        batch = augment_batch(batch, recognizer.config.augment, recognizer.frontend.middle)
        logits = self.model(batch.spectrogram, batch.waveform, batch.context)
        return F.cross_entropy(
            logits.float(),
            batch.target,
            weight=self.weights,
            label_smoothing=self.config.label_smoothing,
        )

    def _epoch(self, epoch: int, observer: Observer) -> float:
        """Train for one epoch and return the mean loss."""
        self.model.train()
        self.sampler.epoch = epoch
        # Each process masks, mixes and drops in its own way; the first as if it were alone.
        torch.manual_seed(self.seed * 1_000_003 + epoch + 500_009 * self.accelerator.process_index)
        total = 0.0
        for step, item in enumerate(self.loader, start=1):
            loss = self._loss(item)
            if not torch.isfinite(loss):
                raise SerError(
                    "the training loss is not finite",
                    given=f"epoch {epoch}, step {step}",
                    do="lower train.learning_rate",
                )
            self.accelerator.backward(loss)
            if self.config.gradient_clip > 0:
                self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
            self.optimizer.step()
            self.schedule.step()
            self.optimizer.zero_grad()
            total += float(loss.detach())
            observer.on_step(epoch, step, self.n_steps, total / step)
        return total / self.n_steps

    @torch.no_grad()
    def _recompute_statistics(self) -> None:
        """Take the statistics of batch normalisation anew, over the unchanged training segments."""
        norms = [m for m in self.recognizer.network.modules() if isinstance(m, _BatchNorm)]
        self.recognizer.eval()
        for norm in norms:
            norm.reset_running_stats()
            # None: a plain mean over all batches instead of a moving average.
            norm.momentum = None
            norm.train()
        for item in self.loader:
            self.recognizer(item["spectrogram"], item.get("waveform"), item.get("context"))
        for norm in norms:
            norm.momentum = 0.1
            norm.eval()

    def _save(self, epoch: int) -> None:
        """Keep everything that resuming needs."""
        if not self.accelerator.is_main_process:
            return
        with whole_file(self.state_path) as temporary:
            torch.save(
                {
                    "epoch": epoch,
                    "model": self._trained_state(),
                    "optimizer": self.optimizer.state_dict(),
                    "schedule": self.schedule.state_dict(),
                    "history": [asdict(record) for record in self.history],
                    "best_epoch": self.best_epoch,
                    "best_state": self.best_state,
                },
                temporary,
            )

    def _restore(self) -> int:
        """Take up a kept state; return the last finished epoch."""
        try:
            state = torch.load(self.state_path, weights_only=True, map_location="cpu")
            self.recognizer.load_state_dict(state["model"], strict=False)
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.history[:] = [EpochRecord(**record) for record in state["history"]]
            self.best_epoch, self.best_state = state["best_epoch"], state["best_state"]
            return int(state["epoch"])
        except (
            RuntimeError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            EOFError,
            UnpicklingError,
        ) as error:
            raise SerError(
                "the kept state of an interrupted run is damaged",
                given=self.state_path,
                do="delete it and start this fold again",
            ) from error

    def _is_better(self, record: EpochRecord) -> bool:
        """Whether this epoch is to be kept."""
        if self.config.select == "last" or not self.valid or self.best_epoch == 0:
            return True
        best = self.history[self.best_epoch - 1]
        # WA + UA as published; among equals the one with the smaller validation loss.
        now = (round(record.valid_wa + record.valid_ua, 9), -record.valid_loss)
        return now > (round(best.valid_wa + best.valid_ua, 9), -best.valid_loss)

    def run(
        self, observer: Observer, *, resume: bool = False, last_epoch: int | None = None
    ) -> list[EpochRecord]:
        """Train to the end; the recognizer then holds the selected epoch.

        Args:
            observer: Sees steps and epochs.
            resume: Go on from a kept state where there is one.
            last_epoch: Stop after this one, on the schedule of the whole run; None for the end.
        """
        done = self._restore() if resume and self.state_path.exists() else 0
        for epoch in range(done + 1, (last_epoch or self.config.epochs) + 1):
            patience = self.config.patience
            if patience and self.best_epoch and epoch - 1 - self.best_epoch >= patience:
                break
            started = time.monotonic()
            train_loss = self._epoch(epoch, observer)
            if self.config.batch_statistics == "recomputed":
                self._recompute_statistics()
            loss, wa, ua = _valid_scores(self.recognizer, self.valid, self.accelerator)
            rate = float(self.schedule.get_last_lr()[0])
            record = EpochRecord(epoch, train_loss, loss, wa, ua, rate, time.monotonic() - started)
            is_best = self._is_better(record)
            self.history.append(record)
            if is_best:
                self.best_epoch, self.best_state = epoch, self._trained_state()
            self._save(epoch)
            observer.on_epoch(record, is_best)
        self.recognizer.load_state_dict(self.best_state, strict=False)
        return self.history
