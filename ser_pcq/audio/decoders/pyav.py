"""Media by PyAV, the extra `media`: FFmpeg's libraries within this process."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoders.contract import DecodingError, NoAudioError
from ser_pcq.audio.decoders.forward import ForwardDecoder, Part

_SEARCHED = 1000  # packets that may be damaged before the first sound
_PADDING = 4  # packets by which the last one, and what encoders put first, exceed a recording

_PLANES = 8  # channels; of a frame that has more of them, PyAV reads beyond the last one
_LACKING = 0.25  # s by which a header may promise too much: clocks of recorders are not exact


def is_installed() -> bool:
    """Whether PyAV is there; it is not imported."""
    return importlib.util.find_spec("av") is not None


class PyavDecoder(ForwardDecoder):
    """The first sound of a media file, decoded by PyAV.

    Args:
        source: A path; or a binary object, which the caller closes. One that is not `seekable` is
            decoded once.
        demuxer: How FFmpeg names the format, `mov` for example. Nothing else is tried, so that no
            content makes FFmpeg open another file.

    Raises:
        DecodingError: When it is damaged from the beginning.
        NoAudioError: When it holds no sound.
    """

    def __init__(self, source: Path | BinaryIO, demuxer: str) -> None:
        self._source, self._demuxer = source, demuxer
        self._opened = ExitStack()
        self._promised: float | None = None
        self.is_damaged = False
        try:
            stream, frames = self._begun()
            self._ahead: list[Any] = []
            for frame in islice(frames, _SEARCHED):
                self._ahead.append(frame)
                if not isinstance(frame, DecodingError):
                    break
            else:
                raise next(iter(self._ahead), NoAudioError("its sound is empty"))
            # Not from the header, which need not know: HE-AAC has twice the rate.
            self.rate: int = frame.sample_rate
            self.channels: int = frame.layout.nb_channels
            self.n_frames = _length(stream, frame) if demuxer == "mov" else None
            self._rest: Iterator[Any] | None = frames
        except BaseException:
            self._opened.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def _begun(self) -> tuple[Any, Iterator[Any]]:
        """Open the file; return its stream of sound, and its frames, errors among them."""
        self._opened.close()
        if isinstance(self._source, Path):
            # Not by its name, in which FFmpeg may see a protocol.
            source: Any = _File(self._opened.enter_context(self._source.open("rb")))
        elif self._source.seekable():
            source = self._source
            source.seek(0)
        else:
            source = Pipe(self._source.read)
        container, stream = opened_sound(source, self._demuxer)
        self._opened.enter_context(container)
        self._promised = _end(container, stream, self._demuxer)
        return stream, frames_of(container, stream)

    def _parts(self) -> Iterator[Part]:
        """Yield the samples of all frames, with the rate and the channels of the first."""
        ahead, rest = self._ahead, self._rest
        if rest is None:
            ahead, rest = [], self._begun()[1]
        self._ahead, self._rest = [], None
        convert = Converter()
        reached = 0.0
        for frames in (ahead, rest):
            for frame in frames:
                if isinstance(frame, DecodingError):
                    yield frame
                else:
                    reached = max(reached, (frame.time or 0.0) + frame.samples / frame.sample_rate)
                    yield from convert(frame)
        yield from convert(None)
        if self._promised is not None and reached < self._promised - _LACKING:
            yield DecodingError("it ends before the time that its header promises")


class _File:
    """A file in which no place is an error, as PyAV prints a trace of each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read, self.tell = file.read, file.tell

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place; return it, or -1 where there is none."""
        try:
            return self._file.seek(place, whence)
        except (OSError, ValueError, OverflowError):
            return -1


class Pipe:
    """What can only be read: PyAV takes anything with `seek` for a file."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read


