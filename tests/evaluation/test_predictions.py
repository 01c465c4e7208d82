"""The table of predictions: what is written is read back, what is wrong is refused by line."""

import dataclasses

import pytest

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.table import (
    Predictions,
    UtterancePrediction,
    merge,
    read_predictions,
    write_predictions,
)

LABELS = ("anger", "joy", "neutral")
HEADER = "utterance_id,speaker,fold,reference,prediction,anger,joy,neutral"
FIRST = "u1,03,1,anger,anger,0.700000,0.200000,0.100000"
SECOND = "u2,08,2,joy,neutral,0.100000,0.400000,0.500000"


def row(utterance_id, *, speaker="03", fold=1, reference="anger", shares=(0.7, 0.2, 0.1)):
    best = LABELS[max(range(3), key=shares.__getitem__)]
    return UtterancePrediction(utterance_id, speaker, fold, reference, best, shares)


def table(*rows):
    return Predictions(LABELS, rows)


def written(tmp_path, *lines):
    path = tmp_path / "predictions.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_text_of_a_table(tmp_path):
    path = tmp_path / "predictions.csv"
    second = row("u2", speaker="08", fold=2, reference="joy", shares=(0.1, 0.4, 0.5))
    write_predictions(path, table(second, row("u1")))
    assert path.read_bytes() == f"{HEADER}\n{FIRST}\n{SECOND}\n".encode()


def test_what_is_written_is_read_back(tmp_path):
    rows = [
        row("b,with comma", shares=(1 / 3, 1 / 3, 1 / 3)),
        row('a "quoted"', speaker="ä", fold=12, reference="joy", shares=(1.0, 0.0, 0.0)),
    ]
    write_predictions(tmp_path / "one.csv", table(*rows))
    back = read_predictions(tmp_path / "one.csv")
    assert back.labels == LABELS
    assert [r.utterance_id for r in back.rows] == ['a "quoted"', "b,with comma"]
    for given, read in zip(sorted(rows, key=lambda r: r.utterance_id), back.rows, strict=True):
        assert dataclasses.replace(read, probabilities=()) == dataclasses.replace(
            given, probabilities=()
        )
        assert read.probabilities == pytest.approx(given.probabilities, abs=5e-7)
    write_predictions(tmp_path / "two.csv", back)
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    assert read_predictions(tmp_path / "two.csv") == back


def test_the_order_of_rows_does_not_reach_the_file(tmp_path):
    rows = [row(f"u{i}") for i in range(5)]
    write_predictions(tmp_path / "one.csv", table(*rows))
    write_predictions(tmp_path / "two.csv", table(*rows[::-1]))
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_single_precision_noise_is_no_error(tmp_path):
    path = tmp_path / "predictions.csv"
    write_predictions(path, table(row("u1", shares=(1.0000001, -1e-8, 0.0))))
    assert "-" not in path.read_text(encoding="utf-8")
    assert read_predictions(path).rows[0].probabilities == (1.0, 0.0, 0.0)


def test_a_tie_may_be_answered_either_way(tmp_path):
    tied = "u1,03,1,anger,{},0.400000,0.400000,0.200000"
    for label in ("anger", "joy"):
        path = written(tmp_path, HEADER, tied.format(label))
        assert read_predictions(path).rows[0].prediction == label
    with pytest.raises(ScoreError, match=r"not the most probable"):
        read_predictions(written(tmp_path, HEADER, tied.format("neutral")))


def test_confusion_and_groups():
    rows = [
        row("u3", speaker="08", fold=10, reference="joy"),
        row("u1", speaker="09", fold=2),
        row("u2", speaker="08", fold=2),
    ]
    predictions = table(*rows)
    assert predictions.confusion().counts == ((2, 0, 0), (1, 0, 0), (0, 0, 0))
    folds, speakers = predictions.by_fold(), predictions.by_speaker()
    assert list(folds) == [2, 10]
    assert [r.utterance_id for r in folds[2].rows] == ["u1", "u2"]
    assert list(speakers) == ["08", "09"]
    assert [r.utterance_id for r in speakers["08"].rows] == ["u3", "u2"]
    parts = [fold.confusion() for fold in folds.values()]
    assert parts[0] + parts[1] == predictions.confusion()


