"""Where computing happens: the names that commands accept, checked before anything is loaded."""

import torch

from ser_pcq.errors import SerError

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
