"""What is written can be read again, by what else reads these formats."""

import csv as standard_csv
import io
import itertools
import json
import os
import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_pcq.errors import Reason, SerError
from ser_pcq.inference.formats import (
    FORMATS,
    audacity,
    csv,
    jsonl,
    rttm,
    srt,
    table,
    textgrid,
)
from ser_pcq.inference.formats.folder import output_names, refuse_existing, write_each
from ser_pcq.inference.formats.format import Layout, encoded
from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status

LABELS = ("anger", 'the "calm" one', "joy, loud")


def segment(start, end, target, confidence=0.7):
    rest = (1 - confidence) / 2
    shares = {label: confidence if i == target else rest for i, label in enumerate(LABELS)}
    return EmotionSegment(start, end, LABELS[target], confidence, shares)


def prediction(path="a.wav", segments=(), duration=10.0, **changes):
    shares = {LABELS[0]: 0.6123456789, LABELS[1]: 0.3, LABELS[2]: 0.0876543211}
    values = {
        "status": Status.OK, "reason": None, "label": LABELS[0], "confidence": shares[LABELS[0]],
        "probabilities": shares, "model": "m", **changes,
    }  # fmt: skip
    return Prediction(path, duration=duration, segments=tuple(segments), **values)


EMPTY = Reason("empty", "zero bytes", ("do",))
REJECTED = Prediction("bad, name.wav", Status.REJECTED, EMPTY, None, None, None, {}, "m")
LONG = prediction(
    segments=[segment(0.512, 2.1, 0), segment(2.1, 4.0001234, 1), segment(6, 9.9999999, 2)],
    warnings=(Reason("clipped", "3 % of it"), Reason("noisy", "very")),
)


@st.composite
def spoken(draw):
    """A prediction with any segments that may be: in order, without overlap, in the recording."""
    n = draw(st.integers(0, 6))
    times = sorted(draw(st.sets(st.integers(0, 2**23), min_size=2 * n, max_size=2 * n)))
    segments, now = [], 0
    for i in range(n):
        start = now if draw(st.booleans()) and now < times[2 * i + 1] and i else times[2 * i]
        now = times[2 * i + 1]
        segments.append(
            segment(start / 16_000, now / 16_000, draw(st.integers(0, 2)), draw(st.floats(0.34, 1)))
        )
    duration = (now + draw(st.integers(1600, 20_000))) / 16_000
    return prediction(segments=segments, duration=duration)


def test_a_registry_says_which_formats_hold_one_recording():
    assert {name for name, f in FORMATS.items() if f.one_recording} == {
        "textgrid", "srt", "audacity",
    }  # fmt: skip
    for written in FORMATS.values():
        assert (written.lines is None) != (written.text is None)
        assert written.suffix.startswith(".")


def test_csv_is_as_it_was_with_warnings_at_the_end():
    text = "".join(csv.lines([prediction(), REJECTED, LONG], Layout(LABELS)))
    assert text == (
        'path,status,reason,duration,label,confidence,anger,"the ""calm"" one","joy, loud",model,'
        "warnings\n"
        "a.wav,ok,,10.0,anger,0.612346,0.612346,0.3,0.087654,m,\n"
        '"bad, name.wav",rejected,empty: zero bytes; do,,,,,,,m,\n'
        "a.wav,ok,,10.0,anger,0.612346,0.612346,0.3,0.087654,m,clipped: 3 % of it | noisy: very\n"
    )


def test_csv_with_a_row_for_each_segment():
    text = "".join(csv.lines([LONG, REJECTED, prediction()], Layout(LABELS, segments=True)))
    rows = list(standard_csv.DictReader(io.StringIO(text)))
    assert [(r["start"], r["end"], r["label"]) for r in rows] == [
        ("0.512", "2.1", LABELS[0]),
        ("2.1", "4.000123", LABELS[1]),
        ("6", "10.0", LABELS[2]),
        ("", "", ""),
        ("", "", LABELS[0]),
    ]
    assert [r["path"] for r in rows] == ["a.wav"] * 3 + ["bad, name.wav", "a.wav"]
    assert list(rows[0])[3:6] == ["duration", "start", "end"]
    assert float(rows[1][LABELS[1]]) == 0.7


