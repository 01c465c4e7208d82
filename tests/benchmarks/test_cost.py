"""What models cost, against counts made by hand, and the plot of accuracy against parameters."""

import json
import math
import os
import random
import resource
import runpy
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from model_cost import count_macs, measure, noise, peak_memory, time_in_turn
from support import stored, tiny
from support.paths import ROOT
from torch import nn
from training_time import Training, training_of

from ser_pcq.errors import CheckpointError, SerError
from ser_pcq.models.checkpoint import LinearRecognizer, load_checkpoint, save_checkpoint
from ser_pcq.models.folder import ABOUT, EMBEDDED
from ser_pcq.models.sharing.files import weight_files

SCRIPT = ROOT / "benchmarks" / "cost.py"
BENCHMARK = runpy.run_path(str(SCRIPT))
RESULTS = ROOT / "recipes" / "emodb" / "results"


def save(folder: Path, recognizer=None) -> Path:
    """Write a package of a tiny model."""
    recognizer = recognizer or tiny.recognizer()
    save_checkpoint(folder, recognizer, tiny.info(recognizer, folder.name))
    return folder


def script(*args: object) -> subprocess.CompletedProcess[str]:
    """Run the benchmark as a user does."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


# ---- multiply-adds

T = 10
SEQUENCE = torch.zeros(1, T, 16)


@pytest.mark.parametrize(
    ("module", "x", "macs"),
    [
        (nn.Linear(16, 4), SEQUENCE, T * 16 * 4),
        # Each of 8 output channels sees 2 of 4 input channels.
        (nn.Conv2d(4, 8, 3, groups=2), torch.zeros(1, 4, 7, 5), 5 * 3 * 8 * 2 * 9),
        # Four gates, from the input and from the state before.
        (nn.LSTM(16, 8, batch_first=True), SEQUENCE, T * 4 * 8 * (16 + 8)),
        (nn.GRU(16, 8, batch_first=True), SEQUENCE, T * 3 * 8 * (16 + 8)),
        # Queries, keys, values and output; two products over pairs of positions; two layers.
        (
            nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
            SEQUENCE,
            4 * T * 16 * 16 + 2 * T * T * 16 + 2 * T * 16 * 32,
        ),
        (nn.GELU(), SEQUENCE, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_multiply_adds_are_those_counted_by_hand(module, x, macs):
    module.eval()
    with torch.inference_mode():
        assert count_macs(lambda: module(x)) == macs
        assert count_macs(lambda: (module(x), module(x))) == 2 * macs


def test_a_whole_whisper_encoder_costs_what_its_sizes_say():
    encoder = load_checkpoint("emodb-large").recognizer.encoder
    frames, width = 150, 512
    mel = 201 * 300 * 80
    convolutions = 300 * 80 * 3 * width + frames * width * 3 * width
    # Four maps of the width and two of four times the width; attention over pairs of frames.
    block = 12 * frames * width**2 + 2 * frames**2 * width
    waveform = noise(3.0).unsqueeze(0)
    with torch.inference_mode():
        assert count_macs(lambda: encoder(waveform)) == mel + convolutions + 3 * block


def test_counting_leaves_torch_as_it_was():
    def fail():
        assert not torch.backends.mha.get_fastpath_enabled()
        raise ValueError

    before = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    with pytest.raises(ValueError):  # noqa: PT011
        count_macs(fail)
    assert (torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()) == before


# ---- models


@pytest.fixture
def without_memory(monkeypatch):
    """Do not measure memory, for which a process predicts: five to ten seconds for each model."""
    monkeypatch.setattr("model_cost.peak_memory", lambda folder, duration: 1)


def test_the_cost_of_the_embedded_model():
    (cost,) = measure(["emodb-large"], rounds=1)
    about = json.loads((EMBEDDED / "emodb-large" / ABOUT).read_text())
    counts = {"encoder": cost.encoder_parameters, "network": cost.network_parameters}
    assert counts == about["parameters"]
    assert cost.parameters == sum(about["parameters"].values())
    # Its encoder is frozen, and all of its network is not.
    assert (cost.frozen_parameters, cost.trainable_parameters) == tuple(counts.values())
    files = weight_files(EMBEDDED / "emodb-large")
    assert cost.weights == sum(file.stat().st_size for file in files) > cost.parameters
    for value in (cost.macs, cost.seconds, cost.matmuls):
        assert math.isfinite(value)
        assert value > 0
    # A process holds at least the weights, in single precision.
    assert 4 * cost.parameters < cost.memory < 64e9
    assert cost.training is None


@pytest.mark.parametrize("fine_tune", [False, True])
def test_an_encoder_is_frozen_unless_it_is_fine_tuned(fine_tune, without_memory, tmp_path):
    recognizer = tiny.recognizer(with_encoder=True)
    if fine_tune:
        tuned = {"encoder": "wavlm-base-plus", "layers": [1, 2], "fine_tune": True}
        recognizer.config = tiny.config(context=tuned)
    (cost,) = measure([str(save(tmp_path / "model", recognizer))], duration=1.0, rounds=1)
    if not fine_tune:
        assert cost.frozen_parameters == cost.encoder_parameters > 0
    else:
        # One vector that only masking would use is never trained.
        assert cost.frozen_parameters == tiny.ENCODER_SIZES["hidden_size"]


def test_what_opensmile_computes_is_not_known(without_memory, tmp_path):
    pytest.importorskip("opensmile")
    config = tiny.config(model={"name": "egemaps-svm"})
    recognizer = LinearRecognizer(config, tiny.LABELS, None, 88).eval()
    (cost,) = measure([str(save(tmp_path / "svm", recognizer))], duration=1.0, rounds=1)
    assert cost.macs is None
    # A weight for each feature and class, a bias for each class, mean and deviation of a feature.
    assert cost.parameters == cost.trainable_parameters == 3 * 88 + 3 + 2 * 88
    row = dict(zip(BENCHMARK["COLUMNS"], BENCHMARK["cells"](cost), strict=True))
    assert row["MMAC/s"] == row["training s"] == row["folds"] == row["trained on"] == "–"


def test_models_take_turns_on_one_thread_and_a_first_round_warms_up():
    calls = []
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        times = time_in_turn(
            [lambda: calls.append(("a", torch.get_num_threads())), lambda: calls.append(("b", 1))],
            rounds=3,
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert calls == 4 * [("a", 1), ("b", 1)]
    assert len(times) == 2


def test_the_memory_of_this_process_is_not_counted(tmp_path):
    folder = save(tmp_path / "model")
    held = np.ones(75_000_000)  # 600 MB
    here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak_memory(folder, 1.0) < here - held.nbytes / 2


def test_what_cannot_be_measured_is_said(tmp_path):
    with pytest.raises(CheckpointError, match=r"no such model.*emodb-large"):
        measure(["nothing"])
    for wrong in ({"duration": 0.0}, {"duration": math.nan}, {"rounds": 0}):
        with pytest.raises(SerError, match="out of range"):
            measure(["emodb-large"], **wrong)
    with pytest.raises(SerError, match="memory"):
        peak_memory(tmp_path, 1.0)


# ---- experiment folders


def write_fold(folder: Path, *histories: list[float], device="cpu", finished=True) -> None:
    """Write what training leaves: the seconds of the epochs, also of a second training."""
    for name, seconds in zip(("history.csv", "refit/history.csv"), histories, strict=False):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{i},0.5,{s}" for i, s in enumerate(seconds, start=1)]
        (folder / name).write_text("\n".join(["epoch,train_loss,seconds", *rows, ""]))
    if finished:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "finished.json").write_text(json.dumps({"device": device, "seed": 0}))


def test_training_is_the_sum_over_epochs_refits_and_finished_folds(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    write_fold(tmp_path / "fold_01", [1.5, 2.0], [4.0])
    write_fold(tmp_path / "fold_02", [8.0], device="cuda")
    write_fold(tmp_path / "fold_03", [100.0], finished=False)
    assert training_of(tmp_path) == Training(15.5, 2, ("cpu", "cuda"))
    assert training_of(tmp_path / "fold_01") == Training(7.5, 1, ("cpu",))
    assert training_of(tmp_path / "fold_03") is None


def test_a_fold_without_epochs_records_its_time_itself_and_a_damaged_record_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    write_fold(tmp_path / "fold_01")
    assert training_of(tmp_path) is None
    record = {"device": "cpu", "seed": 0, "seconds": 12.5}
    (tmp_path / "fold_01" / "finished.json").write_text(json.dumps(record))
    assert training_of(tmp_path) == Training(12.5, 1, ("cpu",))
    write_fold(tmp_path / "fold_02", [math.nan])
    with pytest.raises(SerError, match=r"damaged record.*fold_02"):
        training_of(tmp_path)


def test_of_an_experiment_the_first_fold_is_measured(without_memory, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    other = tiny.recognizer(model={"channels": [4, 4, 8, 16]})
    for name, recognizer in (("fold_01", tiny.recognizer()), ("fold_02", other)):
        write_fold(tmp_path / name, [1.0])
        save(tmp_path / name / "checkpoint", recognizer)
    (cost,) = measure([str(tmp_path)], duration=1.0, rounds=1)
    assert cost.parameters == tiny.recognizer().parameter_counts().total
    assert cost.training == Training(2.0, 2, ("cpu",))


# ---- the command


def test_the_command_prints_one_row_for_each_model_that_plots_can_read(tmp_path):
    folders = [save(tmp_path / name) for name in ("first", "second")]
    done = script(folders[0], f"mine={folders[1]}", "--seconds", 1, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    header, *rows = (line.split("\t") for line in done.stdout.splitlines())
    assert tuple(header) == BENCHMARK["COLUMNS"]
    assert [row[0] for row in rows] == [str(folders[0]), "mine"]
    assert all(len(row) == len(header) for row in rows)
    (tmp_path / "cost.tsv").write_text(done.stdout)
    counted = BENCHMARK["read_parameters"]([str(tmp_path / "cost.tsv"), "other=12"])
    counts = tiny.recognizer().parameter_counts().total
    assert counted == {str(folders[0]): counts, "mine": counts, "other": 12}


def test_the_table_in_markdown(capsys, without_memory, tmp_path):
    costs = measure([str(save(tmp_path / "model"))], duration=1.0, rounds=1)
    BENCHMARK["print_table"](costs, markdown=True)
    header, rule, row = capsys.readouterr().out.splitlines()
    assert header.count("|") == rule.count("|") == row.count("|")
    assert f"| {costs[0].parameters:,} |" in row


def test_a_missing_model_is_an_error_in_one_line():
    done = script("nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cost.py: no such model; given: nothing; accepted: emodb-large")
    assert done.stderr.count("\n") == 1


# ---- the plot

SYSTEMS = ("pcq-whisper", "whisper-svm", "egemaps-svm")
PARAMETERS = {"pcq-whisper": 10_571_583, "whisper-svm": 10_451_975, "egemaps-svm": 799}


def test_accuracies_are_those_of_the_stored_reports():
    folders = [str(RESULTS / name / "clean") for name in SYSTEMS]
    for system, folder in zip(BENCHMARK["read_systems"](folders, PARAMETERS), folders, strict=True):
        report = json.loads((Path(folder) / "seeds.json").read_text())
        assert system.parameters == PARAMETERS[system.name]
        assert system.ua == pytest.approx(100 * report["pooled_over_seeds"]["ua"]["mean"], abs=1e-3)
        intervals = [seed["speaker_interval_95"]["ua"] for seed in report["seeds"].values()]
        if len(intervals) == 1:
            assert system.interval == pytest.approx([100 * x for x in intervals[0]], abs=1e-3)
        low, high = system.interval
        assert low < system.ua < high


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_plot_is_a_whole_image_and_the_same_every_time(kind, tmp_path):
    options = [f"--parameters={name}={n}" for name, n in PARAMETERS.items()]
    folders = [RESULTS / name / "clean" for name in SYSTEMS]
    for name in ("one", "other"):
        out = tmp_path / f"{name}.{kind}"
        done = script("--plot", out, "--line", "human listeners=93.0", *options, *folders)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"one.{kind}", f"other.{kind}"]
    one = tmp_path / f"one.{kind}"
    assert one.read_bytes() == (tmp_path / f"other.{kind}").read_bytes()
    if kind == "svg":
        assert ElementTree.parse(one).getroot().tag.endswith("svg")
    else:
        image = imread(one)
        assert image.shape[:2] == (660, 1050)
        assert image.min() < image.max()


def test_without_parameters_no_plot_is_written_and_an_older_one_stays(tmp_path):
    out = tmp_path / "plot.svg"
    out.write_text("older")
    done = script("--plot", out, RESULTS / "egemaps-svm" / "clean")
    assert done.returncode == 1
    assert "the number of parameters is not known" in done.stderr
    assert "--parameters" in done.stderr
    assert [p.read_text() for p in tmp_path.iterdir()] == ["older"]
    assert script("--plot", tmp_path / "plot.jpg", RESULTS).returncode == 2


def test_an_experiment_names_its_parameters_itself(tmp_path):
    folder = stored.write_experiment(tmp_path / "exp", stored.predictions())
    save(folder / "fold_01" / "checkpoint")
    (system,) = BENCHMARK["read_systems"]([f"mine={folder}"], {})
    assert system.name == "mine"
    assert system.parameters == tiny.recognizer().parameter_counts().total


def test_systems_on_other_utterances_do_not_share_a_plot(tmp_path):
    folders = []
    for name, n in (("a", 4), ("b", 5)):
        folders.append(str(stored.write_experiment(tmp_path / name, stored.predictions(n))))
    with pytest.raises(SerError, match="do not have the same utterances"):
        BENCHMARK["read_systems"](folders, {"a": 1, "b": 1})


def test_names_are_where_folders_differ():
    short = BENCHMARK["short_names"]
    assert short([Path("x/a/clean"), Path("x/b/clean")]) == ["a", "b"]
    assert short([Path("x/a"), Path("y/b")]) == ["a", "b"]
    assert short([Path("x/a")]) == ["a"]
    # The last parts alone would be the same name twice.
    assert short([Path("x/a/p"), Path("y/a/p"), Path("y/a/q")]) == ["x/a/p", "y/a/p", "y/a/q"]


@pytest.mark.parametrize("wrong", ["a=many", "a=0", "a=-3", "no-file.tsv"])
def test_parameters_that_are_none_are_refused(wrong):
    with pytest.raises(SerError):
        BENCHMARK["read_parameters"]([wrong])


@pytest.mark.parametrize("wrong", ["human", "human=many", "=93", "human=101", "human=nan"])
def test_lines_that_are_none_are_refused(wrong):
    with pytest.raises(SerError, match="no line to draw"):
        BENCHMARK["read_lines"]([wrong])


@pytest.mark.parametrize("seed", range(4))
def test_labels_lie_apart_inside_the_plot_and_on_no_other_point(seed):
    rng = random.Random(seed)
    systems = []
    for i in range(8):
        # Half of them have nearly equal parameters, as systems with the same encoder have.
        size = int(rng.uniform(1e7, 1.05e7) if i % 2 else 10 ** rng.uniform(3, 8))
        ua = rng.uniform(60, 95)
        systems.append(BENCHMARK["System"](f"system-{i}", size, ua, (ua - 3, ua + 2)))
    figure = BENCHMARK["accuracy_figure"](systems, {"human listeners": 93.0})
    figure.canvas.draw()
    (axes,) = figure.axes
    labels = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert set(labels) == {"human listeners, 93 %", *(s.name for s in systems)}
    for (_, a), (_, b) in combinations(labels.items(), 2):
        assert not a.overlaps(b)
    points = [axes.transData.transform(c.lines[0].get_xydata()[0]) for c in axes.containers]
    assert len(points) == len(systems)
    for box in labels.values():
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1
        assert axes.bbox.y0 <= box.y0 < box.y1 <= axes.bbox.y1
        assert not any(box.contains(*point) for point in points)
    # No point hides another one, and accuracies are drawn as they are.
    for a, b in combinations(points, 2):
        assert math.dist(a, b) > 5 * figure.dpi / 72
    heights = [axes.transData.inverted().transform(point)[1] for point in points]
    assert heights == pytest.approx([system.ua for system in systems])
