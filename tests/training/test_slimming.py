"""A slim encoder is what its regressions say: exact where ranks allow, the best there is below."""

import copy
import dataclasses
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from support import tiny

from ser_pcq import load
from ser_pcq.config import ContextConfig
from ser_pcq.config.linear import SlimConfig
from ser_pcq.config.toml import from_dict
from ser_pcq.errors import ConfigError
from ser_pcq.models.checkpoint import load_checkpoint
from ser_pcq.models.encoders.pretrained import load_encoder
from ser_pcq.models.encoders.slim_whisper import LowRank, SlimWhisper, attend
from ser_pcq.models.encoders.whisper_input import sinusoids
from ser_pcq.protocols.provenance import Provenance, read_provenance
from ser_pcq.training.experiment import open_experiment
from ser_pcq.training.linear.slim.encoder import Moments, n_stages, slim_encoder
from ser_pcq.training.linear.slim.teacher import SlimTeacher
from ser_pcq.training.linear.train import _slimmed
from ser_pcq.training.run_fold import run_fold

WHOLE = SlimConfig(conv=(32, 32), attention=(32, 32, 32))
"""All the ranks that the small Whisper has."""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tiny.save_whisper(tmp_path_factory.mktemp("whisper"))
    context = ContextConfig(encoder=str(folder), layers=(0, 1))
    return load_encoder(context).eval().requires_grad_(False)


@pytest.fixture
def strong_encoder(encoder):
    """The same with weights three times as large.

    As they are drawn, what is heard hardly moves the states, and losses are mostly rounding, which
    differs between processors.
    """
    strong = copy.deepcopy(encoder)
    with torch.no_grad():
        for weight in (p for p in strong.parameters() if p.dim() > 1):
            weight.mul_(3)
    return strong


def speech(n=60, seed=0):
    """Noise that comes and goes, in segments of a second."""
    generator = torch.Generator().manual_seed(seed)
    envelope = torch.rand(n, 1, 10, generator=generator).repeat_interleave(1600, dim=2)
    return list(0.3 * torch.randn(n, 1, 16_000, generator=generator) * envelope)


def ignore(done, total):
    """Take no notice of the progress."""


def left_over(slim, encoder, waveforms):
    """Share of the variance of the attended state that the slim encoder misses."""
    wanted = torch.cat([SlimTeacher(encoder).attended(w)[0] for w in waveforms])
    given = torch.cat([slim(w)[0, 1] for w in waveforms])
    return float((wanted - given).square().mean() / wanted.var(dim=0).mean())


@torch.no_grad()
def test_a_map_of_low_rank_is_found_again():
    generator = torch.Generator().manual_seed(0)
    truth = LowRank(12, 20, 3)
    x = torch.randn(500, 12, generator=generator) @ torch.randn(12, 12, generator=generator) + 2
    moments = Moments()
    for part in x.split(100):
        moments.add(part, truth(part))
    fitted = LowRank(12, 20, 3)
    assert moments.fit(fitted) < 1e-4
    torch.testing.assert_close(fitted(x), truth(x), atol=0.02, rtol=0.01)


@torch.no_grad()
def test_no_map_of_this_rank_is_better_and_what_is_left_is_returned():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4000, 8, generator=generator)
    y = x @ torch.randn(8, 6, generator=generator) * torch.tensor([1.0, 1, 1, 100, 1, 0.01])
    y = y + 0.1 * y.std(dim=0) * torch.randn(4000, 6, generator=generator)
    moments = Moments()
    moments.add(x, y)
    errors = []
    for rank in (1, 2, 4, 6):
        fitted = LowRank(8, 6, rank)
        left = moments.fit(fitted)
        residual = ((y - fitted(x)) / y.std(dim=0)).square().mean()
        assert left == pytest.approx(float(residual), abs=0.01)
        # With inputs that are white the best is known: what the largest singular values hold.
        standardised = ((y - y.mean(dim=0)) / y.std(dim=0)).numpy()
        predictor = np.linalg.lstsq((x - x.mean(dim=0)).numpy(), standardised, rcond=None)[0]
        values = np.linalg.svd((x - x.mean(dim=0)).numpy() @ predictor, compute_uv=False)
        best = 1 - (values[:rank] ** 2).sum() / standardised.size
        assert left == pytest.approx(best, abs=0.005)
        errors.append(left)
    assert errors == sorted(errors, reverse=True)


@torch.no_grad()
def test_with_all_ranks_it_is_whisper_without_the_feed_forward_half(encoder):
    slim = slim_encoder(encoder, speech, WHOLE)
    strange = speech(5, seed=9)
    for waveform in strange:
        stem = encoder(waveform)[:, 0]
        torch.testing.assert_close(slim(waveform)[:, 0], stem, atol=0.02, rtol=0.02)
    assert left_over(slim, encoder, strange) < 1e-3


