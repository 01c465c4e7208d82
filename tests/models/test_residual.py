"""The small network that needs no encoder."""

import pytest
import torch
from support import tiny
from support.paths import RECIPES

from ser_pcq import load
from ser_pcq.config import AugmentConfig, ModelConfig
from ser_pcq.config.toml import from_dict, load_config
from ser_pcq.errors import ConfigError
from ser_pcq.models.checkpoint import load_checkpoint
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.models.residual import ResidualNetwork
from ser_pcq.training.contract import EpochRecord
from ser_pcq.training.experiment import open_experiment
from ser_pcq.training.network.augment import Batch, augment_batch
from ser_pcq.training.run_fold import run_fold

SMALL = ModelConfig(name="residual", channels=(4, 8, 8, 8), reduction=2, hidden=16)


def network(shape=(1, 96, 40)):
    torch.manual_seed(0)
    return ResidualNetwork(SMALL, n_classes=3, image_shape=shape).eval()


def images(n=4, shape=(1, 96, 40)):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(1))


def test_the_recipes_small_model_is_small_and_complete():
    config = load_config(RECIPES / "conf" / "pcq-small.toml")
    recognizer = Recognizer(config, tuple("abcdefg"), None).eval()
    counts = recognizer.parameter_counts()
    assert counts["encoder"] == 0
    assert counts["network"] == sum(p.numel() for p in recognizer.parameters()) < 500_000
    scores = recognizer.log_probabilities(torch.randn(70_000))
    assert float(scores.exp().sum()) == pytest.approx(1, abs=1e-5)


@torch.no_grad()
def test_logits_depend_on_the_own_image_alone_and_on_all_of_it():
    model, x = network(), images()
    logits = model(x)
    assert logits.shape == (4, 3)
    for k in range(4):
        torch.testing.assert_close(model(x[k : k + 1]), logits[k : k + 1])
    for place in (0, 20, 39):
        changed = x.clone()
        changed[:, :, :, place] += 1
        assert not torch.allclose(model(changed), logits)
    for row in (0, 50, 95):
        changed = x.clone()
        changed[:, :, row] += 1
        assert not torch.allclose(model(changed), logits)


@torch.no_grad()
def test_an_image_of_any_length_is_pooled_to_the_same_size():
    model = network()
    assert model.frames(images(1, (1, 96, 40))).shape == (1, 16, 10)
    assert model(images(1, (1, 96, 133))).shape == (1, 3)
    # A steady image has no deviation over time but at its ends, however long it is.
    steady = torch.ones(1, 1, 96, 400)
    torch.testing.assert_close(model(steady), model(steady.repeat(1, 1, 1, 4)), atol=0.2, rtol=0.2)


def test_every_weight_learns():
    model = network().train()
    model(images(8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("shape", [(1, 14, 40), (1, 96, 3)])
def test_an_image_that_is_too_small_is_refused(shape):
    with pytest.raises(ConfigError, match="too small for three blocks"):
        network(shape)


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        ({"model": {"name": "residual"}}, "context.encoder"),
        ({"augment": {"shift": True}}, "augment.shift"),
        (
            {
                "model": {"name": "residual"},
                "context": {"encoder": "none"},
                "segment": {"padding": "none"},
            },
            "segment.padding",
        ),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(tables, key):
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        from_dict(tables)


def test_a_shifted_segment_is_the_same_one_turned_round():
    x = torch.arange(50.0).repeat(200, 1, 2, 1)
    batch = Batch(x, None, None, torch.zeros(200, 3))
    torch.manual_seed(0)
    shifted = augment_batch(batch, AugmentConfig(shift=True), torch.zeros(1, 2, 1)).spectrogram
    starts = shifted[:, 0, 0, 0].long()
    assert len(set(starts.tolist())) > 40  # of 50 places, in 200 draws
    for item, start in zip(shifted, starts.tolist(), strict=True):
        assert torch.equal(item, x[0].roll(-start, dims=-1))
    assert augment_batch(batch, AugmentConfig(), torch.zeros(1, 2, 1)).spectrogram is x


class Silent:
    """Sees a training and says nothing."""

    def __init__(self):
        self.losses = []

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float) -> None:
        """See one step."""

    def on_epoch(self, record: EpochRecord, is_best: bool) -> None:
        """Keep the loss."""
        self.losses.append(record.train_loss)


def test_it_is_trained_scored_and_loaded_like_every_network(tmp_path):
    data = tiny.make_data_dir(tmp_path, speakers=3, per_class=4)
    tables = tiny.TABLES | {
        "model": {"name": "residual", "channels": [4, 8, 8, 8], "hidden": 16},
        "augment": {"shift": True, "voices": 1, "frequency_mask": 0.2},
        "train": {"epochs": 8, "batch_size": 8, "select": "last", "learning_rate": 5e-3},
        "protocol": {"valid_speakers": 0},
    }
    experiment = open_experiment(
        from_dict(tables), data, tmp_path / "exp", cache_dir=tmp_path / "c", seed=0, device="cpu"
    )
    seen = Silent()
    rows = run_fold(experiment, experiment.folds[0], seen)
    assert seen.losses[-1] < 0.5 * seen.losses[0]
    right = [row.prediction == row.reference for row in rows.rows]
    assert sum(right) / len(right) > 0.6  # emotions of this corpus are easy; chance is a third
    model = str(tmp_path / "exp" / "fold_01")
    assert load_checkpoint(model).about["encoder"] is None
    audio = {u.utterance_id: u.audio for u in data.utterances}
    said = load(model).predict(audio[rows.rows[0].utterance_id])
    assert list(said.probabilities.values()) == pytest.approx(rows.rows[0].probabilities, abs=1e-4)
