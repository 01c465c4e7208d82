"""What a list names, whatever kind it is: in order, one entry at a time, ids and parts with it."""

import csv
import io
import os
import subprocess
import sys
import threading

import pyarrow as pa
import pytest
from pyarrow import parquet
from support.paths import ROOT

from ser_pcq.data.lists import read_list, read_stream_list
from ser_pcq.errors import DataError

NAMES = ["a.wav", "b c.wav", "ü/ż.flac", "'quoted'.wav", "comma, and; semicolon.wav", "#1.wav"]


def paths(listed):
    return [str(one.path) for one in listed]


def written_as(kind, path, names):
    """Write a list of a kind; return its path."""
    path = path.with_suffix({"csv": ".csv", "tsv": ".tsv", "parquet": ".parquet"}.get(kind, ".txt"))
    if kind == "parquet":
        parquet.write_table(pa.table({"x": range(len(names)), "file": names}), path)
    elif kind in ("csv", "tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter={"csv": ",", "tsv": "\t"}[kind])
            writer.writerows([("x", "Path"), *enumerate(names)])
    else:
        encoding = {"utf-16": "utf-16", "bom": "utf-8-sig"}.get(kind, "utf-8")
        path.write_text(
            "\n".join(names) + "\n", encoding, newline="\r\n" if kind == "dos" else None
        )
    return path


@pytest.mark.parametrize("kind", ["text", "bom", "dos", "utf-16", "csv", "tsv", "parquet"])
def test_every_kind_names_the_same_recordings_in_the_same_order(tmp_path, kind):
    listed = read_list(written_as(kind, tmp_path / "list", NAMES))
    assert paths(listed) == NAMES
    assert paths(listed) == NAMES  # again, from the beginning
    assert listed.count() == len(NAMES)
    assert not listed.has_utterances


def test_names_that_are_no_text_stay_what_they_are(tmp_path):
    odd = os.fsdecode(b"caf\xe9.wav")
    (tmp_path / "list").write_bytes(b"caf\xe9.wav\n\n  \nlast.wav")
    assert paths(read_list(tmp_path / "list")) == [odd, "last.wav"]


def test_a_relative_path_is_looked_for_beside_the_list_and_then_here(tmp_path, monkeypatch):
    for place in ("lists/both.wav", "here/both.wav", "here/one.wav"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "lists" / "list").write_text("both.wav\none.wav\n")
    monkeypatch.chdir(tmp_path / "here")
    both, one = read_list("../lists/list")
    assert both.file.resolve() == tmp_path / "lists" / "both.wav"
    assert one.file.resolve() == tmp_path / "here" / "one.wav"
    assert (str(both.path), str(one.path)) == ("both.wav", "one.wav")


def test_a_wav_scp_has_ids_and_its_commands_are_refused(tmp_path):
    lines = ["u1 a\t1.wav", "u2\tb c.wav ", "", "u3 sph2pipe -f wav x.sph |", "u4"]
    (tmp_path / "wav.scp").write_text("\n".join(lines))
    listed = read_list(tmp_path / "wav.scp")
    assert listed.has_utterances
    u1, u2, u3, u4 = listed
    assert [(str(one.path), one.utterance) for one in (u1, u2)] == [
        ("a\t1.wav", "u1"),
        ("b c.wav", "u2"),
    ]
    assert [one.utterance for one in (u3, u4)] == ["u3", "u4"]
    assert "never run" in u3.refused.sentence
    assert str(u3.path) == "line 4 of wav.scp"
    assert "no path" in u4.refused.sentence


def test_a_data_directory_names_its_utterances(tmp_path):
    (tmp_path / "wav.scp").write_text("r1 a.wav\nr2 b.wav\n")
    assert [one.utterance for one in read_list(tmp_path)] == ["r1", "r2"]
    lines = ["u1 r2 0.5 1.5", "u2 r1 2 -1", "u3 r2 0 1", "u4 none 0 1", "u5 r1 2 1", "u6 r1"]
    (tmp_path / "segments").write_text("\n".join(lines))
    listed = list(read_list(tmp_path))
    assert [one.utterance for one in listed] == ["u1", "u2", "u3", "u4", "u5", "u6"]
    assert [(str(o.path), o.span.start, o.span.end) for o in listed[:3]] == [
        ("b.wav", 0.5, 1.5),
        ("a.wav", 2.0, None),
        ("b.wav", 0.0, 1.0),
    ]
    assert [one.refused is None for one in listed] == [True] * 3 + [False] * 3
    assert "there is none" in listed[3].refused.sentence


def test_a_row_without_a_path_costs_only_itself(tmp_path):
    (tmp_path / "t.csv").write_text("wav,emotion\na.wav,anger\n,fear\n\nb.wav\n")
    a, bad, b = read_list(tmp_path / "t.csv")
    assert paths([a, b]) == ["a.wav", "b.wav"]
    assert str(bad.path) == f"row 3 of {tmp_path / 't.csv'}"
    assert bad.refused.word == "bad_entry"
    table = pa.table({"path": pa.array(["a.wav", None, ""]).dictionary_encode()})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert [one.refused is None for one in read_list(tmp_path / "t.parquet")] == [
        True,
        False,
        False,
    ]


def test_a_column_can_be_named(tmp_path):
    for name in ("t.csv", "t.txt"):
        (tmp_path / name).write_text("file;other\na.wav;b.wav\n")
        assert paths(read_list(tmp_path / name, "other")) == ["b.wav"]
    piped = io.BufferedReader(io.BytesIO(b"file,other\na.wav,b.wav\n"))
    assert paths(read_stream_list(piped, "other")) == ["b.wav"]


def test_a_table_is_cut_where_its_column_of_paths_shows(tmp_path):
    (tmp_path / "t.csv").write_text("path;a note, with, many, commas\na.wav;b, c\n")
    assert paths(read_list(tmp_path / "t.csv")) == ["a.wav"]


def test_a_row_with_a_wrong_quote_costs_only_itself(tmp_path):
    (tmp_path / "t.csv").write_text('path,x\na.wav,"a"b\nb.wav,1\n')
    bad, b = read_list(tmp_path / "t.csv")
    assert bad.refused.word == "bad_entry"
    assert paths([b]) == ["b.wav"]


def test_a_path_is_shown_to_the_letter(tmp_path):
    names = ["./a.wav", "b//c.wav", "file:///d.wav"]
    (tmp_path / "list").write_text("\n".join(names))
    assert [one.entry for one in read_list(tmp_path / "list")] == names


def test_a_pipe_is_read_once_and_whole(tmp_path):
    """As `<(find …)` makes it; what is read ahead must not be lost."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    names = [f"a name with some letters {k}.wav" for k in range(5000)]
    writer = threading.Thread(target=lambda: fifo.write_text("\n".join(names)))
    writer.start()
    listed = read_list(fifo)
    assert listed.is_pipe
    assert paths(listed) == names
    writer.join()


@pytest.mark.parametrize("text", ["a.wav", "a.wav\n", "a.wav\nb.wav\n", "a.wav\nb.wav", ""])
def test_names_are_counted_with_or_without_a_last_line_end(tmp_path, text):
    (tmp_path / "list").write_text(text)
    listed = read_list(tmp_path / "list")
    assert listed.count() == len(list(listed))


def test_a_command_is_called_so_where_segments_name_it(tmp_path):
    (tmp_path / "wav.scp").write_text("r sph2pipe x.sph |\n")
    (tmp_path / "segments").write_text("u r 0 1\n")
    (one,) = read_list(tmp_path)
    assert "never run" in one.refused.sentence


def nothing(path):
    return path


def twice(path):
    parquet.write_table(pa.table([["a"], ["b"]], names=["path", "path"]), path)
    return path


def piped_parquet(path):
    os.mkfifo(path)
    threading.Thread(target=lambda: path.write_bytes(b"PAR1" + bytes(100))).start()
    return path


def utf_32(path):
    path.write_text("a.wav\nb.wav\n", encoding="utf-32")
    return path


def no_table(path):
    path.write_text("emotion,speaker\nanger,1\n")
    return path.rename(path.with_suffix(".csv"))


def open_quote(path):
    path.write_text('file\na.wav\n"b.wav\n')
    return path.rename(path.with_suffix(".csv"))


def no_header(path):
    path.write_text("\na.wav\n")
    return path.rename(path.with_suffix(".csv"))


def recording(path):
    path.write_bytes(b"RIFF\0\0\0\0WAVE")
    return path


def damaged_parquet(path):
    path.write_bytes(b"PAR1" + bytes(100))
    return path


def numbers(path):
    parquet.write_table(pa.table({"file": [1, 2]}), path)
    return path


def folder(path):
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, "cannot be read"),
        (no_table, "no column says the path"),
        (open_quote, "has no end"),
        (no_header, "no header"),
        (recording, "no list of recordings"),
        (damaged_parquet, "no Parquet table"),
        (numbers, "holds no text"),
        (folder, "no data directory"),
        (twice, "have the same name"),
        (piped_parquet, "through a pipe"),
        (utf_32, "no list of recordings"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, make, words):
    with pytest.raises(DataError, match=words):
        list(read_list(make(tmp_path / "list")))


_MEASURE = """
import sys, tracemalloc
from ser_pcq.data.lists import read_list
for path in sys.argv[1:]:
    each = iter(read_list(path))
    next(each)  # what is imported and opened
    tracemalloc.start()
    n_names = 1 + sum(1 for _ in each)
    print(n_names, tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
"""


def test_a_list_is_never_held(tmp_path):
    """Held, ten thousand entries would take some 8 MB.

    In a process of its own: parts of names are interned, and the table of a large process grows by
    as much at once.
    """
    names = [f"/a/folder/with/a/name/{k:07d}.wav" for k in range(10_000)]
    files = [written_as(kind, tmp_path / kind, names) for kind in ("text", "csv", "parquet")]
    scp = tmp_path / "wav.scp"
    scp.write_text("".join(f"u{k} {name}\n" for k, name in enumerate(names)))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *files, scp],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines():
        n_names, peak = map(int, line.split())
        assert n_names == 10_000
        assert peak < 4e6
    assert len(done.stdout.splitlines()) == 4
