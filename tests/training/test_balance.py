"""No corpus and no emotion outweighs another where they are balanced."""

import dataclasses

import torch
from support import tiny

from ser_pcq.config.toml import from_dict
from ser_pcq.training.balance import balanced_weights
from ser_pcq.training.experiment import open_experiment
from ser_pcq.training.network.train import NetworkTraining


def corpora(tmp_path):
    """Two corpora, the second one with a fifth of the recordings."""
    data = tiny.make_data_dir(tmp_path / "data", speakers=4, per_class=3)
    few = [u for u in data.utterances if u.utterance_id.endswith("01")]
    one = [dataclasses.replace(u, corpus="one") for u in data.utterances]
    two = [dataclasses.replace(u, corpus="two", utterance_id=f"x{u.utterance_id}") for u in few]
    return data, [*one, *two]


def test_every_emotion_of_every_corpus_has_the_same_weight_in_all(tmp_path):
    _, utterances = corpora(tmp_path)
    weights = balanced_weights(utterances)
    assert abs(weights.mean() - 1) < 1e-9
    sums = {}
    for u, weight in zip(utterances, weights, strict=True):
        sums[u.corpus, u.emotion] = sums.get((u.corpus, u.emotion), 0) + weight
    assert len(sums) == 6
    assert max(sums.values()) - min(sums.values()) < 1e-9


def test_a_network_that_is_balanced_learns_by_these_weights(tmp_path):
    """The loss of a step is that of its segments, each times its weight."""
    data, _ = corpora(tmp_path)
    uneven = [u for u in data.utterances if u.emotion != "anger" or u.utterance_id.endswith("1")]
    losses = []
    for balance in ("none", "corpus-emotion"):
        tables = tiny.TABLES | {
            "train": {**tiny.TABLES["train"], "class_weights": False},
            "protocol": {"balance": balance, "valid_speakers": 0},
            "augment": {},
        }
        tables["train"]["select"] = "last"
        experiment = open_experiment(
            from_dict(tables),
            dataclasses.replace(data, utterances=tuple(uneven)),
            tmp_path / balance,
            cache_dir=tmp_path / "cache",
            seed=0,
        )
        training = NetworkTraining(experiment, experiment.folds[0], None, resume=False)
        recognizer = training.new_recognizer()
        sides = training.prepare(recognizer, lambda done, total: None)
        weights = [u.weight for u in sides.train]
        known = {u.utterance_id: u for u in uneven}
        ids = [known[u.utterance_id] for u in sides.train]
        expected = balanced_weights(ids) if balance != "none" else torch.ones(len(ids)).numpy()
        torch.testing.assert_close(
            torch.tensor(weights).double(), torch.from_numpy(expected).double()
        )
        losses.append(weights)
    assert losses[0] != losses[1]
