"""Context encoders: real Whisper weights, and small random models of every family."""

import dataclasses

import pytest
import torch
from support import tiny

from ser_pcq.config import ContextConfig
from ser_pcq.errors import CheckpointError, ConfigError
from ser_pcq.models.encoders.pretrained import HUB_NAMES, load_encoder
from ser_pcq.models.encoders.spec import encoder_from_spec
from ser_pcq.models.info import EncoderInfo
from ser_pcq.training.network.context_cache import ContextCache, read_context

VARIANTS = {
    "wavlm": {},
    "wavlm-large-style": {"do_stable_layer_norm": True, "feat_extract_norm": "layer"},
    "hubert": {},
    "wav2vec2": {},
}


def save_random_encoder(folder, variant: str):
    """Save a small random model of a family as Hugging Face saves it."""
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(3)
    family = variant.split("-")[0]
    config = AutoConfig.for_model(
        family, num_hidden_layers=4, **tiny.ENCODER_SIZES, **VARIANTS[variant]
    )
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def whisper(whisper_dir):
    return load_encoder(ContextConfig(encoder=str(whisper_dir), layers=(2, 3))).eval()


@pytest.fixture
def waveform():
    return torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0)) * 0.1


def test_whisper_features_equal_the_released_extractor(whisper, waveform):
    from transformers import WhisperFeatureExtractor

    expected = WhisperFeatureExtractor(chunk_length=1)(
        list(waveform.numpy()), sampling_rate=16_000, return_tensors="pt"
    ).input_features
    assert torch.allclose(whisper.log_mel(waveform), expected, atol=1e-4)


