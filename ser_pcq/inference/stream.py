"""Raw samples from a pipe as they come, and the emotion in the last seconds of them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoder import refuse_rate
from ser_pcq.audio.speech import FRAME, SpeechDetector
from ser_pcq.audio.waveform import MIN_DURATION, SAMPLE_RATE, resampled_blocks
from ser_pcq.errors import AudioError, SerError, suggest
from ser_pcq.inference.prediction import EmotionSegment
from ser_pcq.inference.timeline.timeline import WindowConfig
from ser_pcq.models.classifier import Classifier, judged
from ser_pcq.models.speech_head.head import DOUBTFUL

if TYPE_CHECKING:
    from ser_pcq.inference.own_voice.streaming import StreamVoice

ENCODINGS: dict[str, tuple[str, float]] = {
    "u8": ("u1", 2.0**7),
    "s8": ("i1", 2.0**7),
    "s16le": ("<i2", 2.0**15),
    "s16be": (">i2", 2.0**15),
    "s24le": ("<i3", 2.0**23),
    "s24be": (">i3", 2.0**23),
    "s32le": ("<i4", 2.0**31),
    "s32be": (">i4", 2.0**31),
    "f32le": ("<f4", 1.0),
    "f32be": (">f4", 1.0),
    "f64le": ("<f8", 1.0),
    "f64be": (">f8", 1.0),
}
"""By the names that ffmpeg, arecord and sox users know: how a sample is stored, and full scale."""

_READ = 1 << 16  # bytes taken at most at once


@dataclass(frozen=True)
class PcmFormat:
    """How to read raw samples, which have no header.

    Raises:
        SerError: When a value is out of range.
    """

    encoding: str = "s16le"
    """A key of `ENCODINGS`."""

    rate: int = SAMPLE_RATE
    """Hz, 1,000 to 1,000,000."""

    channels: int = 1
    """How many are interleaved, 1 to 64; they are averaged."""

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            accepted = suggest(self.encoding, ENCODINGS)
            raise SerError("unknown encoding of samples", given=self.encoding, accepted=accepted)
        refuse_rate(self.rate)
        if not 1 <= self.channels <= 64:
            raise SerError("impossible number of channels", given=self.channels, accepted="1 to 64")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return int(ENCODINGS[self.encoding][0][-1]) * self.channels

    def decode(self, content: bytes) -> NDArray[np.float32]:
        """Turn whole frames of bytes into a mono waveform, (time,), 1.0 being full scale.

        Raises:
            AudioError: `not_finite`, for samples that are no numbers.
        """
        kind, full_scale = ENCODINGS[self.encoding]
        if kind[1:] == "i3":
            # Three bytes become the upper three of four; the lowest is 0.
            three = np.frombuffer(content, np.uint8).reshape(-1, 3)
            four = np.zeros((len(three), 4), np.uint8)
            four[:, 1:] = three if kind[0] == "<" else three[:, ::-1]
            values = four.view("<i4")[:, 0].astype(np.float64) / 2**8
        else:
            with np.errstate(invalid="ignore"):  # NaN of some kinds; refused below
                values = np.frombuffer(content, kind).astype(np.float64)
        if kind == "u1":
            values -= full_scale
        with np.errstate(all="ignore"):
            mono = (values / full_scale).reshape(-1, self.channels).mean(axis=1)
            waveform: NDArray[np.float32] = mono.astype(np.float32)
        if not np.isfinite(waveform).all():
            raise AudioError(
                "not_finite",
                "the stream has samples that are not numbers (NaN or infinite)",
                given=f"read as {self.encoding}",
                do="check the encoding",
            )
        return waveform


def read_pcm(
    source: BinaryIO, pcm_format: PcmFormat | None = None
) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of a pipe or file as soon as they arrive, at 16 kHz, mono.

    A block is what one read gives, not a full buffer, so the delay is that of the source; another
    rate than 16 kHz adds up to 0.1 s for the resampling filter, whose rest comes at the end. The
    end of the source ends the blocks; bytes after its last whole sample are left out. Nothing is
    queued here: whoever takes blocks slowly lets the pipe of the operating system fill up, and its
    writer wait.

    Args:
        source: Opened for bytes, `sys.stdin.buffer` for example, and blocking.
        pcm_format: How to read the bytes; as 16-bit mono at 16 kHz when None.

    Raises:
        AudioError: `not_finite`, for samples that are no numbers.
        SerError: When the source does not block.
    """
    what = pcm_format or PcmFormat()
    yield from resampled_blocks(_decoded(source, what), what.rate, SAMPLE_RATE)


def _decoded(source: BinaryIO, what: PcmFormat) -> Iterator[NDArray[np.float32]]:
    """Yield the samples at their own rate, mono."""
    # A buffered reader waits in read() until all is there, in read1() only until something is; a
    # raw one has read() only, which does not wait either.
    read = getattr(source, "read1", source.read)
    rest = b""
    while True:
        content = read(_READ)
        if content is None:
            raise SerError("the source does not wait for data", accepted="a blocking pipe or file")
        if not content:
            return
        content = rest + content
        n_whole = len(content) // what.frame_bytes * what.frame_bytes
        rest = content[n_whole:]
        yield what.decode(content[:n_whole])


