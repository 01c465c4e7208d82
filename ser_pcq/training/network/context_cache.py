"""Frozen encoder output on disk, keyed by content.

The key is a hash of the encoder (configuration, layers, weights) and of the segments' samples, so
that a changed file, frontend or encoder never gets an old entry, and folds, seeds and runs share
entries where they can. Entries are written under a temporary name and moved: an interrupted run
leaves no partial entry.
"""

import hashlib
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ser_pcq.files import whole_file
from ser_pcq.models.encoders.context import ContextEncoder


def default_cache_dir() -> Path:
    """Return the folder for cached features: `$XDG_CACHE_HOME/ser-pcq`, else `~/.cache/ser-pcq`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ser-pcq"


class ContextCache:
    """Encoder output of whole utterances (all their segments).

    Args:
        folder: Where entries are kept; made when needed.
        encoder: A frozen encoder, on the device where it is to run.
    """

    def __init__(self, folder: Path, encoder: ContextEncoder) -> None:
        self.encoder = encoder
        self.folder = folder / encoder.fingerprint()[:16]

    def path(self, waveform: Tensor) -> Path:
        """Return the entry's path for the segments of an utterance, (segment, time)."""
        digest = hashlib.sha256(waveform.contiguous().numpy().tobytes()).hexdigest()[:32]
        return self.folder / digest[:2] / f"{digest}.safetensors"

    @torch.inference_mode()
    def ensure(self, waveform: Tensor) -> Path:
        """Return the path of the context of these segments, which is computed if missing.

        Shape:
            waveform (segment, time).
        """
        path = self.path(waveform)
        if not _is_whole(path):
            device = next(self.encoder.parameters()).device
            context = torch.cat([self.encoder(part.to(device)) for part in waveform.split(16)])
            # Half precision: the released weights have no more, and the disk holds twice as much.
            with whole_file(path) as temporary:
                save_file({"context": context.half().cpu().contiguous()}, temporary)
        return path


def _is_whole(path: Path) -> bool:
    """Return whether an entry exists and is complete."""
    try:
        with safe_open(path, framework="pt") as entry:
            return "context" in entry.keys()  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError):
        return False


def read_context(path: Path, segment: int) -> Tensor:
    """Read the context of one segment.

    Shape:
        (depth, frame, width), float32.
    """
    try:
        with safe_open(path, framework="pt") as entry:
            context: Tensor = entry.get_slice("context")[segment]
            return context.float()
    except SafetensorError as error:
        path.unlink(missing_ok=True)
        raise OSError(f"damaged cache entry removed: {path}; start again") from error
