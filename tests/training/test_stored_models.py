"""What commit 983a9ba trained and exported is loaded, answers as it did, and is trained on."""

import json
import shutil

import numpy as np
import pytest
from support import tiny
from support.observers import Silent
from support.paths import ROOT, SOUNDS

from ser_pcq import load
from ser_pcq.config.toml import from_dict
from ser_pcq.evaluation.table import read_predictions
from ser_pcq.training.experiment import open_experiment
from ser_pcq.training.run_fold import run_fold

MODELS = ROOT / "tests" / "support" / "stored_983a9ba" / "models"
ANSWERS = json.loads((MODELS / "answers.json").read_text())


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_stored_model_answers_as_it_did(name):
    if name == "egemaps":
        pytest.importorskip("opensmile")
    predictor = load(str(MODELS / name), speech="energy")
    for recording, expected in ANSWERS[name].items():
        prediction = predictor.predict(str(SOUNDS / recording))
        assert prediction.status == "ok"
        assert list(prediction.probabilities) == list(expected)
        found, kept = (np.array(list(p.values())) for p in (prediction.probabilities, expected))
        np.testing.assert_allclose(found, kept, atol=1e-5)
        # Some are all but certain: what they say of the other emotions counts as well.
        np.testing.assert_allclose(np.log(found), np.log(kept), atol=5e-3)


def test_an_interrupted_training_goes_on_to_the_end_of_an_uninterrupted_one(tmp_path):
    data = tiny.make_data_dir(tmp_path, speakers=4, per_class=3)
    shutil.copytree(MODELS / "interrupted", tmp_path / "stopped")
    record = json.loads((tmp_path / "stopped" / "config.json").read_text())
    tables, done = {}, {}
    for name in ("stopped", "straight"):
        experiment = open_experiment(
            from_dict(record["config"]),
            data,
            tmp_path / name,
            cache_dir=tmp_path / "cache",
            seed=record["seed"],
            device="cpu",
        )
        observer = Silent()
        tables[name] = run_fold(experiment, experiment.folds[0], observer, resume=True)
        done[name] = [record.epoch for record in observer.records]
    # The first training and one epoch of the second were over.
    assert done == {"stopped": [5, 6], "straight": [1, 2, 3, 4, 5, 6]}
    kept = read_predictions(MODELS / "interrupted" / "uninterrupted.csv")
    for table in tables.values():
        assert [row.utterance_id for row in table.rows] == [row.utterance_id for row in kept.rows]
        found, expected = ([row.probabilities for row in t.rows] for t in (table, kept))
        np.testing.assert_allclose(found, expected, atol=1e-4)
