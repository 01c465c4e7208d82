"""Praat's TextGrid, long format: the tiers `emotion` and `confidence`, pauses being empty."""

from ser_pcq.inference.formats.values import one_line
from ser_pcq.inference.prediction import Prediction

_Interval = tuple[float, float, str]


def text(prediction: Prediction) -> str:
    """Write one recording.

    The intervals of each tier cover the recording without a gap, as Praat needs; times have six
    decimals. Quotes in labels are doubled. A recording without an answer has one empty interval.
    Where its length is not known there is nothing to write, and the text is empty. Where channels
    were split each has its own two tiers: `emotion 1`, `confidence 1`, `emotion 2` and so on.
    """
    if not prediction.duration:
        return ""
    end = round(prediction.duration, 6)
    tiers = []
    for one in prediction.each_channel():
        place = "" if one.channel is None else f" {one.channel}"
        segments = one.segments_or_whole()
        emotion = _filled([(s.start, s.end, one_line(s.label)) for s in segments], end)
        confidence = _filled([(s.start, s.end, f"{s.confidence:.2f}") for s in segments], end)
        tiers += [(f"emotion{place}", emotion), (f"confidence{place}", confidence)]
    head = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
        f"xmin = 0 \nxmax = {_time(end)} \ntiers? <exists> \nsize = {len(tiers)} \nitem []: \n"
    )
    return head + "".join(_tier(k, *tier, end) for k, tier in enumerate(tiers, start=1))


def _filled(segments: list[_Interval], end: float) -> list[_Interval]:
    """Round times, cut at the end of the recording, and set empty intervals into the gaps."""
    intervals: list[_Interval] = []
    now = 0.0
    for start, stop, label in segments:
        first, last = max(now, round(start, 6)), min(end, round(stop, 6))
        if last <= first:
            continue
        if first > now:
            intervals.append((now, first, ""))
        intervals.append((first, last, label))
        now = last
    if now < end:
        intervals.append((now, end, ""))
    return intervals


def _tier(number: int, name: str, intervals: list[_Interval], end: float) -> str:
    lines = [
        f"    item [{number}]:",
        '        class = "IntervalTier" ',
        f'        name = "{name}" ',
        "        xmin = 0 ",
        f"        xmax = {_time(end)} ",
        f"        intervals: size = {len(intervals)} ",
    ]
    for i, (start, stop, label) in enumerate(intervals, start=1):
        doubled = label.replace('"', '""')
        lines += [
            f"        intervals [{i}]:",
            f"            xmin = {_time(start)} ",
            f"            xmax = {_time(stop)} ",
            f'            text = "{doubled}" ',
        ]
    return "\n".join(lines) + "\n"


def _time(seconds: float) -> str:
    """Write a time without zeros that say nothing, and never with an exponent."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
