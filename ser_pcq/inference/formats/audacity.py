"""The label track of Audacity: start, end and text between tabs."""

from ser_pcq.inference.formats.values import one_line, percent, placed_segments
from ser_pcq.inference.prediction import Prediction


def text(prediction: Prediction) -> str:
    """Write one recording: a line for each segment, `0.512000<TAB>2.100000<TAB>anger 87 %`.

    The text is empty without an answer. Times are in s with six decimals. Where channels were
    split their labels are in the order of time, and each begins with its channel: `2: anger 87 %`.
    """
    return "".join(
        f"{s.start:.6f}\t{s.end:.6f}\t{place}{one_line(s.label)} {percent(s.confidence)} %\n"
        for place, s in placed_segments(prediction)
    )
