"""An entry of a list to the file that it means."""

from pathlib import Path

from ser_pcq.data.directory.lines import audio_path
from ser_pcq.errors import Reason
from ser_pcq.inference.inputs import NamedFile
from ser_pcq.inference.span import WHOLE, Span


def found(entry: str, folder: Path, utterance: str | None = None, span: Span = WHOLE) -> NamedFile:
    """Return the file of an entry: beside the list, else in the current folder."""
    return NamedFile(audio_path(folder, entry), Path(entry), utterance, span, entry=entry)


def refused(place: str, why: str, utterance: str | None = None) -> NamedFile:
    """Return what takes the place of an entry that names no recording.

    Args:
        place: Where it is in the list.
        why: What is wrong with it.
        utterance: Its id, where it has one.
    """
    path = Path(place)
    return NamedFile(path, path, utterance, refused=Reason("bad_entry", why))
