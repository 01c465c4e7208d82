"""What an open audio file offers, whichever library decodes it."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 16
"""Frames decoded at once."""

UNKNOWN = 1 << 40
"""Frames; a length from here on means that the header does not know it."""


class DecodingError(Exception):
    """A decoder gave up, or never began; the message says why, as a phrase."""


class NoAudioError(DecodingError):
    """A file that can be decoded, but has no sound in it."""


class Decoder(Protocol):
    """An open audio file.

    Attributes:
        rate: Hz.
        channels: How many.
        n_frames: Length as the header states it, with a cut-off file mostly as it is; None where
            it is not known before the end.
        is_damaged: Whether something could not be decoded; known when `blocks` has ended.
    """

    rate: int
    channels: int
    n_frames: int | None
    is_damaged: bool

    def blocks(
        self, first: int = 0, n_frames: int | None = None, *, tolerant: bool = False
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the samples in parts of up to `BLOCK` frames, (frame, channel), 1.0 full scale.

        Args:
            first: The frame to begin with.
            n_frames: How many at most; to the end when None.
            tolerant: Yield what can be decoded where something cannot, instead of raising.

        Raises:
            DecodingError: When something cannot be decoded; tolerant, when nothing can.
        """

    def close(self) -> None:
        """Give back what the decoder holds."""
