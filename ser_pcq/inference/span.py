"""A part of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoders.contract import Decoder
from ser_pcq.audio.waveform import frame_range
from ser_pcq.errors import Reason

_SLACK = 0.5
"""s that a part may reach beyond its file: times are rounded, as `ser-data validate` allows."""


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

    def faults(self, duration: float) -> list[Reason]:
        """Return what is wrong where only `duration`, in s, was there."""
        if self.end is None or duration > self.end - (self.start or 0.0) - _SLACK:
            return []
        end = (self.start or 0.0) + duration
        return [
            Reason("beyond_end", f"it should end at {self.end:g} s, the file ends at {end:g} s")
        ]


WHOLE = Span()
"""All of a file."""
