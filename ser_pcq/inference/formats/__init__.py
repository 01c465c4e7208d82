"""How predictions are written: one module for each format, all of them text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ser_pcq.inference.formats import audacity, csv, jsonl, rttm, srt, table, textgrid
from ser_pcq.inference.prediction import Prediction


@dataclass(frozen=True)
class Format:
    """A way to write predictions; one of `lines` and `text` is there.

    Attributes:
        suffix: What names of its files end in.
        lines: For a format that holds many recordings: predictions and the labels of the model to
            text, part by part, each of them whole lines.
        text: For a format that holds one recording per file: a prediction to its text.
    """

    suffix: str
    lines: Callable[[Iterable[Prediction], tuple[str, ...]], Iterator[str]] | None = None
    text: Callable[[Prediction], str] | None = None

    @property
    def one_recording(self) -> bool:
        """Whether each recording gets a file of its own, as `folder.write_each` writes them."""
        return self.text is not None


FORMATS: dict[str, Format] = {
    "table": Format(".txt", lines=table.lines),
    "csv": Format(".csv", lines=csv.lines),
    "jsonl": Format(".jsonl", lines=jsonl.lines),
    "rttm": Format(".rttm", lines=rttm.lines),
    "textgrid": Format(".TextGrid", text=textgrid.text),
    "srt": Format(".srt", text=srt.text),
    "audacity": Format(".txt", text=audacity.text),
}
"""By the name that a user gives."""


def encoded(text: str) -> bytes:
    """Return text in UTF-8; names of files that are no text are shown with escapes."""
    return text.encode("utf-8", errors="backslashreplace")
