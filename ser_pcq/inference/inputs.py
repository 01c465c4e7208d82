"""Whatever holds a recording to what can be judged: paths, bytes, file objects and samples."""

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from ser_pcq.errors import AudioError, Reason, SerError
from ser_pcq.inference.channels import Channels, Heard, hear_channels, hear_mixed
from ser_pcq.inference.prediction import Prediction, Status
from ser_pcq.inference.recording import Recording, Refusal
from ser_pcq.inference.samples import Samples, as_samples, hear_samples
from ser_pcq.inference.span import WHOLE, Span

BYTES, SAMPLES = "<bytes>", "<samples>"
"""What recordings without a name are called."""

_ACCEPTED = "a path, bytes, a binary file object, or samples with their rate"
_PIECE = 1 << 20  # bytes


class Spooled:
    """The content of an audio file, in a temporary file that lives as long as this object.

    So that what comes as bytes is read by the same code as files. Another process gets the path
    only; the file belongs to the process that has made it.

    Args:
        pieces: The content.
        path: What the recording is called.
    """

    def __init__(self, pieces: Iterable[bytes | bytearray | memoryview], path: Path) -> None:
        self.path = path
        handle, name = tempfile.mkstemp(prefix="ser-pcq-")
        self.file = Path(name)
        self._removed: object = weakref.finalize(self, _remove, name)
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)

    def __getstate__(self) -> dict[str, object]:
        """Leave out what removes the file."""
        return {"path": self.path, "file": self.file}


def _remove(name: str) -> None:
    """Remove a temporary file."""
    with suppress(OSError):
        os.unlink(name)  # noqa: PTH108, as pathlib may be gone when the interpreter ends


@dataclass(frozen=True)
class NamedFile:
    """A file, or a part of one, with what the recording is called.

    Attributes:
        file: Where it lies.
        path: What the recording is called.
        utterance: Its id, where it has one.
        span: The part of the file.
        refused: Why it cannot be read, where that is known before.
        entry: The path as a list has it, which results keep to the letter; None elsewhere.
    """

    file: Path
    path: Path
    utterance: str | None = None
    span: Span = WHOLE
    refused: Reason | None = None
    entry: str | None = None

    @property
    def name(self) -> str:
        """What a file about it is named after: its id, else its path."""
        if self.utterance is None:
            return str(self.path)
        return self.utterance.replace(os.sep, "-") + self.path.suffix


Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | ArrayLike | NamedFile
"""What holds one recording: a path, the content of an audio file, a file object that gives it, or
samples. A pair (samples, sample rate) is one as well."""

Input = Path | NamedFile | Spooled | Samples | Recording | Refusal
"""A recording that is ready to be judged, in this process or in another; or was heard already."""


def as_input(source: Source, sample_rate: float | None = None, name: str | None = None) -> Input:
    """Take whatever holds one recording.

    Args:
        source: A path, bytes, a binary file object, samples, or a pair (samples, sample rate). A
            file object is read from where it stands to its end, and left open.
        sample_rate: Hz, of samples; files know theirs.
        name: What the recording is called; the path or the name of the file object when None.

    Raises:
        SerError: When it is nothing of this kind, or the sample rate is missing, impossible, or
            given for a file.
    """
    if isinstance(source, NamedFile):
        return source
    if isinstance(source, tuple) and _is_pair(source):
        if sample_rate is not None:
            raise SerError(
                "there are two sample rates", given=f"{source[1]} Hz and {sample_rate} Hz"
            )
        source, sample_rate = source
    if is_file(source):
        if sample_rate is not None:
            raise SerError(
                "a sample rate goes with samples only, as files state theirs",
                given=f"{sample_rate} Hz with {type(source).__name__}",
                do="leave it out; give raw samples as an array, by numpy.frombuffer for example",
            )
        return _as_file(source, name)
    if source is None or np.isscalar(source) or isinstance(source, dict | set):
        raise SerError("this is no recording", given=type(source).__name__, accepted=_ACCEPTED)
    if isinstance(source, list | tuple) and any(is_file(one) for one in source[:1]):
        raise SerError(
            "this is a list of recordings", given=type(source).__name__, do="use predict_all"
        )
    return as_samples(source, sample_rate, Path(name or SAMPLES))


def each_input(sources: Any, sample_rate: float | None = None) -> Iterator[Input]:
    """Take what holds several recordings, one by one; a single recording is one of one.

    Args:
        sources: Whatever gives sources one after the other. An array of three axes is a batch of
            (channel, time) or (time, channel).
        sample_rate: Hz, of all that are samples.

    Raises:
        SerError: As `as_input`; for an array of two axes, as it may be one recording or several.
    """
    is_pair = isinstance(sources, tuple) and _is_pair(sources)
    n_axes = _axes_of_numbers(sources)
    if n_axes == 2:
        raise SerError(
            "an array of two axes may be one recording or several",
            given=f"shape {tuple(sources.shape)}",
            do="put it into a list: [array] for one recording, list(array) for several",
        )
    if is_file(sources) or is_pair or n_axes == 1:
        yield as_input(sources, sample_rate)
        return
    if isinstance(sources, dict) or not hasattr(sources, "__iter__"):
        sources = [sources]  # which is refused by name
    for source in sources:
        yield as_input(source, sample_rate)


