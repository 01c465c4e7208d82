"""The label track of Audacity: start, end and text between tabs."""

from ser_pcq.inference.formats.values import one_line, percent
from ser_pcq.inference.prediction import Prediction


def text(prediction: Prediction) -> str:
    """Write one recording: a line for each segment, `0.512000<TAB>2.100000<TAB>anger 87 %`.

    The text is empty without an answer. Times are in s with six decimals.
    """
    return "".join(
        f"{s.start:.6f}\t{s.end:.6f}\t{one_line(s.label)} {percent(s.confidence)} %\n"
        for s in prediction.segments_or_whole()
    )
