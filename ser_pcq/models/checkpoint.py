"""One pickle-free package: a folder with `model.safetensors`, `checkpoint.json` and a card.

The JSON holds the configuration, labels, the encoder's shape, versions, and the data and protocol
of the training; the weights hold everything fitted, the frontend's statistics included. A package
rebuilds itself: neither recipe nor corpus nor hub is needed to load it.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ser_pcq.config import Config
from ser_pcq.errors import CheckpointError, ConfigError
from ser_pcq.files import whole_file, write_json, write_text
from ser_pcq.models.data_info import DataInfo
from ser_pcq.models.device import resolve_device
from ser_pcq.models.encoders.spec import encoder_from_spec
from ser_pcq.models.folder import ABOUT, CARD, FORMAT, WEIGHTS, find_model
from ser_pcq.models.info import (
    CalibrationInfo,
    ModelInfo,
    TrainingInfo,
    Versions,
    VoiceInfo,
    damaged,
    read_info,
)
from ser_pcq.models.linear.recognizer import LinearRecognizer
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.models.sharing.files import weight_files
from ser_pcq.models.speech_head.head import Judged, SpeechHead
from ser_pcq.version import __version__

AnyRecognizer: TypeAlias = Recognizer | LinearRecognizer
"""What a checkpoint can hold: the network, or a linear recognizer."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded package: a `Classifier` that PyTorch runs.

    Attributes:
        recognizer: The model, in evaluation mode, on the device where it is to run.
        info: What the package says of it.
        batch_size: How many recordings it is best given at once.
        speech_head: What tells speech from other sounds; None where the package has none.
    """

    recognizer: AnyRecognizer
    info: ModelInfo
    batch_size: int = 1
    speech_head: SpeechHead | None = None

    @property
    def name(self) -> str:
        """What predictions call the model."""
        return self.info.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions, in the order of the probabilities."""
        return self.info.labels

    @property
    def licence(self) -> str | None:
        """SPDX expression of the licence of its weights; None where none is stated."""
        return self.info.licence

    def probabilities(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Score recordings; none of them depends on the others, and nothing is padded.

        Shape:
            waveforms, each (time,) at 16 kHz, to (recording, class).

        Raises:
            AudioError: When the model cannot use the audio.
            RuntimeError, MemoryError: When it cannot be computed.
        """
        return self.outputs(waveforms)[0]

    @property
    def width(self) -> int:
        """Length of an embedding."""
        return self.recognizer.width

    def embeddings(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return what enters the last layer, averaged over segments; as `Classifier` says.

        Shape:
            waveforms, each (time,) at 16 kHz, to (recording, width).

        Raises:
            AudioError: When the model cannot use the audio.
            RuntimeError, MemoryError: When it cannot be computed.
        """
        return self.outputs(waveforms)[1]

    def outputs(
        self, waveforms: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return `probabilities` and `embeddings`, computed together.

        Raises:
            AudioError: When the model cannot use the audio.
            RuntimeError, MemoryError: When it cannot be computed.
        """
        tensors = [torch.from_numpy(np.ascontiguousarray(one)) for one in waveforms]
        scores, embeddings = self.recognizer.batch_outputs(tensors)
        return scores.double().softmax(dim=1).numpy(), embeddings.float().numpy()

    @property
    def has_speech_head(self) -> bool:
        """Whether it tells speech from other sounds."""
        return self.speech_head is not None

    def judged(
        self, waveforms: Sequence[NDArray[np.float32]], *, embeddings: bool = False
    ) -> Judged:
        """See `HearsSpeech`."""
        assert self.speech_head is not None
        scores, vectors = self.outputs(waveforms)
        return Judged(scores, self.speech_head.scores(vectors), vectors if embeddings else None)


def shareable_config(config: Config) -> Config:
    """Return the configuration without paths of this machine: encoder and lists by their names."""
    encoder = Path(config.context.encoder)
    context, protocol = config.context, config.protocol
    if encoder.is_dir():
        context = replace(context, encoder=encoder.resolve().name)
    protocol = replace(protocol, split=Path(protocol.split).name)
    return replace(config, context=context, protocol=protocol)


def describe(
    recognizer: AnyRecognizer,
    *,
    name: str,
    data: DataInfo,
    protocol_name: str,
    training: TrainingInfo,
    calibration: CalibrationInfo,
    leaky: tuple[str, ...] = (),
    voice: VoiceInfo | None = None,
) -> ModelInfo:
    """Return what a package of this model says; what the model itself knows is taken from it.

    Args:
        recognizer: The model.
        name: What predictions will call it.
        data: What it was trained on.
        protocol_name: The protocol, with what deviates from it.
        training: How it was trained.
        calibration: What its confidence was fitted on.
        leaky: How the test set of its training leaked, a sentence each.
        voice: What adapting it to a voice needs to know.
    """
    return ModelInfo(
        name=name,
        data=data,
        protocol_name=protocol_name,
        training=training,
        calibration=calibration,
        leaky=leaky,
        voice=voice,
        labels=recognizer.labels,
        encoder=None if recognizer.encoder is None else recognizer.encoder.spec(),
        n_features=recognizer.n_features if isinstance(recognizer, LinearRecognizer) else None,
        config=shareable_config(recognizer.config),
        parameters=recognizer.parameter_counts(),
        versions=Versions(
            __version__, platform.python_version(), torch.__version__, version("transformers")
        ),
    )


def save_checkpoint(
    folder: Path, recognizer: AnyRecognizer, info: ModelInfo, *, card: str = ""
) -> None:
    """Write a package.

    A frozen encoder is stored in half precision, a trained one and the network in full.

    Args:
        folder: Where; an older package there is replaced file by file, the JSON last.
        recognizer: The model.
        info: What `describe` says of it.
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
    write_json(folder / ABOUT, info.to_json())


def refuse_adapted(checkpoint: Checkpoint) -> None:
    """Refuse a model that needs other recordings of a speaker before it can judge one of them.

    Raises:
        CheckpointError: For a speaker-adapted model.
    """
    if checkpoint.info.config.protocol.adapt == "speaker":
        raise CheckpointError(
            "a speaker-adapted model cannot judge single recordings",
            given=checkpoint.name,
            accepted='models that were trained with protocol.adapt = "none"',
        )


def load_checkpoint(model: str, *, device: str = "cpu") -> Checkpoint:
    """Load a model by embedded name or path.

    Args:
        model: Embedded name or path.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        CheckpointError: When it is missing, damaged, or of a foreign format.
        SerError: When the device is unknown or absent.
    """
    device = resolve_device(device)
    folder = find_model(model)
    info = read_info(folder)
    try:
        recognizer = _build(info)
        tensors: dict[str, torch.Tensor] = {}
        for file in weight_files(folder):
            tensors |= load_file(file)
        head = SpeechHead.of(tensors)
        recognizer.load_state_dict({k: _full(v) for k, v in tensors.items()})
    except ConfigError as error:
        raise CheckpointError(f"checkpoint {folder} does not fit this version: {error}") from error
    except (
        OSError,
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
    ) as error:
        raise damaged(folder, error) from error
    # On the CPU several at once are not faster.
    return Checkpoint(recognizer.to(device).eval(), info, 1 if device == "cpu" else 16, head)


def _build(info: ModelInfo) -> AnyRecognizer:
    """Build the module that the weights belong to, with its temperature."""
    config = info.config
    encoder = None if info.encoder is None else encoder_from_spec(config.context, info.encoder)
    recognizer: AnyRecognizer
    if config.model.is_network:
        recognizer = Recognizer(config, info.labels, encoder)
    else:
        if info.n_features is None:
            raise ValueError("n_features is missing")
        recognizer = LinearRecognizer(config, info.labels, encoder, info.n_features)
    recognizer.temperature = info.calibration.temperature
    return recognizer


def _full(value: torch.Tensor) -> torch.Tensor:
    """Return a stored tensor in the precision that is computed with."""
    return value.float() if value.is_floating_point() else value
