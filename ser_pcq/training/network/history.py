"""The record of a training run: `history.csv` and TensorBoard events."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, astuple, fields, replace
from pathlib import Path

from ser_pcq.files import whole_file
from ser_pcq.training.contract import EpochRecord, Observer


class HistoryLog:
    """Writes `history.csv` and TensorBoard events, and passes everything on to an observer.

    Args:
        folder: The fold's folder.
        observer: Is called as well.
        history: The records of the run, which grow with every epoch.
    """

    def __init__(self, folder: Path, observer: Observer, history: Sequence[EpochRecord]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.path, self.observer, self.history = folder / "history.csv", observer, history
        self.writer = SummaryWriter(str(folder / "tensorboard"))

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float) -> None:
        """Pass a step on."""
        self.observer.on_step(epoch, step, n_steps, loss)

    def on_epoch(self, record: EpochRecord, is_best: bool) -> None:
        """Log an epoch."""
        for name, value in asdict(record).items():
            if name != "epoch" and value == value:
                self.writer.add_scalar(name, value, record.epoch)
        self.writer.flush()
        self._write_history()
        self.observer.on_epoch(record, is_best)

    def _write_history(self) -> None:
        """Write all epochs so far, those before an interruption included."""
        with whole_file(self.path) as temporary, temporary.open("w", newline="") as stream:
            rows = csv.writer(stream, lineterminator="\n")
            rows.writerow(field.name for field in fields(EpochRecord))
            rows.writerows(astuple(record) for record in self.history)


class LaterEpochs:
    """Passes a second training on to an observer, as epochs that follow those of the first."""

    def __init__(self, observer: Observer, offset: int) -> None:
        self.observer, self.offset = observer, offset

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float) -> None:
        """Pass a step on."""
        self.observer.on_step(epoch + self.offset, step, n_steps, loss)

    def on_epoch(self, record: EpochRecord, is_best: bool) -> None:
        """Pass an epoch on."""
        later = replace(record, epoch=record.epoch + self.offset)
        self.observer.on_epoch(later, is_best)
