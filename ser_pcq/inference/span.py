"""A part of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoders.contract import Decoder
from ser_pcq.audio.waveform import frame_range


@dataclass(frozen=True)
class Span:
    """A part of a file.

    Attributes:
        start: Where it begins, s; None for the beginning.
        end: Where it ends, s; None for the end.
    """

    start: float | None = None
    end: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return self.start is None and self.end is None

    def blocks(self, file: Decoder, path: Path) -> Iterator[NDArray[np.float32]]:
        """Yield the samples of the part, (time, channel) each, as far as they can be decoded.

        Raises:
            AudioError: `bad_range` when it does not lie in the file.
        """
        if self.is_whole:
            return file.blocks(tolerant=True)
        return file.blocks(*frame_range(file, path, self.start, self.end), tolerant=True)


WHOLE = Span()
"""All of a file."""