def is_file(source: object) -> bool:
    """Tell whether a source is a file: its path, its content, or an object that gives it."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview)
    return isinstance(source, kinds) or hasattr(source, "read")


def _is_pair(source: tuple[Any, ...]) -> bool:
    """Tell whether a tuple is samples with their rate, rather than several of one kind."""
    if len(source) != 2 or np.isscalar(source[0]):
        return False
    second = source[1]
    return not isinstance(second, list | tuple) and not is_file(second) and not _axes_of(second)


def _axes_of(values: Any) -> int:
    """Return how many axes an array or tensor has; 0 for anything else."""
    n_axes = getattr(values, "ndim", 0)
    return n_axes if isinstance(n_axes, int) else 0


def _axes_of_numbers(sources: Any) -> int:
    """Return how many axes an array or tensor of numbers has; 0 for anything else."""
    kind = getattr(getattr(sources, "dtype", None), "kind", "f")  # a tensor has numbers only
    return _axes_of(sources) if kind in "fiubc" else 0


def _as_file(source: Any, name: str | None) -> Input:
    """Return the path, or the content in a temporary file.

    Raises:
        SerError: When a file object gives no bytes.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(os.fsdecode(source))
        return NamedFile(path, Path(name)) if name else path
    if isinstance(source, bytes | bytearray | memoryview):
        return Spooled([source], Path(name or BYTES))
    known = getattr(source, "name", None)
    path = Path(name or (known if isinstance(known, str) and known else BYTES))
    try:
        return Spooled(_pieces(source), path)
    except OSError as error:
        why = error.strerror or error
        refusal = AudioError("unreadable", f"the file object cannot be read ({why})", given=path)
        return Refusal(path, Status.REJECTED, refusal.reason)


def _pieces(source: Any) -> Iterator[bytes]:
    """Yield what a file object gives, from where it stands.

    Raises:
        SerError: When it is closed, gives something else than bytes, or stands at its end.
    """
    n_bytes = 0
    while True:
        try:
            piece = source.read(_PIECE)
        except ValueError as error:  # it is closed
            raise SerError("the file object cannot be read", given=error) from error
        if piece is not None and not isinstance(piece, bytes | bytearray | memoryview):
            raise SerError(
                "the file object does not give bytes",
                given=f"{type(source).__name__}, which gives {type(piece).__name__}",
                do="open it in binary mode, 'rb'",
            )
        if not piece:
            break
        n_bytes += len(piece)
        yield bytes(piece)
    if not n_bytes and _is_behind(source):
        raise SerError(
            "the file object stands at its end", given=type(source).__name__, do="call seek(0)"
        )


def _is_behind(source: Any) -> bool:
    """Tell whether a file object has given something before."""
    try:
        return bool(source.tell() > 0)
    except (AttributeError, OSError, ValueError):
        return False


def named(prediction: Prediction, source: Input) -> Prediction:
    """Return a prediction with the path and the id that a list gives it."""
    if not isinstance(source, NamedFile):
        return prediction
    channels = tuple(named(one, source) for one in prediction.channels)
    path, utterance = source.entry or prediction.path, source.utterance
    return replace(prediction, path=path, utterance=utterance, channels=channels)


def hear_input(source: Input, mix: str) -> Heard:
    """Look at a recording as `hear_mixed` looks at a file.

    Args:
        source: What `as_input` returned.
        mix: What `checked_mix` returned.
    """
    if isinstance(source, Path):
        return hear_mixed(source, mix)
    if isinstance(source, Recording | Refusal):
        return source
    if isinstance(source, Samples):
        return hear_channels(
            source.path, mix, source.n_channels, lambda channel: hear_samples(source, channel)
        )
    if isinstance(source, Spooled):
        return _renamed(hear_mixed(source.file, mix), source)
    if source.refused is not None:
        return Refusal(source.path, Status.REJECTED, source.refused)
    return _renamed(hear_mixed(source.file, mix, source.span), source)


def _renamed(heard: Heard, source: Spooled | NamedFile) -> Heard:
    """Return what was heard under the name of its source, in its messages as well."""
    path, shown = source.path, str(source.path)

    def told(reason: Reason) -> Reason:
        details = tuple(text.replace(str(source.file), shown) for text in reason.details)
        return Reason(reason.word, reason.sentence.replace(str(source.file), shown), details)

    def one(part: Recording | Refusal) -> Recording | Refusal:
        if isinstance(part, Refusal):
            return replace(part, path=path, reason=told(part.reason))
        return part.named(path, tuple(map(told, part.warnings)), source)

    if isinstance(heard, Channels):
        return Channels(path, tuple(map(one, heard.each)))
    return one(heard)