def test_jsonl_has_segments_where_there_are_some():
    plain, rejected, long = map(json.loads, jsonl.lines([prediction(), REJECTED, LONG], Layout()))
    assert list(plain) == list(rejected) == list(long)[:-1]
    assert list(plain)[-2:] == ["model", "warnings"]
    assert (plain["confidence"], plain["warnings"]) == (0.612346, [])
    assert rejected["reason"] == "empty: zero bytes; do"
    assert long["warnings"] == ["clipped: 3 % of it", "noisy: very"]
    assert [s["label"] for s in long["segments"]] == list(LABELS)
    assert list(long["segments"][0]) == ["start", "end", "label", "confidence", "probabilities"]


def test_the_table_shows_segments_below_their_recording():
    assert "".join(table.lines([LONG, REJECTED], Layout(width=14))) == (
        "file            length  emotion      confidence\n"
        "a.wav           10.0 s  anger              61 %  clipped, noisy\n"
        "  00:00.5 to 00:02.1    anger              70 %\n"
        '  00:02.1 to 00:04.0    the "calm" one       70 %\n'
        "  00:06.0 to 00:10.0    joy, loud          70 %\n"
        "bad, name.wav           rejected: empty: zero bytes\n"
    )
    (_, line) = table.lines([prediction("folder/a\nb\x1b[31m.wav")], Layout(width=13))
    assert line.startswith("…\\x1b[31m.wav")
    assert table.clock(3725.96) == "1:02:06.0"


@settings(max_examples=50)
@given(spoken())
def test_textgrid_covers_the_recording_without_a_gap(told):
    grid = read_textgrid(textgrid.text(told))
    assert list(grid) == ["emotion", "confidence"]
    for intervals in grid.values():
        assert intervals[0][0] == 0
        assert intervals[-1][1] == pytest.approx(told.duration, abs=1e-6)
        assert all(start < end for start, end, _ in intervals)
        assert all(a[1] == b[0] for a, b in itertools.pairwise(intervals))
    wanted = told.segments or [segment(0, told.duration, 0)]
    named = [i for i in grid["emotion"] if i[2]]
    assert [i[2] for i in named] == [s.label for s in wanted]
    for (start, end, _), s in zip(named, wanted, strict=True):
        assert (start, end) == pytest.approx((s.start, s.end), abs=1e-6)
    shares = [float(i[2]) for i in grid["confidence"] if i[2]]
    assert len(shares) == len(wanted)


def read_textgrid(text):
    """Read the long format strictly, as Praat's manual lays it down."""
    lines = iter(text.splitlines())

    def field(pattern):
        line = next(lines)
        match = re.fullmatch(rf"\s*{pattern} ?", line)
        assert match, (pattern, line)
        return match.groups()

    number = r"(\d+(?:\.\d+)?)"
    field('File type = "ooTextFile"'), field('Object class = "TextGrid"'), field("")
    field(f"xmin = {number}")
    (end,) = field(f"xmax = {number}")
    field("tiers\\? <exists>")
    (n_tiers,) = field("size = (\\d+)")
    field(r"item \[\]:")
    tiers = {}
    for i in range(int(n_tiers)):
        field(rf"item \[{i + 1}\]:"), field('class = "IntervalTier"')
        (name,) = field('name = "(.*)"')
        assert field(f"xmin = {number}") == ("0",)
        assert field(f"xmax = {number}") == (end,)
        (n,) = field(r"intervals: size = (\d+)")
        tiers[name] = []
        for j in range(int(n)):
            field(rf"intervals \[{j + 1}\]:")
            start, stop = field(f"xmin = {number}"), field(f"xmax = {number}")
            (label,) = field('text = "((?:[^"]|"")*)"')
            tiers[name].append((float(start[0]), float(stop[0]), label.replace('""', '"')))
    assert next(lines, None) is None
    return tiers