@torch.no_grad()
def test_fewer_ranks_lose_more_and_weigh_less(strong_encoder):
    encoder = strong_encoder
    lost, sizes = [], []
    for rank in (2, 8, 32):
        slim = slim_encoder(encoder, speech, SlimConfig((rank, rank), (rank, rank, rank)))
        lost.append(left_over(slim, encoder, speech(5, seed=9)))
        sizes.append(sum(p.numel() for p in slim.parameters()))
    assert lost[0] > lost[1] > lost[2]
    assert sizes == sorted(sizes)
    # Six matrices of 32 or 64 rows, with inputs of 80 or 32 channels in three frames, or 32.
    assert sizes[0] == 2 * (240 + 96 + 32 + 32 + 32 + 32 * 4 + 64) + 4 * 32 + 64


def test_the_same_speech_gives_the_same_encoder_and_is_heard_four_times(encoder):
    counted = []
    config = SlimConfig((4, 4), (4, 4, 4))
    first = slim_encoder(encoder, speech, config, on_progress=lambda: counted.append(1))
    assert len(counted) == n_stages(config) * len(speech())
    assert first.fingerprint() == slim_encoder(encoder, speech, config).fingerprint()
    other = slim_encoder(encoder, lambda: speech(seed=1), config)
    assert first.fingerprint() != other.fingerprint()
    assert not any(p.requires_grad for p in first.parameters())


def test_positions_and_attention_are_those_of_whisper(whisper_dir):
    whisper = load_encoder(ContextConfig(encoder=str(whisper_dir), layers=(1,))).eval()
    table = whisper.positions.weight
    torch.testing.assert_close(sinusoids(*table.shape), table, atol=5e-4, rtol=0)
    teacher = SlimTeacher(whisper)
    waveform = speech(1)[0]
    with torch.no_grad():
        attended = teacher.attended(waveform)
        block = whisper.blocks[0]
        hidden = block.fc2(torch.nn.functional.gelu(block.fc1(block.final_layer_norm(attended))))
        torch.testing.assert_close(attended + hidden, whisper(waveform)[:, 0], atol=1e-3, rtol=1e-3)


def test_attention_looks_at_the_frame_whose_key_fits():
    key = torch.eye(4).repeat(1, 1, 2).view(1, 4, 8) * 50
    value = torch.arange(32.0).view(1, 4, 8)
    torch.testing.assert_close(attend(key, key, value, 2), value)


def test_what_cannot_be_made_slim_is_refused():
    with pytest.raises(ConfigError, match="cannot be made slim; given: wavlm"):
        slim_encoder(tiny.random_encoder(), speech, WHOLE)
    shape = {"n_mels": 80, "width": 8, "heads": 2, "conv": [1, 1], "attention": [1, 1, 1]}
    with pytest.raises(ConfigError, match="no such layer"):
        SlimWhisper(ContextConfig(), (2,), shape)


@pytest.mark.parametrize(
    ("config", "accepted"),
    [
        (SlimConfig((33, 4), (4, 4, 4)), "slim.conv.*up to 32, 32"),
        (SlimConfig((4, 4), (4, 4, 33)), "slim.attention.*up to 32, 32, 32"),
    ],
)
def test_ranks_that_a_map_does_not_have_are_refused(config, accepted, encoder):
    with pytest.raises(ConfigError, match=accepted):
        slim_encoder(encoder, speech, config)