def test_whisper_states_equal_the_whole_encoder(whisper_dir, waveform):
    """Against transformers' own forward pass, on the 30 s that it insists on."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    encoder = load_encoder(ContextConfig(encoder=str(whisper_dir), layers=(0, 3, -1))).eval()
    whole = WhisperEncoder.from_pretrained(
        whisper_dir,
        config=WhisperConfig.from_pretrained(whisper_dir),
        key_mapping={r"^model\.encoder\.": ""},
        dtype=torch.float32,
    ).eval()
    long = torch.nn.functional.pad(waveform[:1], (0, 29 * 16_000))
    with torch.no_grad():
        expected = whole(encoder.log_mel(long), output_hidden_states=True).hidden_states
        ours = encoder(long)
    assert ours.shape == (1, 3, 1500, 512)
    for k, layer in enumerate((0, 3, 6)):
        assert torch.allclose(ours[:, k], expected[layer], atol=1e-3)


def test_whisper_runs_on_the_segment_length(whisper, waveform):
    with torch.no_grad():
        assert whisper(waveform).shape == (2, 2, whisper.n_frames(16_000), 512)
    assert whisper.n_frames(48_000) == 150


def test_whisper_base_comes_with_the_package_up_to_layer_3_and_10_seconds(whisper_dir):
    config = ContextConfig(encoder="whisper-base", layers=(2, 3))
    shipped = load_encoder(config, duration=10.0)
    released = load_encoder(dataclasses.replace(config, encoder=str(whisper_dir)))
    released.fit_length(160_000)
    # Equal to the last bit, so cached features are shared too.
    assert shipped.fingerprint() == released.fingerprint()
    assert not any(p.requires_grad for p in shipped.parameters())
    for encoder in (shipped, released):
        encoder.fit_length(48_000)
    assert shipped.fingerprint() == released.fingerprint()
    lower = load_encoder(dataclasses.replace(config, layers=(1,)), duration=3.0)
    assert len(lower.blocks) == 1
    for more in ({"duration": 10.5}, {}):
        with pytest.raises(CheckpointError, match="context encoder"):
            load_encoder(config, **more)
    with pytest.raises(CheckpointError, match="context encoder"):
        load_encoder(dataclasses.replace(config, layers=(4,)), duration=3.0)


@pytest.mark.parametrize("layers", [(2, 2), (-4, 3)])
def test_a_layer_is_named_once(whisper_dir, layers):
    with pytest.raises(ConfigError, match="twice"):
        load_encoder(ContextConfig(encoder=str(whisper_dir), layers=(*layers,)))


def test_layers_above_the_highest_read_are_not_there(whisper):
    assert len(whisper.blocks) == 3


@pytest.mark.parametrize("variant", VARIANTS)
def test_truncated_encoders_equal_the_whole_one(variant, tmp_path, waveform):
    from transformers import AutoModel

    folder = save_random_encoder(tmp_path / variant, variant)
    whole = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        expected = whole(waveform, output_hidden_states=True).hidden_states
        for layers in ((1, 2), (-1,)):
            encoder = load_encoder(ContextConfig(encoder=str(folder), layers=layers)).eval()
            ours = encoder(waveform)
            assert ours.shape[2] == encoder.n_frames(16_000)
            for k, layer in enumerate(layers):
                assert torch.allclose(ours[:, k], expected[layer], atol=1e-5), (layers, layer)
    assert (
        len(load_encoder(ContextConfig(encoder=str(folder), layers=(2,))).model.encoder.layers) == 2
    )


def test_published_frame_count_of_wavlm():
    spec = EncoderInfo(
        family="wavlm",
        layers=(1,),
        config={"model_type": "wavlm", "num_hidden_layers": 12, "hidden_size": 768},
    )
    encoder = encoder_from_spec(ContextConfig(encoder="wavlm-base-plus", layers=(1,)), spec)
    assert encoder.n_frames(48_000) == 149
    assert HUB_NAMES["wavlm-base-plus"] == "microsoft/wavlm-base-plus"


def test_an_encoder_is_rebuilt_from_its_spec(tmp_path, waveform):
    folder = save_random_encoder(tmp_path / "model", "wavlm")
    config = ContextConfig(encoder=str(folder), layers=(1, 3))
    encoder = load_encoder(config).eval()
    again = encoder_from_spec(config, encoder.spec()).eval()
    again.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(encoder(waveform), again(waveform))


def test_frozen_encoders_stay_in_evaluation_mode(tmp_path):
    folder = save_random_encoder(tmp_path / "model", "hubert")
    frozen = load_encoder(ContextConfig(encoder=str(folder), layers=(1,))).train()
    tuned = load_encoder(ContextConfig(encoder=str(folder), layers=(1,), fine_tune=True)).train()
    assert not frozen.training
    assert not any(p.requires_grad for p in frozen.parameters())
    assert tuned.training
    # All but the embedding that only masking uses.
    still = [n for n, p in tuned.named_parameters() if not p.requires_grad]
    assert still == ["model.masked_spec_embed"]


def test_normalised_waveforms_make_level_no_cue(tmp_path, waveform):
    folder = save_random_encoder(tmp_path / "model", "wav2vec2")
    config = ContextConfig(encoder=str(folder), layers=(2,), normalise_waveform=True)
    encoder = load_encoder(config).eval()
    with torch.no_grad():
        assert torch.allclose(encoder(waveform), encoder(0.2 * waveform + 0.1), atol=1e-3)


@pytest.mark.parametrize("layers", [(), (9,), (-6,)])
def test_layers_out_of_range_are_refused(layers, tmp_path):
    folder = save_random_encoder(tmp_path / "model", "wavlm")
    with pytest.raises(ConfigError, match="0 to 4"):
        load_encoder(ContextConfig(encoder=str(folder), layers=layers))


def test_an_encoder_that_is_not_there_is_one_clear_error():
    with pytest.raises(CheckpointError, match="context encoder"):
        load_encoder(ContextConfig(encoder="no-such-folder/no-such-model"))


def test_cache_holds_what_the_encoder_says_and_is_keyed_by_content(tmp_path, waveform):
    folder = save_random_encoder(tmp_path / "model", "wavlm")
    config = ContextConfig(encoder=str(folder), layers=(1, 2))
    encoder = load_encoder(config).eval()
    cache = ContextCache(tmp_path / "cache", encoder)
    path = cache.ensure(waveform)
    with torch.no_grad():
        expected = encoder(waveform)
    kept = torch.stack([read_context(path, s) for s in range(2)])
    assert torch.allclose(kept, expected, atol=2e-2, rtol=2e-3)
    stamp = path.stat().st_mtime_ns
    assert cache.ensure(waveform.clone()) == path
    assert path.stat().st_mtime_ns == stamp
    assert cache.path(waveform * 1.001) != path
    other = load_encoder(dataclasses.replace(config, layers=(1, 3)))
    assert ContextCache(tmp_path / "cache", other).path(waveform) != path


def test_a_damaged_cache_entry_is_removed(tmp_path, waveform):
    folder = save_random_encoder(tmp_path / "model", "wavlm")
    encoder = load_encoder(ContextConfig(encoder=str(folder), layers=(1,)))
    path = ContextCache(tmp_path / "cache", encoder).ensure(waveform)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(OSError, match="start again"):
        read_context(path, 0)
    assert not path.exists()


def test_an_entry_that_was_cut_short_is_made_again(tmp_path, waveform):
    folder = save_random_encoder(tmp_path / "model", "wavlm")
    encoder = load_encoder(ContextConfig(encoder=str(folder), layers=(0, 1)))
    cache = ContextCache(tmp_path / "cache", encoder)
    whole = cache.ensure(waveform).read_bytes()
    path = cache.path(waveform)
    path.write_bytes(whole[:50])
    assert cache.ensure(waveform).read_bytes() == whole
