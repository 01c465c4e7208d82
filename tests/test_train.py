"""Training: learns, stops, resumes to the same end, and never looks at the test speaker."""

import dataclasses
import math

import pytest
import tiny
import torch
from accelerate import Accelerator

from ser_pcq.context_cache import ContextCache
from ser_pcq.dataset import EpochSampler, SegmentDataset, prepare_utterances
from ser_pcq.device import new_accelerator
from ser_pcq.errors import DataError, SerError
from ser_pcq.experiment import open_experiment
from ser_pcq.fold import run_fold
from ser_pcq.optimisation import class_weights
from ser_pcq.train import Fit, score_utterances


class Silent:
    """An observer that only counts."""

    def __init__(self, stop_after: int = 0):
        self.records, self.steps, self.stop_after = [], 0, stop_after

    def on_step(self, epoch, step, n_steps, loss):
        self.steps += 1

    def on_epoch(self, record, is_best):
        self.records.append(record)
        if len(self.records) == self.stop_after:
            raise KeyboardInterrupt


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
    recognizer = tiny.recognizer(with_encoder=True)
    recognizer = type(recognizer)(
        dataclasses.replace(
            recognizer.config,
            context=dataclasses.replace(recognizer.config.context, fine_tune=True),
        ),
        tiny.LABELS,
        tiny.random_encoder(fine_tune=True),
    )
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
