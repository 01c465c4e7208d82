"""Devices: the names that commands accept, checked before anything is loaded."""

from typing import TYPE_CHECKING

import torch

from ser_pcq.config import TrainConfig
from ser_pcq.errors import SerError

if TYPE_CHECKING:
    from accelerate import Accelerator

DEVICES = ("auto", "cpu", "cuda")


def resolve_device(name: str) -> str:
    """Return `cpu` or `cuda` for a device name; `auto` is CUDA where there is one.

    Raises:
        SerError: When the name is unknown, or no CUDA device is visible.
    """
    if name not in DEVICES:
        raise SerError("unknown device", given=name, accepted=", ".join(DEVICES))
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise SerError("no CUDA device is visible", given=name, do="use --device cpu")
    return name


def new_accelerator(device: str, config: TrainConfig) -> "Accelerator":
    """Build the accelerator for a device name.

    Raises:
        SerError: When the device is unknown or absent, cannot compute in that precision, or the
            batch cannot be shared.
    """
    # Imported here: predicting needs no accelerator.
    from accelerate import Accelerator, DataLoaderConfiguration

    device = resolve_device(device)
    if device == "cpu" and config.mixed_precision != "no":
        # On CPUs, torch 2.13 returns garbage for the gradients of dilated convolutions in bf16.
        raise SerError(
            "mixed precision needs a GPU",
            given=f'train.mixed_precision = "{config.mixed_precision}" on the CPU',
            do="--set train.mixed_precision=no",
        )
    # The batch size of the configuration is that of a step, over all processes.
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision=config.mixed_precision,
        dataloader_config=DataLoaderConfiguration(split_batches=True),
    )
    n_shares = accelerator.num_processes * config.accumulate
    if config.batch_size % n_shares:
        parts = f" in {config.accumulate} parts each" if config.accumulate > 1 else ""
        raise SerError(
            "train.batch_size cannot be shared evenly",
            given=f"{config.batch_size} over {accelerator.num_processes} processes{parts}",
            accepted=f"a multiple of {n_shares}",
        )
    return accelerator
