"""Encoded sound that arrives piece by piece, in a pipe for example, by PyAV."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoders.contract import DecodingError
from ser_pcq.audio.decoders.pyav import Converter, Pipe, frames_of, opened_sound

# FFmpeg otherwise keeps seconds of a stream back, to learn more about it. What it does keep back it
# gives out later, unless `fflags` has `nobuffer`, which loses it.
_PROMPT = {"probesize": "2048", "analyzeduration": "200000"}


class LiveDecoder:
    """The first sound of a stream, decoded as it comes.

    Args:
        read: Takes a number of bytes and waits until there are some; gives as many at most, none
            at the end.
        demuxer: How FFmpeg names the format, `matroska` for example. Nothing else is tried.

    Attributes:
        rate: Hz, of the first frame.

    Raises:
        DecodingError: When nothing can be decoded.
        NoAudioError: When it holds no sound.
    """

    def __init__(self, read: Callable[[int], bytes], demuxer: str) -> None:
        self._frames = frames_of(*opened_sound(Pipe(read), demuxer, _PROMPT))
        failure = DecodingError("nothing of it can be decoded")
        for frame in self._frames:
            if not isinstance(frame, DecodingError):
                self._first: Any = frame
                break
            failure = frame
        else:
            raise failure
        self.rate: int = self._first.sample_rate

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples as they come, once, (time,): the average of the channels.

        What is damaged is left out.

        Raises:
            DecodingError: When the stream ends in something that cannot be decoded.
        """
        convert = Converter()
        failure = None
        for frame in chain([self._first], self._frames, [None]):
            if isinstance(frame, DecodingError):
                failure = frame
                continue
            for part in convert(frame):
                if isinstance(part, DecodingError):
                    failure = part
                else:
                    failure = None
                    yield part.mean(axis=1, dtype=np.float32)
        if failure is not None:
            raise failure
