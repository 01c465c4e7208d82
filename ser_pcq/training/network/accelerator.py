"""The accelerator that networks are trained with: device, precision and processes."""

from typing import TYPE_CHECKING

from ser_pcq.config import TrainConfig
from ser_pcq.errors import SerError
from ser_pcq.models.device import resolve_device

if TYPE_CHECKING:
    from accelerate import Accelerator


def new_accelerator(device: str, config: TrainConfig) -> "Accelerator":
    """Build the accelerator for a device name.

    Raises:
        SerError: When the device is unknown or absent, cannot compute in that precision, or the
            batch cannot be shared.
    """
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
