"""Recordings that a list names, read as they are needed and never held as a whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ser_pcq.inference.inputs import NamedFile


@dataclass(frozen=True)
class RecordingList:
    """The recordings of a list; each iteration reads it from the beginning, but that of a pipe.

    A path is as it stands in the list. A relative one is looked for in the folder of the list, then
    in the current folder.

    Attributes:
        each: Reads the list.
        count: Returns how many recordings there are; None where only reading would tell.
        has_utterances: Whether the list gives the recordings ids.
        is_pipe: Whether it can be gone through once only.
    """

    each: Callable[[], Iterator[NamedFile]]
    count: Callable[[], int | None]
    has_utterances: bool = False
    is_pipe: bool = False

    def __iter__(self) -> Iterator[NamedFile]:
        """Yield the recordings in their order; those that cannot be found are refused later.

        Raises:
            DataError: When the list cannot be read, or ends in the middle.
        """
        return self.each()
