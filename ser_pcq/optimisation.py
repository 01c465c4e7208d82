"""Optimiser, learning rate schedule and class weights."""

import math
from typing import Any

import torch
from torch import Tensor

from ser_pcq.config import TrainConfig
from ser_pcq.recognizer import Recognizer


def class_weights(targets: Tensor, n_classes: int) -> Tensor:
    """Inverse frequency of each class, 1 on average over the segments; 0 for an absent class.

    Shape:
        targets (segment,) to (class,).
    """
    counts = torch.bincount(targets, minlength=n_classes).float()
    present = counts > 0
    weights = torch.zeros(n_classes)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def new_optimizer(recognizer: Recognizer, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW; a fine-tuned encoder has its own learning rate."""
    groups: list[dict[str, Any]] = [
        {"params": list(recognizer.network.parameters()), "lr": config.learning_rate}
    ]
    if recognizer.encoder is not None and recognizer.config.context.fine_tune:
        groups.append(
            {"params": list(recognizer.encoder.parameters()), "lr": config.encoder_learning_rate}
        )
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay)


def new_schedule(
    optimizer: torch.optim.Optimizer, config: TrainConfig, n_steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Constant, or a tenth of the steps rising and then a cosine to zero."""
    rise = max(1, n_steps // 10)

    def factor(step: int) -> float:
        if config.schedule == "constant":
            return 1.0
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, n_steps - rise)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
