"""Stretches of speech between pauses, cut into pieces a hop long, as the frames come in."""

from collections import deque
from dataclasses import dataclass

from ser_pcq.audio.speech import FRAME


@dataclass
class Piece:
    """The part of a stretch of speech that lies in one cell of time.

    Attributes:
        cell: Which cell, counted in hops.
        start: First sample.
        end: The sample after the last.
        stretch_cell: The cell that its stretch begins in.
        goes_on: Whether the stretch has a further piece.
    """

    cell: int
    start: int
    end: int
    stretch_cell: int
    goes_on: bool


class SpeechStretches:
    """Joins frames of speech over short pauses.

    Args:
        hop: Length of a cell, samples.
        max_pause: The longest pause within a stretch, samples.

    Attributes:
        pieces: Those that are complete, in order; whoever uses them takes them out.
    """

    def __init__(self, hop: int, max_pause: int) -> None:
        self._hop, self._max_pause = hop, max_pause
        self.pieces: deque[Piece] = deque()
        self._now = 0  # sample that the next frame begins with
        self._open: Piece | None = None

    @property
    def cell(self) -> int:
        """The earliest cell that a later piece can need."""
        return self._open.cell if self._open else self._now // self._hop

    def add(self, is_speech: bool) -> None:
        """Take the next frame."""
        start, self._now = self._now, self._now + FRAME
        if self._open and (start if is_speech else self._now) - self._open.end > self._max_pause:
            self.finish()
        if not is_speech:
            return
        if self._open is None:
            cell = start // self._hop
            self._open = Piece(cell, start, start, cell, False)
        self._reach(self._open, self._now)

    def _reach(self, piece: Piece, end: int) -> None:
        """Extend the open stretch to `end`, completing the pieces before it."""
        while end > (border := (piece.cell + 1) * self._hop):
            piece.end, piece.goes_on = border, True
            self.pieces.append(piece)
            piece = Piece(piece.cell + 1, border, border, piece.stretch_cell, False)
        piece.end = end
        self._open = piece

    def finish(self) -> None:
        """End the open stretch."""
        if self._open:
            self.pieces.append(self._open)
        self._open = None
