"""Rates by block, what weight decay spares, batches in parts, convolutions that stay."""

import dataclasses

import pytest
import torch
from support import tiny

from ser_pcq.config.toml import from_dict
from ser_pcq.errors import ConfigError
from ser_pcq.models.encoders.context import WaveContext, WhisperContext
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.training.network.augment import Batch
from ser_pcq.training.network.optimiser import (
    batch_parts,
    block_depths,
    freeze_features,
    new_optimizer,
    new_schedule,
)

WHISPER = {
    "model_type": "whisper",
    "d_model": 16,
    "encoder_layers": 4,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "num_mel_bins": 80,
    "max_source_positions": 100,
}


def tuned(family="wavlm", layers=(1, 3), n_layers=3, stable=False, **train):
    """An untrained recognizer whose small encoder is fine-tuned."""
    context = {"encoder": "wavlm-base-plus", "layers": list(layers), "fine_tune": True}
    config = tiny.config(context=context, train=train)
    torch.manual_seed(0)
    if family == "whisper":
        encoder = WhisperContext(config.context, layers, WHISPER)
    else:
        hub = {"model_type": family, "num_hidden_layers": n_layers, **tiny.ENCODER_SIZES}
        hub |= {"feat_extract_norm": "layer", "do_stable_layer_norm": True} if stable else {}
        encoder = WaveContext(config.context, layers, hub)
    encoder.freeze()
    return Recognizer(config, tiny.LABELS, encoder)


def rates(recognizer):
    """Learning rate of each parameter, by name; each must be in one group."""
    groups = new_optimizer(recognizer, recognizer.config.train).param_groups
    by_id = {}
    for group in groups:
        for parameter in group["params"]:
            assert id(parameter) not in by_id
            by_id[id(parameter)] = group
    names = {name: by_id.pop(id(p)) for name, p in recognizer.named_parameters()}
    assert not by_id
    return names


def test_each_block_of_an_encoder_has_the_rate_of_its_place():
    recognizer = tuned(encoder_learning_rate=1e-4, layer_decay=0.5, learning_rate=0.1)
    expected = {
        "encoder.model.encoder.layers.2.feed_forward.output_dense.weight": 1e-4,
        "encoder.model.encoder.layers.1.attention.q_proj.weight": 5e-5,
        "encoder.model.encoder.layers.0.layer_norm.bias": 2.5e-5,
        "encoder.model.encoder.layers.0.attention.rel_attn_embed.weight": 2.5e-5,
        "encoder.model.encoder.layer_norm.weight": 1.25e-5,  # WavLM base: before the blocks
        "encoder.model.encoder.pos_conv_embed.conv.bias": 1.25e-5,
        "encoder.model.feature_projection.projection.weight": 1.25e-5,
        "encoder.model.feature_extractor.conv_layers.1.conv.weight": 1.25e-5,
        "network.head.classify.weight": 0.1,
    }
    found = rates(recognizer)
    for name, rate in expected.items():
        assert found[name]["lr"] == pytest.approx(rate, rel=1e-12), name
    network = {found[name]["lr"] for name in found if name.startswith("network.")}
    assert network == {0.1}


@pytest.mark.parametrize("family", ["wavlm", "hubert", "wav2vec2"])
@pytest.mark.parametrize("stable", [False, True])
def test_the_norm_behind_the_last_block_belongs_to_it(family, stable):
    depths = block_depths(tuned(family, stable=stable).encoder)
    assert set(depths.values()) == {0, 1, 2, 3}
    assert depths["model.encoder.layer_norm.weight"] == (3 if stable else 0)
    convolutions = [d for name, d in depths.items() if "feature_extractor" in name]
    assert convolutions
    assert set(convolutions) == {0}


def test_whisper_has_depths_too():
    depths = block_depths(tuned("whisper", layers=(2, 4)).encoder)
    assert depths["norm.weight"] == depths["blocks.3.fc1.weight"] == 4
    assert depths["blocks.0.fc1.weight"] == 1
    assert depths["conv1.weight"] == depths["conv2.bias"] == depths["positions.weight"] == 0
    # Read below its top, there is no norm behind the last block.
    assert max(block_depths(tuned("whisper", layers=(2,)).encoder).values()) == 2


