"""`ser-data`, run as a user runs it."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.paths import ROOT

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "corpus"
    result = command("data", "generate", "synthetic", folder, "--speakers", 2, "--per-class", 2)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    return folder


@pytest.fixture
def data_dir(corpus: Path, tmp_path: Path, command: Command) -> Path:
    result = command("data", "prepare", "synthetic", corpus, tmp_path / "data")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert "12 utterances, 2 speakers, 3 emotions" in result.stderr
    return tmp_path / "data"


def test_validate_sound(data_dir: Path, command: Command) -> None:
    result = command("data", "validate", data_dir)
    assert result.returncode == 0
    assert result.stdout == "ok: 12 utterances, 2 speakers, 3 emotions\n"
    assert result.stderr == ""


def test_validate_tells_each_problem_in_a_line(
    data_dir: Path, tmp_path: Path, command: Command
) -> None:
    scp = (data_dir / "wav.scp").read_text()
    (data_dir / "wav.scp").write_text(scp.replace("f02_anger_01.wav", "gone.wav"))
    (data_dir / "spk2gender").write_text("f02 f\nm01 male\n")
    result = command("data", "validate", data_dir)
    assert result.returncode == 1
    assert result.stdout == ""
    kinds = [line.split(": ")[:2] for line in result.stderr.splitlines()]
    assert kinds == [["ser-data", "inconsistent-speaker"], ["ser-data", "missing-audio"]]
    assert "f02_anger_01" in result.stderr
    result = command("data", "validate", "--no-audio", data_dir)
    assert result.returncode == 1
    assert "missing-audio" not in result.stderr


def test_validate_nothing(tmp_path: Path, command: Command) -> None:
    result = command("data", "validate", tmp_path / "none")
    assert result.returncode == 1
    assert "the folder does not exist" in result.stderr


def test_summary_table(data_dir: Path, command: Command) -> None:
    result = command("data", "summary", data_dir)
    assert result.returncode == 0
    assert result.stderr == ""
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["emotion", "f02", "m01", "all"]
    assert rows[1] == ["anger", "2", "2", "4"]
    assert rows[4] == ["all", "6", "6", "12"]
    assert rows[6] == ["emotion", "total_s", "min_s", "mean_s", "max_s"]


def test_summary_csv_and_json_agree(data_dir: Path, command: Command) -> None:
    table = command("data", "summary", data_dir, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    values = json.loads(command("data", "summary", data_dir, "--format", "json").stdout)
    assert [row["emotion"] for row in rows] == ["anger", "neutral", "sadness", "all"]
    for row in rows[:-1]:
        assert int(row["speaker:m01"]) == values["counts"][row["emotion"]]["m01"] == 2
        durations = values["durations"][row["emotion"]]
        assert float(row["total_s"]) == pytest.approx(durations["total"], abs=1e-3)
        assert float(row["max_s"]) == pytest.approx(durations["longest"], abs=1e-3)
    assert int(rows[-1]["utterances"]) == values["total"]["n_utterances"] == 12


def test_summary_of_a_broken_directory_is_one_line(data_dir: Path, command: Command) -> None:
    (data_dir / "utt2emo").unlink()
    result = command("data", "summary", data_dir)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "utt2emo" in result.stderr


def test_unknown_corpus_is_wrong_usage(tmp_path: Path, command: Command) -> None:
    result = command("data", "prepare", "emdb", tmp_path, tmp_path / "data")
    assert result.returncode == 2
    assert "Did you mean 'emodb'?" in result.stderr
    result = command("data", "generate", "emodb", tmp_path)
    assert result.returncode == 2
    assert "one of: synthetic" in result.stderr
    assert command("data", "summary", "--format", "xml", tmp_path).returncode == 2


def test_prepare_warns_of_an_incomplete_corpus(tmp_path: Path, command: Command) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "03a01Fa.wav").touch()
    result = command("data", "prepare", "emodb", ".", "data", cwd=tmp_path)
    assert result.returncode == 0
    assert "note: 1 utterances, 535 in the complete release" in result.stderr
    scp = (tmp_path / "data" / "wav.scp").read_text()
    assert scp == f"03a01Fa {tmp_path}/wav/03a01Fa.wav\n"


def test_prepare_that_fails_writes_nothing(tmp_path: Path, command: Command) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "song.wav").touch()
    result = command("data", "prepare", "emodb", tmp_path, tmp_path / "data")
    assert result.returncode == 1
    assert result.stderr.startswith("ser-data: the file name is not one of EMO-DB")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_prepare_emodb(emodb_dir: Path, tmp_path: Path, command: Command) -> None:
    result = command("data", "prepare", "emodb", emodb_dir, tmp_path / "data")
    assert result.returncode == 0
    assert "warning" not in result.stderr
    result = command("data", "validate", tmp_path / "data")
    assert result.stdout == "ok: 535 utterances, 10 speakers, 7 emotions\n"


def test_help_and_version(command: Command) -> None:
    result = command("data", "--help")
    assert result.returncode == 0
    for name in ("prepare", "generate", "validate", "summary"):
        assert name in result.stdout
        assert command("data", name, "-h").returncode == 0
    assert command("data", "--version").stdout.startswith("ser-pcq ")


def test_help_needs_nothing_slow() -> None:
    code = (
        "import sys, ser_pcq.cli.data.commands\n"
        "print({'torch', 'numpy', 'pandas', 'soundfile', 'scipy', 'rich'} & set(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "set()\n"
