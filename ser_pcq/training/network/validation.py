"""Score prepared utterances: the validation speakers after each epoch, the test fold at the end."""

import math

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from ser_pcq.evaluation.metrics import Confusion
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.models.segments import utterance_log_probabilities
from ser_pcq.training.network.dataset import PreparedUtterance


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


def valid_scores(
    recognizer: Recognizer, valid: list[PreparedUtterance], accelerator: Accelerator
) -> tuple[float, float, float]:
    """Score the validation speakers after an epoch; each process scores its share.

    Args:
        recognizer: The model, the same in each process.
        valid: Their utterances; may be empty.
        accelerator: The processes.

    Returns:
        Loss (mean negative log-likelihood in nats), WA and UA, ratios from 0 to 1; NaN without any
        utterance.
    """
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
