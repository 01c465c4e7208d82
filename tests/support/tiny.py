"""A tiny generated corpus and a tiny network: what the slow parts are tested with."""

from pathlib import Path

import torch

from ser_pcq.config import Config
from ser_pcq.config.toml import from_dict
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import synthetic
from ser_pcq.models.checkpoint import AnyRecognizer, describe
from ser_pcq.models.data_info import DataInfo
from ser_pcq.models.encoders.context import WaveContext
from ser_pcq.models.info import CalibrationInfo, ModelInfo, NetworkTrainingInfo
from ser_pcq.models.recognizer import Recognizer

LABELS = ("anger", "neutral", "sadness")

# Of small encoders of the WavLM family.
ENCODER_SIZES = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": (16, 16),
    "conv_kernel": (10, 8),
    "conv_stride": (20, 16),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}

TABLES = {
    "frontend": {"n_fft": 640, "win_length": 640, "hop_length": 320, "n_mels": 24},
    "segment": {"duration": 1.0},
    "context": {"encoder": "none"},
    "model": {"channels": [4, 4, 8, 8]},
    "train": {"epochs": 2, "batch_size": 8, "label_smoothing": 0.0},
}

TOML = """
[frontend]
n_fft = 640
win_length = 640
hop_length = 320
n_mels = 24

[segment]
duration = 1.0

[context]
encoder = "none"

[model]
channels = [4, 4, 8, 8]

[train]
epochs = 2
batch_size = 8
"""


def config(**changes: dict) -> Config:
    """The tiny configuration with some sections changed."""
    tables = {name: dict(values) for name, values in TABLES.items()}
    for section, values in changes.items():
        tables.setdefault(section, {}).update(values)
    return from_dict(tables)


def make_data_dir(folder: Path, **options: int) -> datadir.DataDir:
    """Generate a corpus and prepare it."""
    synthetic.generate(folder / "corpus", **options)
    datadir.write(folder / "data", synthetic.prepare(folder / "corpus").utterances)
    return datadir.read(folder / "data")


def random_encoder(seed: int = 0, **options: object) -> WaveContext:
    """A small WavLM with random weights."""
    tables = config(context={"encoder": "wavlm-base-plus", "layers": [1, 2], **options})
    hub = {"model_type": "wavlm", "num_hidden_layers": 3, **ENCODER_SIZES}
    torch.manual_seed(seed)
    encoder = WaveContext(tables.context, (1, 2), hub)
    encoder.freeze()
    return encoder


def save_whisper(folder: Path) -> Path:
    """A small Whisper with random weights, as the hub has them."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(0)
    sizes = {"d_model": 32, "encoder_layers": 3, "encoder_attention_heads": 2}
    rest = {"decoder_layers": 1, "decoder_attention_heads": 2, "vocab_size": 60}
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    ffn = {"encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    config = WhisperConfig(**sizes, **rest, **tokens, **ffn)
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    return folder


def recognizer(seed: int = 0, *, with_encoder: bool = False, **changes: dict) -> Recognizer:
    """An untrained tiny recognizer in evaluation mode."""
    encoder = random_encoder(seed) if with_encoder else None
    context = {"encoder": "wavlm-base-plus", "layers": [1, 2]} if with_encoder else {}
    changes = {**changes, "context": {**context, **changes.get("context", {})}}
    torch.manual_seed(seed)
    return Recognizer(config(**changes), LABELS, encoder).eval()


def info(recognizer: AnyRecognizer, name: str = "tiny", **changes: object) -> ModelInfo:
    """What the package of a model that was not trained says."""
    facts = {
        "data": DataInfo("none", None, 0, (), (), ()),
        "protocol_name": "all",
        "training": NetworkTrainingInfo(seed=0, epochs=0, selected_epoch=0, device="cpu"),
        "calibration": CalibrationInfo(),
    }
    return describe(recognizer, name=name, **{**facts, **changes})
