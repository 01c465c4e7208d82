"""Aligned columns for the eye; what changes over time is indented below its recording."""

from collections.abc import Iterable, Iterator

from ser_pcq.inference.formats.format import Layout, each_channel
from ser_pcq.inference.formats.values import percent, printable
from ser_pcq.inference.prediction import Prediction


def lines(predictions: Iterable[Prediction], layout: Layout) -> Iterator[str]:
    """Yield the heading, then the lines of one recording after the other.

    Args:
        predictions: What to write.
        layout: The width is that of the first column; a longer name loses its beginning.
    """
    heading = "utterance" if layout.utterances else "file"
    width = max(layout.width, len(heading))
    place = f" {'channel':>7}" if layout.channels else ""
    yield f"{heading:<{width}}{place} {'length':>7}  {'emotion':<12} {'confidence':>10}\n"
    for p in each_channel(predictions):
        name = printable(p.name)
        name = name if len(name) <= width else "…" + name[1 - width :]
        length = "" if p.duration is None else f"{p.duration:.1f} s"
        if p.status == "ok":
            line = f"{p.label:<12} {percent(p.confidence):>8} %"
        else:
            # The other formats have the whole reason.
            line = f"{p.status}: {p.reason.short if p.reason else ''}"
        if p.status == "ok" and p.warnings:
            line += f"  {', '.join(w.word for w in p.warnings)}"
        if layout.channels:
            place = f" {p.channel or '':>7}"
        yield f"{name:<{width}}{place} {length:>7}  {line}\n"
        for s in p.segments:
            time = f"  {clock(s.start)} to {clock(s.end)}"
            yield f"{time:<{width + len(place) + 8}}  {s.label:<12} {percent(s.confidence):>8} %\n"


def clock(seconds: float) -> str:
    """Write a time as minutes and seconds to a tenth, hours before them where there are any."""
    tenths = round(10 * seconds)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{rest}" if hours else rest
