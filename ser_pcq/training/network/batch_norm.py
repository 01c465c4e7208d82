"""The statistics that batch normalisation uses outside training, recomputed or shared."""

from collections.abc import Iterable

import torch
from accelerate import Accelerator
from torch.nn.modules.batchnorm import _BatchNorm

from ser_pcq.models.recognizer import Recognizer
from ser_pcq.training.network.augment import Batch


def _norms(recognizer: Recognizer) -> list[_BatchNorm]:
    """Return the batch normalisations of the network."""
    return [m for m in recognizer.network.modules() if isinstance(m, _BatchNorm)]


@torch.no_grad()
def recompute_statistics(recognizer: Recognizer, batches: Iterable[Batch]) -> None:
    """Replace the statistics of batch normalisation by plain means over batches.

    The recognizer is in evaluation mode afterwards.

    Args:
        recognizer: The model.
        batches: Unchanged training segments, in batches of the size that training sees.
    """
    norms = _norms(recognizer)
    recognizer.eval()
    for norm in norms:
        norm.reset_running_stats()
        # None: a plain mean over all batches instead of a moving average.
        norm.momentum = None
        norm.train()
    for batch in batches:
        recognizer(batch.spectrogram, batch.waveform, batch.context)
    for norm in norms:
        norm.momentum = 0.1
        norm.eval()


@torch.no_grad()
def share_statistics(recognizer: Recognizer, accelerator: Accelerator) -> None:
    """Give every process the mean of the statistics of all.

    Each process has seen as many batches of the same size as any other, so the mean over processes
    is the mean over all batches. Without it each process would judge validation speakers with the
    statistics of its share only, and the checkpoint would hold those of the first process.

    Args:
        recognizer: The model, one copy in each process.
        accelerator: The processes.
    """
    if accelerator.num_processes == 1:
        return
    for norm in _norms(recognizer):
        for values in (norm.running_mean, norm.running_var):
            if values is not None:
                values.copy_(accelerator.reduce(values, reduction="mean"))
