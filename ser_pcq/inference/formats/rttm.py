"""NIST Rich Transcription Time Marked, which tools for diarization read and score.

A line is `SPEAKER file channel start duration <NA> <NA> name confidence <NA>`; the emotion is
in the place of the speaker's name. The ten fields are those of the RTTM specification in the NIST
Rich Transcription 2009 evaluation plan (type, file id, channel, onset, duration, orthography,
subtype, speaker name, confidence, signal lookahead time).
"""

import os
import string
from collections.abc import Iterable, Iterator
from urllib.parse import quote_from_bytes

from ser_pcq.inference.formats.format import Layout, each_channel
from ser_pcq.inference.prediction import Prediction

# Everything else becomes %XX: fields end at a space, and a `;` begins a comment.
_PLAIN = string.ascii_letters + string.digits + string.punctuation.replace("%", "").replace(";", "")


def lines(predictions: Iterable[Prediction], layout: Layout) -> Iterator[str]:
    """Yield the lines of one recording after the other; one without an answer has none.

    The file is the id of the utterance, or else the path as it was given, in which spaces, `%`,
    `;`, control characters and all that is not ASCII are escaped as in URLs: `my file.wav` is
    `my%20file.wav`. Times have milliseconds. The channel is 1 where all were mixed.

    Args:
        predictions: What to write.
        layout: Not needed.
    """
    for p in each_channel(predictions):
        name = _field(p.name)
        rows = []
        for s in p.segments_or_whole():
            # From the rounded times, so that what adjoins does so in the file too.
            start, end = round(s.start, 3), round(s.end, 3)
            rows.append(
                f"SPEAKER {name} {p.channel or 1} {start:.3f} {end - start:.3f} <NA> <NA> "
                f"{_field(s.label)} {s.confidence:.6f} <NA>\n"
            )
        if rows:
            yield "".join(rows)


def _field(text: str) -> str:
    """Make one field of a text; `urllib.parse.unquote` gives it back."""
    return quote_from_bytes(os.fsencode(text), safe=_PLAIN)
