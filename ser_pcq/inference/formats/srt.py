"""SubRip subtitles, which players show over the recording."""

from ser_pcq.inference.formats.values import one_line, percent, placed_segments
from ser_pcq.inference.prediction import Prediction


def text(prediction: Prediction) -> str:
    """Write one recording: a numbered subtitle for each segment, `anger (87 %)`.

    The text is empty without an answer. Times have milliseconds. Where channels were split their
    subtitles are in the order of time, and each begins with its channel: `2: anger (87 %)`.
    """
    return "\n".join(
        f"{i}\n{_time(s.start)} --> {_time(s.end)}\n"
        f"{place}{one_line(s.label)} ({percent(s.confidence)} %)\n"
        for i, (place, s) in enumerate(placed_segments(prediction), start=1)
    )


def _time(seconds: float) -> str:
    """Write hours, minutes, seconds and milliseconds: `00:01:02,500`."""
    whole, milliseconds = divmod(round(1000 * seconds), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{whole:02d},{milliseconds:03d}"
