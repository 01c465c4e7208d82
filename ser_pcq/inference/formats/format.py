"""What a format is: a way to write predictions, for many recordings in one text or for each one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ser_pcq.inference.prediction import Prediction


@dataclass(frozen=True)
class Layout:
    """How predictions are laid out; a format uses what concerns it."""

    labels: tuple[str, ...] = ()
    """The emotions that the model knows, in the order of their columns."""

    segments: bool = False
    """Whether each segment gets a row, instead of each recording."""

    width: int = 40
    """Characters for the name of a file."""

    utterances: bool = False
    """Whether the recordings have ids."""

    channels: bool = False
    """Whether the results say which channel they are about."""


def each_channel(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    """Yield predictions; in place of a recording whose channels were split, one for each."""
    for prediction in predictions:
        yield from prediction.each_channel()


@dataclass(frozen=True)
class Format:
    """A way to write predictions; exactly one of `lines` and `text` is given.

    Attributes:
        suffix: What names of its files end in.
        lines: For a format that holds many recordings: predictions to text, part by part, each of
            them whole lines.
        text: For a format that holds one recording per file: a prediction to its text.
        needs_segments: Whether it shows nothing but segments.
    """

    suffix: str
    lines: Callable[[Iterable[Prediction], Layout], Iterator[str]] | None = None
    text: Callable[[Prediction], str] | None = None
    needs_segments: bool = False

    @property
    def one_recording(self) -> bool:
        """Whether each recording gets its own file, as `folder.write_each` writes them."""
        return self.text is not None


def encoded(text: str) -> bytes:
    """Return text in UTF-8; names of files that are not valid text are shown with escapes."""
    return text.encode("utf-8", errors="backslashreplace")
