"""How predictions are written: one module for each format, all of them text."""

from ser_pcq.inference.formats import audacity, csv, jsonl, rttm, srt, table, textgrid
from ser_pcq.inference.formats.format import Format

FORMATS: dict[str, Format] = {
    "table": Format(".txt", lines=table.lines),
    "csv": Format(".csv", lines=csv.lines),
    "jsonl": Format(".jsonl", lines=jsonl.lines),
    "rttm": Format(".rttm", lines=rttm.lines, needs_segments=True),
    "textgrid": Format(".TextGrid", text=textgrid.text, needs_segments=True),
    "srt": Format(".srt", text=srt.text, needs_segments=True),
    "audacity": Format(".txt", text=audacity.text, needs_segments=True),
}
"""By the name that a user gives; `ser-predict --format` offers these."""
