"""Encoded sound that arrives piece by piece, in a pipe for example, by PyAV."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoders.contract import DecodingError, NoAudioError

# FFmpeg otherwise keeps seconds of a stream back, to learn more about it. What it does keep back it
# gives out later, unless `fflags` has `nobuffer`, which loses it.
_PROMPT = {"probesize": "2048", "analyzeduration": "0"}


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
        import av

        try:
            container = av.open(
                _Pipe(read), format=demuxer, options=dict(_PROMPT), metadata_errors="replace"
            )
            if not container.streams.audio:
                raise NoAudioError("there is no sound in it")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise DecodingError("the encoding of its sound is unknown")
            stream.codec_context.thread_count = 1
            self._frames = self._decoded(container, stream)
            self._first = next(self._frames)
        except StopIteration:
            raise DecodingError("nothing of it can be decoded") from None
        except (av.FFmpegError, ValueError) as error:
            raise _reworded(error) from error
        self.rate: int = self._first.sample_rate

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples as they come, once, (time,): the average of the channels.

        Raises:
            DecodingError: When the stream breaks.
        """
        import av

        as_first = _AsFirst(self._first)
        try:
            yield from as_first(self._first)
            for frame in self._frames:
                yield from as_first(frame)
            yield from as_first(None)
        except (av.FFmpegError, ValueError) as error:
            raise _reworded(error) from error

    @staticmethod
    def _decoded(container: Any, stream: Any) -> Iterator[Any]:
        """Yield frames; a packet that cannot be decoded is left out."""
        import av

        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.EOFError:
                return
            except (av.FFmpegError, ValueError):
                continue
            yield from (frame for frame in frames if frame.samples)


class _Pipe:
    """What can only be read: PyAV takes anything with `seek` for a file."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read


class _AsFirst:
    """Frames to samples at the rate of the first frame, even where the stream changes it."""

    def __init__(self, first: Any) -> None:
        self._rate = first.sample_rate
        self._kind: object = None
        self._resampler: Any = None

    def __call__(self, frame: Any | None) -> Iterator[NDArray[np.float32]]:
        """Yield the samples of a frame, (time,); None ends the stream."""
        import av

        kind = frame and (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            if self._resampler is not None:
                yield from map(_mono, self._resampler.resample(None))
            self._kind = kind
            self._resampler = frame and av.AudioResampler("fltp", frame.layout, self._rate)
        if frame is not None:
            yield from map(_mono, self._resampler.resample(frame))


def _mono(frame: Any) -> NDArray[np.float32]:
    """Return the average of the channels of a frame, (time,)."""
    mono: NDArray[np.float32] = frame.to_ndarray().mean(axis=0, dtype=np.float32)
    return mono


def _reworded(error: Exception) -> DecodingError:
    """Return an error of PyAV as one of ours."""
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DecodingError(" ".join(why.split()).rstrip("."))