@torch.no_grad()
def test_segments_are_heard_as_the_encoder_will_hear_them(strong_encoder):
    encoder = strong_encoder
    config = SlimConfig((24, 24), (24, 24, 24))
    normalised = dataclasses.replace(encoder.config, normalise_waveform=True)
    encoder.config = normalised
    try:
        slim = slim_encoder(encoder, speech, config)
        strange = [encoder.prepare(w) for w in speech(5, seed=9)]
    finally:
        encoder.config = dataclasses.replace(normalised, normalise_waveform=False)
    wanted = torch.cat([SlimTeacher(encoder).attended(w)[0] for w in strange])
    given = torch.cat([slim(w)[0, 1] for w in speech(5, seed=9)])
    raw = slim_encoder(encoder, speech, config)
    assert left_over(raw, encoder, strange) > 1.5 * float(
        (wanted - given).square().mean() / wanted.var(dim=0).mean()
    )


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"slim": {"conv": [4], "attention": [1, 1, 1]}}, "slim"),
        ({"slim": {"conv": [4, 4]}}, "slim"),
        ({"slim": {"conv": [4, 0], "attention": [1, 1, 1]}}, "slim"),
        ({"slim": {"utterances": 0}}, "slim.utterances"),
        ({"context": {"layers": [2, 3]}}, "context.layers"),
        ({"context": {"layers": [0]}}, "context.layers"),
        ({"model": {"name": "pcq"}}, "slim"),
        ({"statistics": {"windows": [0.1, 0.1]}}, "statistics.windows"),
        ({"statistics": {"lags": [0.001]}}, "statistics.lags"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(changes, key):
    tables = {
        "context": {"layers": [1]},
        "model": {"name": "discriminant"},
        "segment": {"padding": "none"},
        "slim": {"conv": [4, 4], "attention": [1, 1, 1]},
    }
    from_dict(tables)
    segment = {} if "model" not in changes else {"segment": {"padding": "repeat"}}
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        from_dict(tables | changes | segment)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A fold trained through the usual way, and what it was trained with."""
    folder = tmp_path_factory.mktemp("trained")
    data = tiny.make_data_dir(folder, speakers=3, per_class=3)
    setup = {
        "context": {"encoder": str(tiny.save_whisper(folder / "whisper")), "layers": [1]},
        "segment": {"duration": 2.0, "padding": "none"},
        "model": {"name": "discriminant"},
        "slim": {"conv": [12, 12], "attention": [8, 8, 8]},
        "statistics": {"windows": [0.1], "lags": [0.04]},
        "discriminant": {"shrinkages": [0.5]},
        "protocol": {"valid_speakers": 0},
    }
    experiment = open_experiment(
        from_dict(setup), data, folder / "exp", cache_dir=folder / "cache", seed=0, device="cpu"
    )
    rows = run_fold(experiment, experiment.folds[0], None)
    return experiment, rows, folder


def test_a_trained_fold_predicts_as_it_was_tested_without_transformers(trained):
    experiment, rows, folder = trained
    model = str(folder / "exp" / "fold_01")
    predictor = load(model)
    audio = {u.utterance_id: u.audio for u in experiment.data.utterances}
    for row in rows.rows[:4]:
        said = predictor.predict(audio[row.utterance_id])
        assert list(said.probabilities.values()) == pytest.approx(row.probabilities, abs=1e-4)
    info = load_checkpoint(model).info
    assert info.encoder.family == "slim-whisper"
    code = (
        "import sys; from ser_pcq import load; "
        f"load({model!r}).predict({str(audio[rows.rows[0].utterance_id])!r}); "
        "assert 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_of_two_layers_is_chosen_and_kept(trained, tmp_path):
    experiment, _, _ = trained
    config = dataclasses.replace(
        experiment.config,
        model=dataclasses.replace(experiment.config.model, name="whisper-svm"),
        context=dataclasses.replace(experiment.config.context, layers=(0, 1)),
    )
    again = open_experiment(
        config, experiment.data, tmp_path / "exp", cache_dir=tmp_path, seed=0, device="cpu"
    )
    rows = run_fold(again, again.folds[0], None)
    predictor = load(str(tmp_path / "exp" / "fold_01"))
    audio = {u.utterance_id: u.audio for u in experiment.data.utterances}
    said = predictor.predict(audio[rows.rows[0].utterance_id])
    assert list(said.probabilities.values()) == pytest.approx(rows.rows[0].probabilities, abs=1e-4)


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("statistics", {"windows": (0.08, 0.1)}, r"too alike.*\[5, 5\] of its frames"),
        ("statistics", {"windows": (0.02,)}, "3 or more frames of 20 ms"),
        ("statistics", {"lags": (0.01, 0.02)}, "statistics.lags are too short or too alike"),
        ("slim", {"conv": (99, 9)}, "a rank above what the map has"),
    ],
)
def test_a_mistake_leaves_the_folder_free_for_a_corrected_configuration(
    section, change, message, trained, tmp_path
):
    experiment, _, _ = trained
    part = dataclasses.replace(getattr(experiment.config, section), **change)
    config = dataclasses.replace(experiment.config, **{section: part})
    wrong = open_experiment(
        config, experiment.data, tmp_path / "exp", cache_dir=tmp_path, seed=0, device="cpu"
    )
    with pytest.raises(ConfigError, match=message):
        run_fold(wrong, wrong.folds[0], None)
    assert not (tmp_path / "exp" / "config.json").exists()


def test_the_guard_knows_whose_sound_the_encoder_was_fitted_to(trained):
    experiment, _, folder = trained
    fold = experiment.folds[0]
    record = folder / "exp" / "fold_01" / "provenance.json"
    seen = read_provenance(record, fold, experiment.split().sha256).seen
    assert set(seen["encoder"]) == set(fold.train)


def test_the_encoder_does_not_depend_on_the_test_speaker(trained):
    experiment, _, folder = trained
    fold = experiment.folds[0]
    context = experiment.config.context
    kept = load_checkpoint(str(folder / "exp" / "fold_01")).recognizer.encoder.state_dict()
    others = tuple(u for u in experiment.data.utterances if u.utterance_id not in fold.test)
    without = dataclasses.replace(
        experiment, data=dataclasses.replace(experiment.data, utterances=others)
    )
    again = _slimmed(without, fold, load_encoder(context), ignore, Provenance()).state_dict()
    assert set(kept) == set(again)
    for name, value in kept.items():
        # What is fitted is what is kept, in half precision.
        assert torch.equal(value, again[name])


@pytest.mark.parametrize("n", [5, 17, 18])
def test_as_many_utterances_are_heard_as_wanted(n, trained):
    experiment, _, _ = trained
    config = dataclasses.replace(experiment.config.slim, utterances=n)
    fewer = dataclasses.replace(
        experiment, config=dataclasses.replace(experiment.config, slim=config)
    )
    seen = []
    encoder = load_encoder(experiment.config.context)
    provenance = Provenance()

    def count(done: int, total: int) -> None:
        seen.append((done, total))

    _slimmed(fewer, experiment.folds[0], encoder, count, provenance)
    assert seen == [(k, n_stages(config) * n) for k in range(1, n_stages(config) * n + 1)]
    train = experiment.folds[0].train
    assert len(train) == 18
    places = sorted(train.index(i) for i in provenance.seen["encoder"])
    assert len(places) == n
    # Spread evenly: nowhere is a gap twice as wide as elsewhere, but for rounding.
    gaps = [b - a for a, b in pairwise(places)]
    assert max(gaps) - min(gaps) <= 1


ALL_UNITS = SlimConfig(conv=(32, 32), attention=(32, 32, 32), feed_forward=(48, 32, 32))
"""All the ranks and units that the small Whisper has, its feed-forward half too."""


def missed(slim, encoder, waveforms):
    """Share of the variance of Whisper's state after its first block that the slim one misses."""
    wanted = torch.cat([encoder(w)[0, 1] for w in waveforms])
    given = torch.cat([slim(w)[0, 1] for w in waveforms])
    return float((wanted - given).square().mean() / wanted.var(dim=0).mean())


@torch.no_grad()
def test_with_all_units_it_is_the_first_block_of_whisper(strong_encoder):
    slim = slim_encoder(strong_encoder, speech, ALL_UNITS)
    without = slim_encoder(strong_encoder, speech, WHOLE)
    strange = speech(5, seed=9)
    lost = missed(slim, strong_encoder, strange)
    # What is left was lost before, in attention.
    assert lost < 0.01
    assert lost < 0.4 * missed(without, strong_encoder, strange)


@torch.no_grad()
def test_fewer_units_of_the_feed_forward_half_lose_more(strong_encoder):
    lost = []
    for units in (1, 12, 48):
        config = dataclasses.replace(ALL_UNITS, feed_forward=(units, min(units, 32), 32))
        slim = slim_encoder(strong_encoder, speech, config)
        lost.append(missed(slim, strong_encoder, speech(5, seed=9)))
    assert lost[0] > lost[1] > lost[2]


@torch.no_grad()
def test_the_strongest_units_are_those_that_move_the_most(strong_encoder):
    teacher = SlimTeacher(strong_encoder)
    heard = [strong_encoder.prepare(w) for w in speech(5)]
    added = torch.cat([teacher.added(teacher.units(teacher.attended(w)))[0] for w in heard])
    changes = []
    for unit in range(teacher.n_units):
        weight = teacher.block.fc2.weight[:, unit].clone()
        teacher.block.fc2.weight[:, unit] = 0
        left = torch.cat([teacher.added(teacher.units(teacher.attended(w)))[0] for w in heard])
        teacher.block.fc2.weight[:, unit] = weight
        changes.append(((added - left) / added.std(dim=0, correction=0)).var(dim=0).sum())
    best = torch.stack(changes).topk(8).indices.sort().values
    assert teacher.strongest_units(heard, 8).tolist() == best.tolist()


@pytest.mark.parametrize("given", [(49, 4, 4), (40, 33, 4), (8, 9, 4), (8, 4, 33)])
def test_more_units_or_ranks_than_there_are_are_refused(encoder, given):
    config = dataclasses.replace(WHOLE, feed_forward=given)
    with pytest.raises(ConfigError, match=r"slim.feed_forward.*up to 48, (8|32), 32"):
        slim_encoder(encoder, speech, config)