def test_a_byte_order_mark_and_crlf_are_read(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_bytes(f"\ufeff{HEADER}\r\n{FIRST}\r\n".encode())
    assert read_predictions(path).rows[0].utterance_id == "u1"


# (line 3 of the file, what the message must say); line 2 is right.
BAD_ROWS = {
    "duplicate": (FIRST, "in the table already.*u1, first in line 2"),
    "nan": ("u2,08,2,joy,joy,nan,0.5,0.5", r"outside \[0, 1\]"),
    "infinite": ("u2,08,2,joy,joy,inf,0.5,0.5", r"outside \[0, 1\]"),
    "negative": ("u2,08,2,joy,joy,-0.1,0.6,0.5", r"outside \[0, 1\]"),
    "above one": ("u2,08,2,joy,joy,0,1.1,-0.1", r"outside \[0, 1\]"),
    "just above one": ("u2,08,2,joy,joy,0,1.0005,0", r"outside \[0, 1\]"),
    "sum": ("u2,08,2,joy,joy,0.2,0.5,0.2", "do not sum to 1.*0.9"),
    "not a number": ("u2,08,2,joy,joy,x,0.5,0.5", "not a number"),
    "empty probability": ("u2,08,2,joy,joy,,0.5,0.5", "not a number"),
    "reference": ("u2,08,2,fear,joy,0.1,0.5,0.4", "unknown label in column reference.*'fear'"),
    "prediction": ("u2,08,2,joy,Joy,0.1,0.5,0.4", "unknown label in column prediction.*'Joy'"),
    "argmax": ("u2,08,2,joy,joy,0.1,0.4,0.5", "not the most probable.*joy, while neutral"),
    "fold text": ("u2,08,one,joy,joy,0.1,0.5,0.4", "fold must be.*'one'"),
    "fold zero": ("u2,08,0,joy,joy,0.1,0.5,0.4", "fold must be"),
    "fold digits": (f"u2,08,{'9' * 5000},joy,joy,0.1,0.5,0.4", "fold must be"),
    "no name": (",08,2,joy,joy,0.1,0.5,0.4", "must not be empty"),
    "no speaker": ("u2,,2,joy,joy,0.1,0.5,0.4", "must not be empty"),
    "short": ("u2,08,2,joy,joy,0.1,0.9", "wrong number of columns.*7.*8"),
    "long": ("u2,08,2,joy,joy,0.1,0.5,0.4,0", "wrong number of columns.*9.*8"),
    "blank": ("", "wrong number of columns"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_refused_with_file_and_line(tmp_path, case):
    line, message = BAD_ROWS[case]
    path = written(tmp_path, HEADER, FIRST, line)
    with pytest.raises(ScoreError, match=rf"(?s)predictions\.csv, line 3: .*{message}"):
        read_predictions(path)


BAD_HEADERS = {
    "order": HEADER.replace("reference,prediction", "prediction,reference"),
    "missing": HEADER.replace("speaker,", ""),
    "no labels": "utterance_id,speaker,fold,reference,prediction",
    "one label": "utterance_id,speaker,fold,reference,prediction,anger",
    "same label": HEADER.replace("joy", "anger"),
    "empty label": HEADER.replace("joy", ""),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_a_bad_header_is_refused(tmp_path, case):
    with pytest.raises(ScoreError, match=r"predictions\.csv, line 1: "):
        read_predictions(written(tmp_path, BAD_HEADERS[case], FIRST))


def test_files_that_are_no_table(tmp_path):
    with pytest.raises(ScoreError, match=r"cannot read .*none\.csv"):
        read_predictions(tmp_path / "none.csv")
    with pytest.raises(ScoreError, match=r"cannot read"):
        read_predictions(tmp_path)
    with pytest.raises(ScoreError, match=r"holds no predictions"):
        read_predictions(written(tmp_path, HEADER))
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"")
    with pytest.raises(ScoreError, match=r"line 1.*nothing"):
        read_predictions(broken)
    for content in (b"\xff\xfe\x00u", f'{HEADER}\n"u1'.encode()):
        broken.write_bytes(content)
        with pytest.raises(ScoreError, match=r"not a CSV table"):
            read_predictions(broken)


def test_nothing_is_written_that_would_not_be_read(tmp_path):
    path = tmp_path / "predictions.csv"
    good = row("u1")
    bad = {
        "tested twice": (LABELS, (good, good)),
        "no predictions": (LABELS, ()),
        "label set": (("anger", "anger", "joy"), (good,)),
        "number of probabilities": (LABELS, (dataclasses.replace(good, probabilities=(1.0,)),)),
        "outside": (LABELS, (row("u1", shares=(float("nan"), 0.5, 0.5)),)),
        "most probable": (LABELS, (dataclasses.replace(good, prediction="joy"),)),
    }
    for message, (labels, rows) in bad.items():
        with pytest.raises(ScoreError, match=message):
            write_predictions(path, Predictions(labels, rows))
        assert not list(tmp_path.iterdir())


def test_merge_joins_and_sorts():
    merged = merge([table(row("u3", fold=1), row("u1", fold=1)), table(row("u2", fold=2))])
    assert [r.utterance_id for r in merged.rows] == ["u1", "u2", "u3"]
    assert merged.labels == LABELS


def test_merge_refuses_what_cannot_be_one_table():
    with pytest.raises(ScoreError, match=r"tested twice.*u1 in fold 1 and in fold 2"):
        merge([table(row("u1", fold=1)), table(row("u1", fold=2))])
    with pytest.raises(ScoreError, match=r"different labels"):
        merge([table(row("u1")), Predictions(LABELS[::-1], (row("u2"),))])
    with pytest.raises(ScoreError, match=r"no predictions"):
        merge([])


def test_a_data_frame_is_what_pandas_reads_from_the_file(tmp_path):
    import pandas

    rows = tuple(
        UtterancePrediction(f"u{i}", f"s{i % 2}", 1 + i % 2, "a", "b", (0.25, 0.75))
        for i in range(4)
    )
    predictions = Predictions(("a", "b"), rows)
    write_predictions(tmp_path / "predictions.csv", predictions)
    read = pandas.read_csv(tmp_path / "predictions.csv")
    pandas.testing.assert_frame_equal(read, predictions.to_frame(), check_dtype=False)