def test_without_decay_there_are_two_groups_in_the_order_of_the_modules():
    """What earlier versions had: their runs are repeated to the bit."""
    recognizer = tuned(encoder_learning_rate=1e-4, learning_rate=0.1, weight_decay=0.3)
    network, encoder = new_optimizer(recognizer, recognizer.config.train).param_groups
    assert (network["lr"], encoder["lr"]) == (0.1, 1e-4)
    assert network["weight_decay"] == encoder["weight_decay"] == 0.3
    for group, module in ((network, recognizer.network), (encoder, recognizer.encoder)):
        assert [id(p) for p in group["params"]] == [id(p) for p in module.parameters()]


def test_the_schedule_moves_all_rates_alike():
    recognizer = tuned(layer_decay=0.5)
    optimizer = new_optimizer(recognizer, recognizer.config.train)
    schedule = new_schedule(optimizer, recognizer.config.train, n_steps=20)
    peaks = [group["initial_lr"] for group in optimizer.param_groups]
    assert len(set(peaks)) == 5  # the network, three blocks, what is below them
    for _ in range(12):
        optimizer.step()
        schedule.step()
    shares = {round(now / peak, 9) for now, peak in zip(schedule.get_last_lr(), peaks, strict=True)}
    assert len(shares) == 1
    assert 0 < shares.pop() < 1


@pytest.mark.parametrize("spared", [True, False])
def test_weight_decay_can_spare_biases_and_norms(spared):
    recognizer = tuned(weight_decay=0.1, learning_rate=1.0, decay_biases=not spared)
    with torch.no_grad():
        for parameter in recognizer.parameters():
            parameter.fill_(1.0)
    optimizer = new_optimizer(recognizer, recognizer.config.train)
    for parameter in recognizer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in recognizer.named_parameters():
        # Without a gradient AdamW does nothing but decay.
        kept = bool((parameter == 1.0).all())
        assert kept == (spared and parameter.dim() == 1), name


def new_batch(n, with_context=False):
    context = torch.rand(n, 2, 5, 4) if with_context else None
    waveform = None if with_context else torch.rand(n, 16)
    return Batch(torch.rand(n, 1, 4, 6), waveform, context, torch.rand(n, 3))


@pytest.mark.parametrize("with_context", [True, False])
@pytest.mark.parametrize(
    ("n", "n_parts", "sizes"),
    [(8, 1, [8]), (8, 4, [2, 2, 2, 2]), (8, 3, [3, 3, 2]), (5, 4, [3, 2]), (3, 2, [3])],
)
def test_parts_of_a_batch_are_the_batch(n, n_parts, sizes, with_context):
    batch = new_batch(n, with_context)
    parts = batch_parts(batch, n_parts)
    assert [len(part.target) for part in parts] == sizes
    for field in dataclasses.fields(Batch):
        pieces = [getattr(part, field.name) for part in parts]
        whole = getattr(batch, field.name)
        if whole is None:
            assert pieces == [None] * len(parts)
        else:
            assert torch.equal(torch.cat(pieces), whole)


@pytest.mark.parametrize("family", ["wavlm", "hubert", "wav2vec2"])
def test_frozen_convolutions_learn_nothing_and_keep_nothing(family):
    encoder = tuned(family).encoder.train()
    waveform = torch.randn(2, 4000)
    assert encoder.model.feature_extractor(waveform).requires_grad
    freeze_features(encoder)
    assert not encoder.model.feature_extractor(waveform).requires_grad
    encoder(waveform).sum().backward()
    for name, parameter in encoder.named_parameters():
        fixed = "feature_extractor" in name or "masked_spec_embed" in name
        assert (parameter.grad is None) == fixed, name


def test_frozen_convolutions_of_whisper_learn_nothing():
    encoder = tuned("whisper", layers=(2,)).encoder.train()
    freeze_features(encoder)
    encoder(torch.randn(2, 4000)).sum().backward()
    idle = {name for name, p in encoder.named_parameters() if p.grad is None}
    assert idle == {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer_decay": 0.0}, "above 0, up to 1"),
        ({"layer_decay": 1.1}, "above 0, up to 1"),
        ({"accumulate": 0}, "1 or more"),
        ({"batch_size": 32, "accumulate": 3}, "parts of one size"),
        ({"batch_size": 4, "accumulate": 4}, "2 segments or more"),
        ({"layer_decay": 0.8}, "0.8 with context.fine_tune = false"),
        ({"freeze_features": True}, "true with context.fine_tune = false"),
    ],
)
def test_values_that_cannot_work_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        from_dict({"train": change})
    tuned = {"batch_size": 64, "accumulate": 4, "layer_decay": 0.8, "freeze_features": True}
    from_dict({"train": tuned, "context": {"fine_tune": True}})
