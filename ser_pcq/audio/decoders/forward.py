"""What decoders of media have in common: they read from front to back, in parts of any size."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoders.contract import BLOCK, UNKNOWN, DecodingError
from ser_pcq.processes import sign_of_life

Part = NDArray[np.float32] | DecodingError
"""Samples, (frame, channel), or what stands in their place where they could not be decoded."""


class ForwardDecoder(ABC):
    """A `Decoder` that cannot move within a file: what comes before a part is decoded too.

    Damage costs the samples that are damaged; what follows them is decoded.
    """

    rate: int
    channels: int
    n_frames: int | None
    is_damaged: bool

    @abstractmethod
    def close(self) -> None:
        """Give back what the decoder holds."""

    @abstractmethod
    def _parts(self) -> Iterator[Part]:
        """Yield everything from the beginning, also when it was called before."""

    def blocks(
        self, first: int = 0, n_frames: int | None = None, *, tolerant: bool = False
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the samples from a frame on, as `Decoder.blocks` does."""
        there = UNKNOWN if self.n_frames is None else max(0, self.n_frames - first)
        left = there if n_frames is None else min(there, n_frames)
        n_read = 0
        damage = None
        waiting: list[NDArray[np.float32]] = []
        for part in self._wanted(first):
            if isinstance(part, DecodingError):
                if not tolerant:
                    raise part
                damage, self.is_damaged = part, True
                continue
            waiting.append(part[:left])
            left -= len(waiting[-1])
            n_read += len(waiting[-1])
            while sum(map(len, waiting)) >= BLOCK:
                joined = np.concatenate(waiting)
                yield joined[:BLOCK]
                waiting = [joined[BLOCK:]]
            if left <= 0:
                break
        if damage and not n_read:
            raise damage
        if sum(map(len, waiting)):
            yield np.concatenate(waiting)

    def _wanted(self, first: int) -> Iterator[Part]:
        """Yield the parts from a frame on; damage that ends before it does not count."""
        for part in self._parts():
            sign_of_life()
            if isinstance(part, DecodingError):
                if first <= 0:
                    yield part
                continue
            if first < len(part):
                yield part[max(0, first) :]
            first -= len(part)
