"""Where computing happens: the names that commands accept, checked before anything is loaded."""

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
        SerError: When the device is unknown or absent, or the batch cannot be shared.
    """
    # Imported here: predicting needs no accelerator.
    from accelerate import Accelerator, DataLoaderConfiguration

    device = resolve_device(device)
    # The batch size of the configuration is that of a step, over all processes.
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision=config.mixed_precision,
        dataloader_config=DataLoaderConfiguration(split_batches=True),
    )
    if config.batch_size % accelerator.num_processes:
        raise SerError(
            "train.batch_size cannot be shared evenly",
            given=f"{config.batch_size} over {accelerator.num_processes} processes",
            accepted="a multiple of the number of processes",
        )
    return accelerator
