"""Optimiser, learning rate schedule, class weights, and splitting a batch into parts."""

import math
import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ser_pcq.config import TrainConfig
from ser_pcq.models.encoders.context import ContextEncoder, WhisperContext
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.training.network.augment import Batch

Named: TypeAlias = Iterable[tuple[str, nn.Parameter]]

# Blocks are counted from 0 in the names of parameters. `conv_layers` are not blocks.
_BLOCK = re.compile(r"(?:^|\.)(?:layers|blocks)\.(\d+)\.")


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


def batch_parts(batch: Batch, n_parts: int) -> list[Batch]:
    """Cut a batch into parts of about the same size, of two segments or more each.

    Args:
        batch: The batch.
        n_parts: How many parts; a batch of fewer than twice as many segments gives fewer.
    """
    n_parts = max(1, min(n_parts, batch.target.shape[0] // 2))
    if n_parts == 1:
        return [batch]

    def cut(x: Tensor | None) -> Iterable[Tensor | None]:
        return [None] * n_parts if x is None else x.tensor_split(n_parts)

    fields = (batch.spectrogram, batch.waveform, batch.context, batch.target, batch.weight)
    return [Batch(*part) for part in zip(*map(cut, fields), strict=True)]


def freeze_features(encoder: ContextEncoder) -> None:
    """Take the convolutions at the input of an encoder out of training.

    Usual when encoders of the wav2vec 2.0 family are fine-tuned (Baevski et al. 2020, section 4.3).
    """
    if isinstance(encoder, WhisperContext):
        encoder.conv1.requires_grad_(False)
        encoder.conv2.requires_grad_(False)
        return
    model: Any = encoder.get_submodule("model")
    # Not `requires_grad_` alone: the library would still ask for the gradient of the waveform,
    # and keep every map of the convolutions for it.
    model.feature_extractor._freeze_parameters()


def block_depths(encoder: ContextEncoder) -> dict[str, int]:
    """Return for each parameter of an encoder the number of its block, from 1.

    0 is everything before the first block: convolutions, projection, positions. A norm after the
    last block counts as part of it.
    """
    depths = {}
    for name, _ in encoder.named_parameters():
        found = _BLOCK.search(name)
        depths[name] = int(found[1]) + 1 if found else 0
    top = max(depths.values(), default=0)
    # Whisper's; and that of the models that normalise before each block, not behind it.
    behind = ["norm."]
    if encoder.hub_config.get("do_stable_layer_norm"):
        behind.append("model.encoder.layer_norm.")
    return {n: top if n.startswith(tuple(behind)) else depth for n, depth in depths.items()}


def _groups(parameters: Named, rate: float, config: TrainConfig) -> list[dict[str, Any]]:
    """Return the group of one learning rate, or two where biases are spared the decay."""
    listed = [parameter for _, parameter in parameters]
    if config.decay_biases:
        return [{"params": listed, "lr": rate}]
    matrices = [p for p in listed if p.dim() > 1]
    vectors = [p for p in listed if p.dim() <= 1]
    groups = [
        {"params": matrices, "lr": rate},
        {"params": vectors, "lr": rate, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def new_optimizer(recognizer: Recognizer, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW; a fine-tuned encoder has its own learning rate, lower in lower blocks.

    Block k of n has `encoder_learning_rate` times `layer_decay` to the power of n - k
    (discriminative fine-tuning: Howard and Ruder 2018, section 3.2).
    """
    groups = _groups(recognizer.network.named_parameters(), config.learning_rate, config)
    encoder = recognizer.encoder
    if encoder is not None and recognizer.config.context.fine_tune:
        depths = block_depths(encoder)
        top = max(depths.values(), default=0)
        by_rate: dict[float, list[tuple[str, nn.Parameter]]] = {}
        for name, parameter in encoder.named_parameters():
            rate = config.encoder_learning_rate * config.layer_decay ** (top - depths[name])
            by_rate.setdefault(rate, []).append((name, parameter))
        for rate, parameters in by_rate.items():
            groups += _groups(parameters, rate, config)
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