def opened_sound(
    source: Any, demuxer: str, options: Mapping[str, str] | None = None
) -> tuple[Any, Any]:
    """Open what PyAV takes for a file; return its container, and its first stream of sound.

    Args:
        source: Has `read`, and `seek` where it can move.
        demuxer: How FFmpeg names the format.
        options: Of the demuxer.

    Raises:
        DecodingError: When it cannot be opened.
        NoAudioError: When it holds no sound.
    """
    import av

    try:
        with ExitStack() as unless_well:
            container = unless_well.enter_context(
                av.open(
                    source, format=demuxer, options=dict(options or {}), metadata_errors="replace"
                )
            )
            if not container.streams.audio:
                raise NoAudioError("there is no sound in it")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise DecodingError("the encoding of its sound is unknown")
            stream.codec_context.thread_count = 1
            for other in container.streams:
                if other is not stream:
                    other.discard = av.stream.Discard.all
            unless_well.pop_all()
    except (av.FFmpegError, ValueError) as error:
        raise _reworded(error) from error
    return container, stream


class Converter:
    """Frames to samples; where rate or channels change within a stream, as they were first."""

    def __init__(self) -> None:
        self._first: Any = None
        self._kind: tuple[str, int, int] | None = None
        self._resampler: Any = None

    def __call__(self, frame: Any | None) -> Iterator[Part]:
        """Yield the samples of a frame; None ends the stream."""
        import av

        if self._first is None:
            self._first = frame
        try:
            kind = None if frame is None else _kind(frame)
            if self._resampler is not None and kind != self._kind:
                yield from map(_samples, self._resampler.resample(None))
                self._resampler = None
            self._kind = kind
            if frame is None or kind is None:
                return
            is_plain = kind[1:] == _kind(self._first)[1:] and kind[2] <= _PLANES
            yield from map(_samples, [frame] if is_plain else self._changed(frame))
            if frame.is_corrupt:
                yield DecodingError("a part of it is damaged")
        except (av.FFmpegError, ValueError) as error:
            yield _reworded(error)

    def _changed(self, frame: Any) -> Any:
        """Return a frame with the rate and the layout of the first one, channels interleaved."""
        import av

        if self._resampler is None:
            first = self._first
            self._resampler = av.AudioResampler("flt", first.layout, first.sample_rate)
        return self._resampler.resample(frame)


def _kind(frame: Any) -> tuple[str, int, int]:
    """Return format, rate and number of channels."""
    return frame.format.name, frame.sample_rate, frame.layout.nb_channels


def _samples(frame: Any) -> NDArray[np.float32]:
    """Return the samples of a frame, (frame, channel), 1.0 full scale."""
    array: NDArray[Any] = frame.to_ndarray()
    array = array.T if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels)
    if array.dtype.kind == "f":
        return array.astype(np.float32, order="C")
    half = 2.0 ** (8 * array.dtype.itemsize - 1)
    offset = 1.0 if array.dtype.kind == "u" else 0.0
    return (array / half - offset).astype(np.float32, order="C")


def frames_of(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the frames of a stream, and a `DecodingError` for each packet that is damaged."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, ValueError) as error:
            yield _reworded(error)
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except (av.FFmpegError, ValueError) as error:
            yield _reworded(error)
        else:
            yield from (frame for frame in frames if frame.samples)


def _length(stream: Any, frame: Any) -> int | None:
    """Return how many frames an MPEG-4 file says that it has, where that can be believed.

    The last packet is longer than the recording. Where the number of packets contradicts the
    length, somebody has cut the recording, or the header is wrong.
    """
    if not stream.duration:
        return None
    length = stream.duration * stream.time_base * frame.sample_rate
    size = stream.codec_context.frame_size or frame.samples
    is_known = length.denominator == 1 and 0 <= stream.frames * size - length <= _PADDING * size
    return int(length) if is_known else None


def _end(container: Any, stream: Any, demuxer: str) -> float | None:
    """Return where the sound ends by the header, s; None where it does not say, or may guess."""
    if demuxer == "mov" and stream.duration:
        return float(stream.duration * stream.time_base)
    # The length is that of the longest stream: of the picture, perhaps.
    if demuxer == "matroska" and len(container.streams) == 1 and container.duration:
        return float(container.duration / 1e6)
    return None


def _reworded(error: Exception) -> DecodingError:
    """Return an error of PyAV as one of ours."""
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DecodingError(" ".join(why.split()).rstrip("."))
