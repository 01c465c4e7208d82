"""Pretrained encoders by name, hub name or folder.

`whisper-base` and `wavlm-base-plus` are known by name; any other Hugging Face Whisper, WavLM,
HuBERT or wav2vec2 model is given as a folder (`config.json`, `model.safetensors`) or hub name.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ser_pcq.config import ContextConfig
from ser_pcq.errors import CheckpointError, ConfigError
from ser_pcq.models.encoders import PRETRAINED
from ser_pcq.models.encoders.context import ContextEncoder, WhisperContext
from ser_pcq.models.info import read_info

HUB_NAMES = {
    "whisper-base": "openai/whisper-base",
    "wavlm-base-plus": "microsoft/wavlm-base-plus",
}

# Where a configuration came from and what wrote it: nothing that the output depends on, and a path
# of this machine has no place in a checkpoint.
PROVENANCE = {"_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype"}


def _resolve_layers(layers: tuple[int, ...], n_layers: int) -> tuple[int, ...]:
    """Turn negative indices into positive ones and check the range."""
    if not layers:
        raise ConfigError("context.layers is empty", accepted=f"layers from 0 to {n_layers}")
    resolved = tuple(n_layers + 1 + k if k < 0 else k for k in layers)
    if any(not 0 <= k <= n_layers for k in resolved):
        raise ConfigError(
            "context.layers out of range", given=layers, accepted=f"0 to {n_layers}, or negative"
        )
    if len(set(resolved)) < len(resolved):
        raise ConfigError("context.layers names a layer twice", given=layers, accepted="each once")
    return resolved


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Hide the library's reports of unread upper layers, which are left out on purpose."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()


def _find(config: ContextConfig) -> tuple[str, Any]:
    """Return where the model is, a folder or hub name, and its configuration.

    Raises:
        CheckpointError: When nothing is found.
    """
    from transformers import AutoConfig

    local = Path(config.encoder).expanduser()
    source = str(local) if local.is_dir() else HUB_NAMES.get(config.encoder, config.encoder)
    try:
        return source, AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            "cannot load the context encoder",
            given=config.encoder,
            accepted=f"{', '.join(HUB_NAMES)}, a hub name, or a folder with config.json and "
            "model.safetensors",
            do="without a network, give the folder: --set context.encoder=DIR",
        ) from error


def _read_weights(source: str, dims: Any) -> Any:
    """Return the truncated model that `dims` describes.

    Raises:
        CheckpointError: When weights cannot be read, or some are missing.
    """
    from transformers import AutoModel
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    options: dict[str, Any] = {"dtype": torch.float32, "output_loading_info": True, "config": dims}
    try:
        if dims.model_type == "whisper":
            # Released Whisper models name the encoder's weights from the whole model's top.
            options["key_mapping"] = {r"^(model\.)?encoder\.": ""}
            model, info = WhisperEncoder.from_pretrained(source, **options)
        else:
            model, info = AutoModel.from_pretrained(source, **options)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            "cannot load the encoder's weights", given=source, do="copy model.safetensors again"
        ) from error
    missing = sorted(k for k in info["missing_keys"] if "masked_spec_embed" not in k)
    if missing:
        raise CheckpointError(
            "the encoder's weights are incomplete", given=source, do=f"missing: {missing[0]} …"
        )
    return model


def _shipped_whisper(config: ContextConfig, duration: float) -> ContextEncoder | None:
    """Return the lower part of Whisper base that ships inside the package, where it is enough.

    The embedded model holds it frozen, in the precision of the release: blocks 1 to 3, and the
    positions of 10 s.
    """
    from ser_pcq.models.folder import ABOUT, EMBEDDED, LARGE_MODEL
    from ser_pcq.models.sharing.files import weight_files

    folder = EMBEDDED / LARGE_MODEL
    if config.encoder != "whisper-base" or not (folder / ABOUT).is_file():
        return None
    shipped = read_info(folder).encoder
    if shipped is None:
        return None
    layers = _resolve_layers(config.layers, shipped.config["encoder_layers"])
    tensors = {
        name.removeprefix("encoder."): value.float()
        for file in weight_files(folder)
        for name, value in load_file(file).items()
        if name.startswith("encoder.")
    }
    n_positions, width = tensors["positions.weight"].shape
    # An encoder frame is 20 ms.
    if max(layers) > max(shipped.layers) or duration > n_positions * 0.02:
        return None
    encoder = WhisperContext(config, layers, shipped.config)
    encoder.positions = torch.nn.Embedding(n_positions, width)
    needed = encoder.state_dict()
    encoder.load_state_dict({name: tensors[name] for name in needed})
    encoder.freeze()
    return encoder


def load_encoder(config: ContextConfig, *, duration: float | None = None) -> ContextEncoder | None:
    """Load an encoder with its weights; None for `none`.

    Args:
        config: The `[context]` section.
        duration: Length of the segments in s. With it, `whisper-base` is taken from inside the
            package where layers and length allow, and no network is needed.

    Raises:
        CheckpointError: When the folder or hub name gives no usable model.
        ConfigError: For a family or layer that is not known.
    """
    if config.encoder == "none":
        return None
    shipped = None if duration is None else _shipped_whisper(config, duration)
    if shipped is not None:
        return shipped
    with _quiet_transformers():
        source, dims = _find(config)
        depth_key = "encoder_layers" if dims.model_type == "whisper" else "num_hidden_layers"
        if dims.model_type not in PRETRAINED:
            raise ConfigError(
                "unknown kind of encoder",
                given=dims.model_type,
                accepted=", ".join(PRETRAINED),
            )
        hub_config = {k: v for k, v in dims.to_dict().items() if k not in PROVENANCE}
        layers = _resolve_layers(config.layers, hub_config[depth_key])
        # At least one block is built: the wave models do not run without.
        setattr(dims, depth_key, max(1, *layers))
        model = _read_weights(source, dims)
    encoder = PRETRAINED[dims.model_type](config, layers, hub_config, model)
    encoder.freeze()
    return encoder
