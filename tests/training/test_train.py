"""Training: learns, stops, resumes to the same end, and never looks at the test speaker."""

import dataclasses
import json
import math
import os
import subprocess
import sys

import pytest
import torch
from accelerate import Accelerator
from support import tiny
from support.observers import Silent
from support.paths import ROOT

from ser_pcq.errors import DataError, SerError
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.training.experiment import open_experiment
from ser_pcq.training.network.accelerator import new_accelerator
from ser_pcq.training.network.context_cache import ContextCache
from ser_pcq.training.network.dataset import EpochSampler, SegmentDataset, prepare_utterances
from ser_pcq.training.network.fit import Fit
from ser_pcq.training.network.optimiser import class_weights
from ser_pcq.training.network.validation import score_utterances
from ser_pcq.training.run_fold import run_fold

TWO_PROCESSES = """
import json, sys
from pathlib import Path

from support import tiny
import torch
from ser_pcq.data import directory as datadir
from ser_pcq.training.network.dataset import prepare_utterances
from ser_pcq.training.network.accelerator import new_accelerator
from ser_pcq.training.network.fit import Fit

class Silent:
    def on_step(self, *seen): pass
    def on_epoch(self, *seen): pass

folder = Path(sys.argv[1])
data = datadir.read(folder / "data")
for kind, parts in (("recomputed", 1), ("running", 2)):
    recognizer = tiny.recognizer(train={
        "epochs": 2, "select": "last", "batch_statistics": kind, "accumulate": parts,
    })
    train, valid = (
        prepare_utterances([u for u in data.utterances if u.speaker in side], recognizer, None)
        for side in (data.speakers[:3], data.speakers[3:])
    )
    recognizer.frontend.fit(torch.cat([u.spectrogram for u in train]))
    accelerator = new_accelerator("cpu", recognizer.config.train)
    (folder / kind).mkdir(exist_ok=True)
    fit = Fit(
        recognizer, train, valid, recognizer.config.train,
        seed=0, accelerator=accelerator, state_path=folder / kind / "state.pt",
    )
    history = fit.run(Silent())
    rank = accelerator.process_index
    torch.save(recognizer.state_dict(), folder / kind / f"{rank}.pt")
    (folder / kind / f"{rank}.json").write_text(json.dumps([r.valid_loss for r in history]))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data_dir(tmp_path_factory.mktemp("tiny"), speakers=4, per_class=3)


@pytest.fixture
def prepared(data):
    """Training and validation utterances of a tiny recognizer, by speaker."""

    def prepare(recognizer, cache=None, augment=None):
        def side(speakers):
            utterances = [u for u in data.utterances if u.speaker in speakers]
            return prepare_utterances(utterances, recognizer, cache, augment=augment)

        train = side(data.speakers[:3])
        recognizer.frontend.fit(torch.cat([u.spectrogram for u in train]))
        return train, side(data.speakers[3:])

    return prepare


def new_fit(recognizer, train, valid, tmp_path, seed=0):
    return Fit(
        recognizer,
        train,
        valid,
        recognizer.config.train,
        seed=seed,
        accelerator=Accelerator(cpu=True),
        state_path=tmp_path / "state.pt",
    )


def fine_tuned(**train):
    """A tiny recognizer whose encoder learns along."""
    context = {"encoder": "wavlm-base-plus", "layers": [1, 2], "fine_tune": True}
    config = tiny.config(context=context, train=train)
    return Recognizer(config, tiny.LABELS, tiny.random_encoder(fine_tune=True))


def test_training_lowers_the_loss_and_learns_the_training_speakers(prepared, tmp_path):
    recognizer = tiny.recognizer(train={"epochs": 12, "learning_rate": 5e-3, "select": "last"})
    train, valid = prepared(recognizer)
    history = new_fit(recognizer, train, valid, tmp_path).run(Silent())
    assert history[-1].train_loss < 0.5 * history[0].train_loss
    answers = score_utterances(recognizer, train, torch.device("cpu")).argmax(1)
    right = (answers == torch.tensor([u.target for u in train])).float().mean()
    assert right > 0.9


def test_a_few_steps_are_enough_for_the_training_speakers_to_be_judged_right(prepared, tmp_path):
    """Batch statistics must follow the weights also where a moving average has had no time."""
    recognizer = tiny.recognizer(train={"epochs": 5, "learning_rate": 1e-2, "select": "last"})
    train, valid = prepared(recognizer)
    history = new_fit(recognizer, train, valid, tmp_path).run(Silent())
    rows = score_utterances(recognizer, train, torch.device("cpu"))
    loss = -sum(row[u.target].item() for row, u in zip(rows, train, strict=True)) / len(train)
    assert history[-1].train_loss < 0.5
    assert loss < 1.5 * history[-1].train_loss
    assert all(
        m.momentum == 0.1 and not m.training
        for m in recognizer.modules()
        if isinstance(m, torch.nn.BatchNorm2d)
    )


def test_resuming_equals_not_stopping(prepared, tmp_path):
    def run(folder, interrupt):
        folder.mkdir()
        recognizer = tiny.recognizer(train={"epochs": 4}, augment={"mixup": 0.3, "time_mask": 0.2})
        train, valid = prepared(recognizer)
        if interrupt:
            with pytest.raises(KeyboardInterrupt):
                new_fit(recognizer, train, valid, folder).run(Silent(stop_after=2))
            recognizer = tiny.recognizer(
                seed=99, train={"epochs": 4}, augment={"mixup": 0.3, "time_mask": 0.2}
            )
        history = new_fit(recognizer, train, valid, folder).run(Silent(), resume=True)
        return recognizer.state_dict(), [dataclasses.replace(r, seconds=0) for r in history]

    straight, straight_history = run(tmp_path / "straight", False)
    resumed, resumed_history = run(tmp_path / "resumed", True)
    assert straight_history == resumed_history
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_a_fine_tuned_encoder_is_resumed_with_all_its_rates(prepared, tmp_path):
    def run(folder, interrupt):
        folder.mkdir()
        for stop in (2, 0) if interrupt else (0,):
            recognizer = fine_tuned(
                epochs=4, encoder_learning_rate=1e-3, layer_decay=0.5, accumulate=2,
                freeze_features=True, decay_biases=False, select="last",
            )  # fmt: skip
            train, valid = prepared(recognizer)
            fit = new_fit(recognizer, train, valid, folder)
            if stop:
                with pytest.raises(KeyboardInterrupt):
                    fit.run(Silent(stop_after=stop))
            else:
                fit.run(Silent(), resume=True)
        return recognizer.state_dict()

    straight, resumed = run(tmp_path / "straight", False), run(tmp_path / "resumed", True)
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
    released = tiny.random_encoder(fine_tune=True).state_dict()
    for name, value in released.items():
        fixed = "feature_extractor" in name or "masked_spec_embed" in name
        assert torch.equal(straight[f"encoder.{name}"], value) == fixed, name


def test_resuming_keeps_the_scale_of_fp16(prepared, tmp_path):
    """A gradient scaler as accelerate makes one on a GPU; here it scales in full precision."""

    def run(folder, interrupt):
        folder.mkdir()
        scales = []
        for stop in (2, 0) if interrupt else (0,):
            recognizer = tiny.recognizer(train={"epochs": 4, "select": "last"})
            train, valid = prepared(recognizer)
            accelerator = Accelerator(cpu=True)
            # It grows with every step, and 2 to the power of 127 is the end: some steps are lost.
            accelerator.scaler = torch.amp.GradScaler(
                "cpu", init_scale=2.0**124, growth_interval=1, backoff_factor=0.125
            )
            fit = Fit(
                recognizer, train, valid, recognizer.config.train,
                seed=0, accelerator=accelerator, state_path=folder / "state.pt",
            )  # fmt: skip
            if stop:
                with pytest.raises(KeyboardInterrupt):
                    fit.run(Silent(stop_after=stop))
            else:
                fit.run(Silent(), resume=True)
            scales.append(accelerator.scaler.get_scale())
        return recognizer.state_dict(), scales

    straight, (scale,) = run(tmp_path / "straight", False)
    resumed, (before, after) = run(tmp_path / "resumed", True)
    assert after == scale
    assert before != 2.0**124
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_a_batch_in_parts_teaches_what_the_whole_batch_teaches(prepared, tmp_path):
    """But for batch normalisation, which sees each part by itself, and is taken out here."""

    def without_norms(module):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.modules.batchnorm._BatchNorm):
                setattr(module, name, torch.nn.Identity())
            without_norms(child)

    runs = {}
    for parts in (1, 4):
        recognizer = tiny.recognizer(
            train={"epochs": 3, "accumulate": parts, "select": "last", "learning_rate": 1e-3},
            augment={"mixup": 0.3, "time_mask": 0.2, "frequency_mask": 0.2},
            model={"dropout": 0.0},
        )
        without_norms(recognizer.network)
        train, valid = prepared(recognizer)
        (tmp_path / str(parts)).mkdir()
        history = new_fit(recognizer, train, valid, tmp_path / str(parts)).run(Silent())
        runs[parts] = [r.train_loss for r in history], recognizer.state_dict()
    (losses, whole), (losses_in_parts, in_parts) = runs[1], runs[4]
    assert losses_in_parts == pytest.approx(losses, rel=1e-4)
    assert losses[0] != losses[-1]
    for name in whole:
        assert torch.allclose(whole[name], in_parts[name], atol=1e-4), name


def test_parts_are_smaller_than_the_batch_in_every_pass(prepared, tmp_path):
    seen = []
    recognizer = tiny.recognizer(train={"epochs": 1, "accumulate": 4})
    recognizer.network.register_forward_hook(
        lambda module, inputs, output: seen.append((torch.is_grad_enabled(), len(output)))
    )
    train, _ = prepared(recognizer)
    new_fit(recognizer, train, [], tmp_path).run(Silent())
    assert {size for _, size in seen} == {2}
    # The second pass takes the statistics of batch normalisation, of parts of the same size.
    assert sum(learns for learns, _ in seen) == sum(not learns for learns, _ in seen) > 0


@pytest.fixture(scope="module")
def by_two(data, tmp_path_factory):
    """What two processes trained together, by how statistics are made."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "two.py").write_text(TWO_PROCESSES)
    (folder / "data").symlink_to(data.path)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(folder / "two.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/tests"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("kind", ["recomputed", "running"])
def test_every_process_holds_and_judges_with_the_same_statistics(kind, by_two, prepared, tmp_path):
    first, second = (torch.load(by_two / kind / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    norms = [name for name in first if name.endswith(("running_mean", "running_var"))]
    assert norms
    for name in first:
        assert torch.equal(first[name], second[name]), name
    # What was judged in two shares is what the network of the checkpoint says of all of them.
    recognizer = tiny.recognizer(train={"batch_size": 8})
    train, valid = prepared(recognizer)
    recognizer.load_state_dict(first)
    rows = score_utterances(recognizer, valid, torch.device("cpu"))
    loss = -sum(row[u.target].item() for row, u in zip(rows, valid, strict=True)) / len(valid)
    judged = json.loads((by_two / kind / "1.json").read_text())
    assert loss == pytest.approx(judged[-1], rel=1e-5)
    if kind == "recomputed":
        # The first norms see the same input however it is shared out.
        fit = new_fit(recognizer, train, valid, tmp_path)
        fit.sampler.epoch = 2
        fit._settle_statistics()
        alone = recognizer.state_dict()
        for name in (n for n in norms if ".stem." in n and "mean" in n):
            assert torch.allclose(alone[name], first[name], atol=1e-5), name


def test_the_same_seed_gives_the_same_network_and_another_seed_another(prepared, tmp_path):
    states = []
    for number, seed in enumerate((1, 1, 2)):
        recognizer = tiny.recognizer()
        train, valid = prepared(recognizer)
        (tmp_path / str(number)).mkdir()
        new_fit(recognizer, train, valid, tmp_path / str(number), seed).run(Silent())
        states.append(recognizer.state_dict()["network.head.classify.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_the_best_epoch_is_restored_and_patience_ends_the_run(prepared, tmp_path):
    # Rates far too high: validation cannot get better for long.
    changes = {"epochs": 30, "patience": 2, "learning_rate": 0.5, "schedule": "constant"}
    recognizer = tiny.recognizer(train=changes)
    train, valid = prepared(recognizer)
    fit = new_fit(recognizer, train, valid, tmp_path)
    history = fit.run(Silent())
    assert len(history) < 30
    assert len(history) - fit.best_epoch == 2
    best = max(history, key=lambda r: (round(r.valid_wa + r.valid_ua, 9), -r.valid_loss))
    assert best.epoch == fit.best_epoch
    rows = score_utterances(recognizer, valid, torch.device("cpu"))
    loss = -sum(row[u.target].item() for row, u in zip(rows, valid, strict=True)) / len(valid)
    assert loss == pytest.approx(best.valid_loss, rel=1e-4)


def test_a_frozen_encoder_is_cached_and_gives_what_the_waveform_gives(prepared, tmp_path):
    recognizer = tiny.recognizer(with_encoder=True)
    cache = ContextCache(tmp_path / "cache", recognizer.encoder)
    train, valid = prepared(recognizer, cache)
    before = recognizer.encoder.fingerprint()
    new_fit(recognizer, train, valid, tmp_path).run(Silent())
    assert recognizer.encoder.fingerprint() == before
    rows = score_utterances(recognizer, valid, torch.device("cpu"))
    direct, _ = prepared(recognizer)[1], None
    with_waveform = score_utterances(recognizer, direct, torch.device("cpu"))
    assert direct[0].waveform is not None
    assert torch.allclose(rows, with_waveform, atol=1e-2)


def test_a_fine_tuned_encoder_learns(prepared, tmp_path):
    recognizer = fine_tuned()
    train, valid = prepared(recognizer)
    before = recognizer.encoder.fingerprint()
    new_fit(recognizer, train, valid, tmp_path).run(Silent())
    assert recognizer.encoder.fingerprint() != before


def test_a_loss_that_is_not_finite_stops_with_advice(prepared, tmp_path):
    recognizer = tiny.recognizer()
    train, valid = prepared(recognizer)
    spoilt = [dataclasses.replace(u, spectrogram=u.spectrogram * math.nan) for u in train]
    with pytest.raises(SerError, match="learning_rate"):
        new_fit(recognizer, spoilt, valid, tmp_path).run(Silent())


def test_a_gradient_that_is_not_finite_stops_before_it_spoils_the_weights(prepared, tmp_path):
    recognizer = tiny.recognizer()
    train, valid = prepared(recognizer)
    last = recognizer.network.head.classify.weight
    last.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(SerError, match=r"gradient is not finite.*epoch 1, step 1"):
        new_fit(recognizer, train, valid, tmp_path).run(Silent())
    assert all(torch.isfinite(value).all() for value in recognizer.state_dict().values())


def test_the_network_and_its_encoder_compute_in_bfloat16():
    """As a GPU does; on the CPU with torch's own convolutions, which are right in bfloat16."""
    recognizer = fine_tuned().train()
    for module in recognizer.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    torch.manual_seed(0)
    spectrogram, waveform = torch.rand(8, 1, 24, 50) + 0.1, torch.randn(8, 16_000)
    target = torch.arange(8) % 3
    losses, gradients = [], []
    for reduced in (False, True):
        recognizer.zero_grad()
        with (
            torch.backends.mkldnn.flags(enabled=False),
            torch.autocast("cpu", torch.bfloat16, enabled=reduced),
        ):
            logits = recognizer(spectrogram, waveform)
            assert logits.dtype == (torch.bfloat16 if reduced else torch.float32)
            loss = torch.nn.functional.cross_entropy(logits.float(), target)
            loss.backward()
        losses.append(loss.item())
        found = [p.grad.flatten() for p in recognizer.parameters() if p.grad is not None]
        gradients.append(torch.cat(found))
    assert losses[1] == pytest.approx(losses[0], rel=0.03)
    assert losses[1] != losses[0]
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.95


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_is_refused_on_the_cpu(precision):
    with pytest.raises(SerError, match=r"needs a GPU.*train\.mixed_precision=no"):
        new_accelerator("cpu", tiny.config(train={"mixed_precision": precision}).train)


def test_augmented_copies_are_for_training_only(data):
    recognizer = tiny.recognizer(augment={"speeds": [0.9, 1.1]})
    utterances = data.utterances[:2]
    plain = prepare_utterances(utterances, recognizer, None)
    more = prepare_utterances(utterances, recognizer, None, augment=recognizer.config.augment)
    assert (len(plain), len(more)) == (2, 6)
    assert [u.utterance_id for u in more[:3]] == [utterances[0].utterance_id] * 3


def test_items_of_the_dataset_are_segments(data):
    prepared = prepare_utterances(data.utterances[:3], tiny.recognizer(), None)
    dataset = SegmentDataset(prepared)
    assert len(dataset) == sum(u.spectrogram.shape[0] for u in prepared)
    assert dataset[0]["spectrogram"].shape == (1, 24, 50)


def test_unknown_labels_and_unreadable_audio_name_the_utterance(data, tmp_path):
    utterance = data.utterances[0]
    with pytest.raises(DataError, match=f"{utterance.utterance_id}.*joy"):
        prepare_utterances([dataclasses.replace(utterance, emotion="joy")], tiny.recognizer(), None)
    (tmp_path / "bad.wav").write_text("no audio")
    with pytest.raises(DataError, match=utterance.utterance_id):
        prepare_utterances(
            [dataclasses.replace(utterance, audio=tmp_path / "bad.wav")], tiny.recognizer(), None
        )


def test_class_weights_balance_classes_and_leave_absent_ones_out():
    weights = class_weights(torch.tensor([0, 0, 0, 2]), 4)
    assert torch.allclose(weights * torch.tensor([3, 0, 1, 0]), torch.tensor([2.0, 0, 2.0, 0]))


def test_the_sampler_follows_from_seed_and_epoch():
    sampler = EpochSampler(20, seed=1)
    first = list(sampler)
    assert sorted(first) == list(range(20))
    assert first == list(sampler)
    sampler.epoch = 1
    assert first != list(sampler)


def test_the_test_speaker_has_no_influence_on_the_network(data, tmp_path):
    """Change every test utterance: the trained network must stay the same to the bit."""
    states = []
    for name in ("real", "changed"):
        chosen = data
        if name == "changed":
            held_out = data.speakers[0]
            others = [u for u in data.utterances if u.speaker != held_out]
            swapped = [
                dataclasses.replace(u, audio=others[0].audio, emotion="anger")
                for u in data.utterances
                if u.speaker == held_out
            ]
            chosen = dataclasses.replace(data, utterances=tuple([*swapped, *others]))
        experiment = open_experiment(
            tiny.config(),
            chosen,
            tmp_path / name,
            cache_dir=tmp_path / "cache",
            seed=0,
            device="cpu",
            # The guard sees the borrowed recordings, too.
            allow_leakage=name == "changed",
        )
        run_fold(experiment, experiment.folds[0], Silent())
        from safetensors.torch import load_file

        states.append(load_file(tmp_path / name / "fold_01" / "checkpoint" / "model.safetensors"))
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_an_experiment_folder_keeps_to_what_it_was_made_with(data, tmp_path):
    def reopen(config, seed):
        options = {"cache_dir": tmp_path / "cache", "seed": seed}
        open_experiment(config, data, tmp_path, **options).write_record(None)

    reopen(tiny.config(), 0)
    reopen(tiny.config(), 0)
    with pytest.raises(SerError, match="differing in: seed"):
        reopen(tiny.config(), 1)
    with pytest.raises(SerError, match="differing in: config"):
        reopen(tiny.config(train={"epochs": 3}), 0)


def test_devices_that_are_not_there_are_refused():
    with pytest.raises(SerError, match="unknown device"):
        new_accelerator("gpu", tiny.config().train)
    if not torch.cuda.is_available():
        with pytest.raises(SerError, match="no CUDA device"):
            new_accelerator("cuda", tiny.config().train)