@dataclass(frozen=True)
class LiveResult:
    """The last window of a stream.

    Attributes:
        start: Where the window begins, s from the beginning of the stream.
        end: Where it ends: now.
        emotion: What was judged, from `start` to `end`; None when the window holds too little
            speech.
        behind: How far computing trails a source that runs in real time, s. 0 while it keeps up;
            when it grows, the hop is too short for this machine.
        is_adapted: Whether it was judged by a model that is adapted to the voice of the stream.
    """

    start: float
    end: float
    emotion: EmotionSegment | None
    behind: float
    is_adapted: bool = False


class _LastWindow:
    """The newest samples, up to a window, and the newest frames of the detector."""

    def __init__(self, detector: SpeechDetector, config: WindowConfig) -> None:
        self._detector, self._config = detector, config
        self.samples = np.zeros(0, np.float32)
        self._frames: list[bool] = []
        self._n_frames = 0
        self.end = 0

    def add(self, part: NDArray[np.float32]) -> None:
        """Take samples; those older than a window are forgotten."""
        length = self._config.window_samples
        self.samples = np.concatenate([self.samples, part])[-length:]
        self.end += len(part)
        is_speech = self._detector.feed(part) >= 0.5
        self._n_frames += len(is_speech)
        self._frames = [*self._frames, *map(bool, is_speech)][-(length // FRAME + 1) :]

    @property
    def start(self) -> float:
        """Where the window begins, s."""
        return (self.end - len(self.samples)) / SAMPLE_RATE

    @property
    def now(self) -> float:
        """Where it ends, s."""
        return self.end / SAMPLE_RATE

    def holds_speech(self) -> bool:
        """Return whether enough of what the detector knows about the window is speech."""
        start = self.end - len(self.samples)
        first = self._n_frames - len(self._frames)
        inside = self._frames[max(0, (start + FRAME // 2 - 1) // FRAME - first) :]
        least = min(self._config.min_speech * SAMPLE_RATE, len(self.samples) / 2)
        return sum(inside) > 0 and sum(inside) * FRAME >= least


def live(
    blocks: Iterable[NDArray[np.float32]],
    classifier: Classifier,
    detector: SpeechDetector,
    config: WindowConfig | None = None,
    own_voice: "StreamVoice | None" = None,
) -> Iterator[LiveResult]:
    """Yield the last window after every hop; at first the window is still growing.

    A change of emotion is seen at the latest when the hop that it falls into is over and judged:
    the delay of a result is at most one hop, plus the computing of one window, plus what the source
    keeps back. Speech is noticed as late as the detector decides (`EnergyDetector`: 0.26 s).

    Reading and judging take turns. Where judging takes longer than a hop, the source is read more
    slowly and its pipe fills up; `behind` reports it, and nothing is skipped or piled up here.

    Args:
        blocks: The stream in parts of any length, (time,) at 16 kHz: `read_pcm` for example.
        classifier: What judges.
        detector: What finds speech; it is reset first.
        config: `window`, `hop` and `min_speech` are used.
        own_voice: What adapts the classifier to the voice of the stream; None for none.
    """
    config = config or WindowConfig()
    hop, behind, spent = config.hop_samples, 0.0, 0.0
    detector.reset()
    last = _LastWindow(detector, config)
    for block in blocks:
        rest = block
        while rest.size:
            n_wanted = hop - last.end % hop
            part, rest = rest[:n_wanted], rest[n_wanted:]
            begun = time.monotonic()
            last.add(part)
            is_due = last.end % hop == 0
            emotion = _judge(last, classifier, config, own_voice) if is_due else None
            spent += time.monotonic() - begun
            if is_due:
                behind, spent = max(0.0, behind + spent - config.hop), 0.0
                yield LiveResult(last.start, last.now, emotion, behind, _is_adapted(own_voice))
    if last.end % hop:
        emotion = _judge(last, classifier, config, own_voice)
        yield LiveResult(last.start, last.now, emotion, behind, _is_adapted(own_voice))


def _is_adapted(own_voice: "StreamVoice | None") -> bool:
    """Return whether the model is adapted by now."""
    return own_voice is not None and own_voice.is_adapted


def _judge(
    last: _LastWindow,
    classifier: Classifier,
    config: WindowConfig,
    own_voice: "StreamVoice | None",
) -> EmotionSegment | None:
    """Judge a window, if it holds speech, and the model does not take it for another sound."""
    if len(last.samples) < MIN_DURATION * SAMPLE_RATE or not last.holds_speech():
        return None
    one = last.samples
    rows = judged(classifier, [one]) if own_voice is None else own_voice.judged(one)
    if rows.speech[0] < DOUBTFUL:
        return None
    shares = rows.probabilities[0]
    if own_voice is not None and len(one) == config.window_samples:
        shares = own_voice.take(rows, last.start, last.now)
    best = int(shares.argmax())
    named = dict(zip(classifier.labels, shares.tolist(), strict=True))
    return EmotionSegment(last.start, last.now, classifier.labels[best], float(shares[best]), named)
