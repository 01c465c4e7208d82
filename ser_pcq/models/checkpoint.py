"""One pickle-free package: a folder with `model.safetensors`, `checkpoint.json` and a card.

The JSON holds the configuration, labels, the encoder's shape, versions, and the data and protocol
of the training; the weights hold everything fitted, the frontend's statistics included. A package
rebuilds itself: neither recipe nor corpus nor hub is needed to load it.
"""

import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ser_pcq.config import Config
from ser_pcq.config.toml import from_dict, to_dict
from ser_pcq.errors import CheckpointError, ConfigError
from ser_pcq.files import whole_file, write_json, write_text
from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.models.encoders.spec import encoder_from_spec
from ser_pcq.models.folder import ABOUT, CARD, FORMAT, WEIGHTS, find_model
from ser_pcq.models.linear.recognizer import LinearRecognizer
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.version import __version__

AnyRecognizer: TypeAlias = Recognizer | LinearRecognizer
"""What a checkpoint can hold: the network, or a linear recognizer."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded package.

    Attributes:
        name: How the model is called in predictions.
        recognizer: The model, in evaluation mode.
        about: Versions, data, protocol and training, as they were written.
    """

    name: str
    recognizer: AnyRecognizer
    about: dict[str, Any]


def shareable_config(config: Config) -> dict[str, dict[str, Any]]:
    """Return the configuration without paths of this machine: encoder and lists by their names."""
    tables = to_dict(config)
    encoder = Path(config.context.encoder)
    if encoder.is_dir():
        tables["context"]["encoder"] = encoder.resolve().name
    tables["protocol"]["split"] = Path(config.protocol.split).name
    return tables


def save_checkpoint(
    folder: Path, recognizer: AnyRecognizer, about: dict[str, Any], *, card: str = ""
) -> None:
    """Write a package.

    A frozen encoder is stored in half precision, a trained one and the network in full.

    Args:
        folder: Where; an older package there is replaced file by file, the JSON last.
        recognizer: The model.
        about: `name`, `data`, `protocol`, `training`, `calibration` and `leaky`, plain values.
        card: Text of the model card.
    """
    frozen = not recognizer.config.context.fine_tune
    tensors = {}
    for name, value in recognizer.state_dict().items():
        halve = frozen and name.startswith("encoder.") and value.is_floating_point()
        tensors[name] = (value.half() if halve else value).detach().cpu().contiguous()
    with whole_file(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary, metadata={"format": FORMAT})
    if card:
        write_text(folder / CARD, card)
    write_json(
        folder / ABOUT,
        {
            "format": FORMAT,
            **about,
            **recognizer.description(),
            "config": shareable_config(recognizer.config),
            "parameters": recognizer.parameter_counts(),
            "versions": {
                "ser-pcq": __version__,
                "python": platform.python_version(),
                "torch": torch.__version__,
                "transformers": version("transformers"),
            },
        },
    )


def refuse_adapted(checkpoint: Checkpoint) -> None:
    """Refuse a model that needs other recordings of a speaker before it can judge one of them.

    Raises:
        CheckpointError: For a speaker-adapted model.
    """
    if checkpoint.recognizer.config.protocol.adapt == "speaker":
        raise CheckpointError(
            "a speaker-adapted model cannot judge single recordings",
            given=checkpoint.name,
            accepted='models that were trained with protocol.adapt = "none"',
        )


def load_checkpoint(model: str, *, device: str = "cpu") -> Checkpoint:
    """Load a model by embedded name or path.

    Raises:
        CheckpointError: When it is missing, damaged, or of a foreign format.
    """
    folder = find_model(model)
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise CheckpointError(
                "foreign checkpoint format",
                given=about.get("format") if isinstance(about, dict) else type(about).__name__,
                accepted=FORMAT,
            )
        config = from_dict(about["config"])
        spec = about["encoder"]
        encoder = None if spec is None else encoder_from_spec(config.context, spec)
        recognizer = _build(config, tuple(about["labels"]), encoder, about)
        # Packages from before temperatures were fitted have none.
        recognizer.temperature = float(about.get("calibration", {}).get("temperature", 1.0))
        tensors = load_file(folder / WEIGHTS)
        recognizer.load_state_dict({k: _full(v) for k, v in tensors.items()})
    except (
        OSError,
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
    ) as error:
        raise CheckpointError(
            "damaged checkpoint", given=folder, do=f"train or copy it again ({error})"
        ) from error
    except ConfigError as error:
        raise CheckpointError(f"checkpoint {folder} does not fit this version: {error}") from error
    name = str(about.get("name") or folder.name)
    return Checkpoint(name, recognizer.to(device).eval(), about)


def _build(
    config: Config, labels: tuple[str, ...], encoder: ContextEncoder | None, about: dict[str, Any]
) -> AnyRecognizer:
    """Build the module that the weights belong to."""
    if config.model.is_network:
        return Recognizer(config, labels, encoder)
    return LinearRecognizer(config, labels, encoder, int(about["n_features"]))


def _full(value: torch.Tensor) -> torch.Tensor:
    """Return a stored tensor in the precision that is computed with."""
    return value.float() if value.is_floating_point() else value
