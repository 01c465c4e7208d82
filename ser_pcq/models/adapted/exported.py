"""An adapted model as one module of PyTorch, to be written as a graph."""

from dataclasses import replace
from pathlib import Path

import torch

from ser_pcq.models.adapted.info import damaged_adapted, read_adapted
from ser_pcq.models.adapted.package import read_base, read_head
from ser_pcq.models.checkpoint import Checkpoint, load_checkpoint
from ser_pcq.models.info import CalibrationInfo
from ser_pcq.models.linear.recognizer import LinearRecognizer


def adapted_checkpoint(folder: Path, *, device: str = "cpu") -> Checkpoint:
    """Load a package: its base, with the head in the place of the last layer.

    Args:
        folder: The package.
        device: `cpu` or `cuda`.

    Raises:
        CheckpointError: When it or its base is missing or damaged.
    """
    info, head = read_adapted(folder), read_head(folder)
    model, _ = read_base(folder, info)
    base = load_checkpoint(model, device=device)
    recognizer = base.recognizer
    assert isinstance(recognizer, LinearRecognizer)  # nothing else can be adapted
    if head.weight.shape != (len(info.labels), recognizer.width):
        raise damaged_adapted(folder, ValueError("the head does not fit its base"))
    layer = torch.nn.Linear(recognizer.width, len(info.labels)).requires_grad_(False)
    layer.weight.copy_(torch.from_numpy(head.weight))
    layer.bias.copy_(torch.from_numpy(head.bias + head.temperature * head.log_prior))
    recognizer.classify = layer.to(recognizer.classify.weight.device)
    recognizer.labels = info.labels
    recognizer.temperature = head.temperature
    about = replace(
        base.info,
        name=info.name,
        labels=info.labels,
        licence=info.licence,
        calibration=CalibrationInfo(head.temperature, 0),
        voice=None,
    )
    return replace(base, info=about)
