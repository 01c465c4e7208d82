"""Observers of training."""


class Silent:
    """An observer that only counts."""

    def __init__(self, stop_after: int = 0):
        self.records, self.steps, self.stop_after = [], 0, stop_after

    def on_step(self, epoch, step, n_steps, loss):
        self.steps += 1

    def on_epoch(self, record, is_best):
        self.records.append(record)
        if len(self.records) == self.stop_after:
            raise KeyboardInterrupt
