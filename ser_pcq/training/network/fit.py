"""Fit a recognizer: no argument parsing, no printing, nothing chosen on test speakers.

The loop runs through Hugging Face `accelerate`, so one process, several GPUs, mixed precision and
several machines (`torchrun`, `accelerate launch`) are the same code. Every random number of an
epoch follows from the seed and the epoch's number; an interrupted run that is resumed therefore
ends where an uninterrupted one does.
"""

import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ser_pcq.config import TrainConfig
from ser_pcq.errors import SerError
from ser_pcq.files import whole_file
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.training.contract import EpochRecord, Observer
from ser_pcq.training.network.augment import Batch, augment_batch
from ser_pcq.training.network.batch_norm import recompute_statistics, share_statistics
from ser_pcq.training.network.dataset import EpochSampler, Item, PreparedUtterance, SegmentDataset
from ser_pcq.training.network.optimiser import (
    batch_parts,
    class_weights,
    freeze_features,
    new_optimizer,
    new_schedule,
)
from ser_pcq.training.network.validation import valid_scores


def _check_finite(what: str, value: Tensor, place: str) -> None:
    """Refuse a loss or a gradient that is NaN or infinite: it would spoil all weights."""
    if not torch.isfinite(value):
        raise SerError(
            f"the training {what} is not finite",
            given=place,
            do="lower train.learning_rate and train.encoder_learning_rate; with "
            'train.mixed_precision = "fp16" try "bf16", then "no"',
        )


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
        batch_size = min(config.batch_size, len(dataset))
        loader = DataLoader(
            dataset,
            batch_size=batch_size - batch_size % accelerator.num_processes,
            sampler=self.sampler,
            # The remainder waits for another epoch's order: a batch of one has no batch statistics.
            drop_last=True,
            num_workers=config.workers,
            persistent_workers=config.workers > 0,
            # The loader draws a number when it starts. It has a separate generator, so that the
            # number of readers does not change what dropout and masks draw.
            generator=torch.Generator(),
        )
        self.n_steps = len(loader)
        if config.freeze_features and recognizer.encoder is not None:
            freeze_features(recognizer.encoder)
        optimizer = new_optimizer(recognizer, config)
        self.schedule = new_schedule(optimizer, config, self.n_steps * config.epochs)
        self.model, self.optimizer, self.loader = accelerator.prepare(recognizer, optimizer, loader)
        n_classes = len(recognizer.labels)
        segment_targets = torch.tensor([train[u].target for u, _ in dataset.index])
        weights = class_weights(segment_targets, n_classes) if config.class_weights else None
        self.weights = None if weights is None else weights.to(accelerator.device)
        self.balanced = any(utterance.weight != 1.0 for utterance in train)
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

    def _batch(self, item: Item) -> Batch:
        """Return what the loader gave as a batch with targets."""
        target = F.one_hot(item["target"], len(self.recognizer.labels)).float()
        weight = item["weight"] if self.balanced else None
        return Batch(item["spectrogram"], item.get("waveform"), item.get("context"), target, weight)

    def _loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of a batch, or of a part of one."""
        logits = self.model(batch.spectrogram, batch.waveform, batch.context).float()
        smoothing, each = self.config.label_smoothing, batch.weight is not None
        loss = F.cross_entropy(
            logits,
            batch.target,
            weight=self.weights,
            label_smoothing=smoothing,
            reduction="none" if each else "mean",
        )
        # Weights are 1 on average over the training side, not over the batch: a batch of
        # utterances that count little makes a small step.
        return loss if batch.weight is None else (loss * batch.weight).mean()

    def _backward(self, batch: Batch, place: str) -> float:
        """Take the gradients of a batch, part by part, and return its loss."""
        parts, total = batch_parts(batch, self.config.accumulate), 0.0
        for part in parts:
            # The processes exchange their gradients once, with the last part.
            waits = part is not parts[-1]
            with self.accelerator.no_sync(self.model) if waits else nullcontext():
                loss = self._loss(part) * (part.target.shape[0] / batch.target.shape[0])
                _check_finite("loss", loss, place)
                self.accelerator.backward(loss)
            total += float(loss.detach())
        return total

    def _epoch(self, epoch: int, observer: Observer) -> float:
        """Train for one epoch and return the mean loss."""
        self.model.train()
        self.sampler.epoch = epoch
        # Each process masks, mixes and drops in its own way; the first as if it were alone.
        torch.manual_seed(self.seed * 1_000_003 + epoch + 500_009 * self.accelerator.process_index)
        augment, middle = self.recognizer.config.augment, self.recognizer.frontend.middle
        total = 0.0
        for step, item in enumerate(self.loader, start=1):
            batch = augment_batch(self._batch(item), augment, middle)
            place = f"epoch {epoch}, step {step}"
            total += self._backward(batch, place)
            if (limit := self.config.gradient_clip) > 0:
                norm = self.accelerator.clip_grad_norm_(self.model.parameters(), limit)
                # With fp16 the scaler leaves such a step out, and scales less from then on.
                if norm is not None and self.accelerator.scaler is None:
                    _check_finite("gradient", norm, place)
            self.optimizer.step()
            # Where fp16 had to leave a step out, the schedule waits.
            if not self.optimizer.step_was_skipped:
                self.schedule.step()
            self.optimizer.zero_grad()
            observer.on_step(epoch, step, self.n_steps, total / step)
        return total / self.n_steps

    def _settle_statistics(self) -> None:
        """Set the statistics of batch normalisation that validation and checkpoint use."""
        if self.config.batch_statistics == "recomputed":
            batches = (self._batch(item) for item in self.loader)
            parts = (p for b in batches for p in batch_parts(b, self.config.accumulate))
            recompute_statistics(self.recognizer, parts)
        share_statistics(self.recognizer, self.accelerator)

    def _save(self, epoch: int) -> None:
        """Keep everything that resuming needs."""
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        with whole_file(self.state_path) as temporary:
            torch.save(
                {
                    "epoch": epoch,
                    "model": self._trained_state(),
                    "optimizer": self.optimizer.state_dict(),
                    "schedule": self.schedule.state_dict(),
                    "scaler": None if scaler is None else scaler.state_dict(),
                    "history": [asdict(record) for record in self.history],
                    "best_epoch": self.best_epoch,
                    "best_state": self.best_state,
                },
                temporary,
            )

    def _restore(self) -> int:
        """Load a kept state; return its last finished epoch."""
        try:
            state = torch.load(self.state_path, weights_only=True, map_location="cpu")
            self.recognizer.load_state_dict(state["model"], strict=False)
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(state["scaler"])
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
        """Return whether this epoch is to be kept."""
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
            observer: Is called after each step and epoch.
            resume: Continue from a kept state where there is one.
            last_epoch: Stop after this one, on the schedule of the whole run; None for the end.
        """
        done = self._restore() if resume and self.state_path.exists() else 0
        for epoch in range(done + 1, (last_epoch or self.config.epochs) + 1):
            patience = self.config.patience
            if patience and self.best_epoch and epoch - 1 - self.best_epoch >= patience:
                break
            started = time.monotonic()
            train_loss = self._epoch(epoch, observer)
            self._settle_statistics()
            loss, wa, ua = valid_scores(self.recognizer, self.valid, self.accelerator)
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