@settings(max_examples=50)
@given(spoken())
def test_srt_audacity_and_rttm_give_the_times_back(told):
    wanted = told.segments or [segment(0, told.duration, 0, 0.6123456789)]
    blocks = srt.text(told).strip().split("\n\n")
    assert len(blocks) == len(wanted)
    for i, (block, s) in enumerate(zip(blocks, wanted, strict=True), start=1):
        number, times, label = block.split("\n")
        found = re.fullmatch(r"(\d+):(\d\d):(\d\d),(\d{3}) --> (\d+):(\d\d):(\d\d),(\d{3})", times)
        h, m, sec, ms, h2, m2, sec2, ms2 = map(int, found.groups())
        assert number == str(i)
        assert 3600 * h + 60 * m + sec + ms / 1000 == pytest.approx(s.start, abs=6e-4)
        assert 3600 * h2 + 60 * m2 + sec2 + ms2 / 1000 == pytest.approx(s.end, abs=6e-4)
        assert max(m, sec, m2, sec2) < 60
        assert label == f"{s.label} ({min(99, int(100 * s.confidence))} %)"
    for line, s in zip(audacity.text(told).splitlines(), wanted, strict=True):
        start, end, label = line.split("\t")
        assert (float(start), float(end)) == pytest.approx((s.start, s.end), abs=1e-6)
        assert label.startswith(s.label)
    for line, s in zip("".join(rttm.lines([told], Layout())).splitlines(), wanted, strict=True):
        fields = line.split(" ")
        assert len(fields) == 10
        assert fields[:3] == ["SPEAKER", "a.wav", "1"]
        assert float(fields[3]) == pytest.approx(s.start, abs=6e-4)
        assert float(fields[3]) + float(fields[4]) == pytest.approx(s.end, abs=6e-4)
        assert unquote_to_bytes(fields[7]).decode() == s.label
        assert float(fields[8]) == pytest.approx(s.confidence, abs=1e-6)


@pytest.mark.parametrize(
    "name", [b"a b;c%.wav", b"caf\xe9\n.wav", "dé/ü.wav".encode(), b"x\ty.wav"]
)
def test_names_survive_whatever_they_hold(name):
    told = prediction(os.fsdecode(name))
    (line,) = rttm.lines([told], Layout())
    assert unquote_to_bytes(line.split(" ")[1]) == name
    assert line.count("\n") == 1
    assert json.loads(next(jsonl.lines([told], Layout())))["path"] == os.fsdecode(name)
    for written in FORMATS.values():
        text = (
            "".join(written.lines([told], Layout(LABELS))) if written.lines else written.text(told)
        )
        assert encoded(text).decode("utf-8")


def test_what_has_no_answer_has_no_segment():
    unsure = prediction(status=Status.ABSTAINED, reason=Reason("unsure", "x"), label=None)
    for told in (REJECTED, unsure):
        assert (srt.text(told), audacity.text(told), list(rttm.lines([told], Layout()))) == (
            "",
            "",
            [],
        )
    assert textgrid.text(REJECTED) == ""
    assert read_textgrid(textgrid.text(unsure))["emotion"] == [(0, 10, "")]


def test_no_two_recordings_share_a_file():
    paths = ["x/a.wav", "x/b.wav", "y/A.flac", "y/a.wav", "c.wav", "d/c.wav", "c.wav-2.mp3"]
    names = output_names(paths, ".srt")
    assert names == [
        "a.wav.srt", "b.srt", "A.flac.srt", "a.wav-2.srt", "c.wav.srt", "c.wav-3.srt",
        "c.wav-2.srt",
    ]  # fmt: skip
    assert output_names([], ".srt") == []


def test_files_are_written_as_they_come_and_none_is_replaced(tmp_path):
    paths = ["a.wav", "bad, name.wav", os.fsdecode(b"caf\xe9.wav")]
    told = [LONG, REJECTED, prediction(paths[2])]
    folder, kind = tmp_path / "out", FORMATS["textgrid"]
    names = output_names(paths, kind.suffix)
    refuse_existing(names, folder)
    written = write_each(iter(told), names, kind, folder)
    first = next(written)
    assert first == (LONG, folder / "a.TextGrid")
    assert read_textgrid(first[1].read_text(encoding="utf-8"))["emotion"]
    rest = list(written)
    assert [file for _, file in rest] == [None, folder / os.fsdecode(b"caf\xe9.TextGrid")]
    assert len(list(folder.iterdir())) == 2
    with pytest.raises(SerError, match="exists already"):
        refuse_existing(names, folder)


def test_names_of_files_leave_room_for_what_is_added():
    long = "ä" * 120  # 240 bytes
    names = output_names([f"{long}1.wav", f"{long}2.wav", "b.wav"], ".TextGrid")
    assert len(set(names)) == 3
    assert all(len(name.encode()) <= 255 for name in names)
