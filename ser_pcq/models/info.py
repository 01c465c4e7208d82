"""What a package says of its model: all of `checkpoint.json`, typed. Nothing here needs torch."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ser_pcq.config import Config
from ser_pcq.config.toml import from_dict, to_dict
from ser_pcq.errors import CheckpointError, ConfigError
from ser_pcq.models.data_info import DataInfo, Plain, as_json, name_labels_licence, texts
from ser_pcq.models.folder import ABOUT, ADAPTED, FORMAT


@dataclass(frozen=True)
class NetworkTrainingInfo:
    """How a network was trained.

    Attributes:
        seed: Of everything that is drawn.
        epochs: Passes over the data that were run.
        selected_epoch: The one whose weights are kept, from 1.
        device: `cpu` or `cuda`.
    """

    seed: int
    epochs: int
    selected_epoch: int
    device: str


@dataclass(frozen=True)
class LinearTrainingInfo:
    """What was chosen for a linear recognizer.

    Attributes:
        seed: Of everything that is drawn.
        features: Names of the feature sets.
        setting: What the method's setting is called.
        values: Its values, one for each map that the mean is taken of.
        device: Where the encoder ran, `cpu` or `cuda`.
    """

    seed: int
    features: tuple[str, ...]
    setting: str
    values: tuple[float, ...]
    device: str


TrainingInfo: TypeAlias = NetworkTrainingInfo | LinearTrainingInfo


def _training(plain: Plain) -> TrainingInfo:
    """Read the object `training`, whichever of the two it is."""
    seed, device = int(plain["seed"]), str(plain["device"])
    if "epochs" in plain:
        epochs, selected = int(plain["epochs"]), int(plain["selected_epoch"])
        return NetworkTrainingInfo(seed, epochs, selected, device)
    features, values = texts(plain["features"]), tuple(float(v) for v in plain["values"])
    return LinearTrainingInfo(seed, features, str(plain["setting"]), values, device)


@dataclass(frozen=True)
class CalibrationInfo:
    """What the confidence was fitted on.

    Attributes:
        temperature: 1 where none was fitted.
        utterances: How many it was fitted on, 0 where none was.
    """

    temperature: float = 1.0
    utterances: int = 0


@dataclass(frozen=True)
class SpeechHeadInfo:
    """What a speech head was fitted on.

    Attributes:
        speech: Recordings of speech by the name of their source.
        sounds: Recordings without speech.
        penalty: Of the ridge regression.
        caught: Share of the sounds that are doubtful or no speech when others have fitted the head.
    """

    speech: dict[str, int]
    sounds: int
    penalty: float
    caught: float


@dataclass(frozen=True)
class VoiceInfo:
    """What adapting a linear recognizer to a voice needs to know of its training.

    Attributes:
        within: How logits vary among recordings of one emotion by one speaker whom the fit has not
            heard: their covariance before the temperature, (class, class).
        log_prior: What was added to the log-probability of each class, (class,).
    """

    within: tuple[tuple[float, ...], ...]
    log_prior: tuple[float, ...]

    @classmethod
    def from_json(cls, plain: Plain) -> "VoiceInfo":
        """Read the object `voice`."""
        rows = [tuple(float(v) for v in row) for row in plain["within"]]
        prior = tuple(float(v) for v in plain["log_prior"])
        if any(len(row) != len(prior) for row in (rows, *rows)):
            raise ValueError("voice.within is not (class, class)")
        return cls(tuple(rows), prior)


@dataclass(frozen=True)
class EncoderInfo:
    """What is needed to build a context encoder again, without weights.

    Attributes:
        family: `whisper`, `slim-whisper`, `wavlm`, `hubert` or `wav2vec2`.
        layers: The layers that are read, from 0.
        config: The encoder's own dimensions, as its makers name them.
    """

    family: str
    layers: tuple[int, ...]
    config: Plain

    @classmethod
    def from_json(cls, plain: Plain) -> "EncoderInfo":
        """Read the object `encoder`."""
        return cls(str(plain["family"]), tuple(int(k) for k in plain["layers"]), plain["config"])


@dataclass(frozen=True)
class ParameterCounts:
    """Numbers of parameters.

    Attributes:
        encoder: Of the context encoder, 0 without one.
        network: Of the network or the linear map.
    """

    encoder: int
    network: int

    @property
    def total(self) -> int:
        """Of the whole model."""
        return self.encoder + self.network


@dataclass(frozen=True)
class Versions:
    """What a package was written with."""

    ser_pcq: str
    python: str
    torch: str
    transformers: str

    @classmethod
    def from_json(cls, plain: Plain) -> "Versions":
        """Read the object `versions`."""
        names = ("ser-pcq", "python", "torch", "transformers")
        return cls(*(str(plain[name]) for name in names))

    def to_json(self) -> dict[str, str]:
        """Return the object `versions`."""
        return {"ser-pcq" if k == "ser_pcq" else k: v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class ModelInfo:
    """All of `checkpoint.json`.

    Attributes:
        name: What predictions call the model.
        data: What it was trained on.
        protocol_name: The protocol, with what deviates from it.
        training: How it was trained.
        calibration: What its confidence was fitted on.
        leaky: How the test set of its training leaked, a sentence each; empty for a clean one.
        labels: The emotions, in the order of the outputs.
        encoder: Its context encoder; None without one.
        n_features: Length of a linear recognizer's vector of features; None for a network.
        config: The whole configuration, without paths of the machine that trained it.
        parameters: How many it has.
        versions: What it was written with.
        licence: SPDX expression of the licence of its weights; None where none is stated.
        speech_head: What its speech head was fitted on; None without one.
        voice: What adapting to a voice needs; None for networks, and in older packages.
    """

    name: str
    data: DataInfo
    protocol_name: str
    training: TrainingInfo
    calibration: CalibrationInfo
    leaky: tuple[str, ...]
    labels: tuple[str, ...]
    encoder: EncoderInfo | None
    n_features: int | None
    config: Config
    parameters: ParameterCounts
    versions: Versions
    licence: str | None = None
    speech_head: SpeechHeadInfo | None = None
    voice: VoiceInfo | None = None

    @classmethod
    def from_json(cls, plain: Plain) -> "ModelInfo":
        """Read the content of `checkpoint.json`, of this version or an older one.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: When something is missing, or is not
                what it should be.
            ConfigError: When the configuration does not fit this version.
        """
        config = from_dict(plain["config"])
        encoder, n_features = plain["encoder"], plain.get("n_features")
        name, labels, licence = name_labels_licence(plain)
        head, voice = plain.get("speech_head"), plain.get("voice")
        return cls(
            name=name,
            data=DataInfo.from_json(plain["data"]),
            # The first packages have neither the name of a protocol nor leaks nor a temperature.
            protocol_name=str(plain.get("protocol_name", config.protocol.name)),
            training=_training(plain["training"]),
            calibration=CalibrationInfo(**plain.get("calibration", {})),
            leaky=texts(plain.get("leaky", [])),
            labels=labels,
            encoder=None if encoder is None else EncoderInfo.from_json(encoder),
            n_features=None if n_features is None else int(n_features),
            config=config,
            parameters=ParameterCounts(**plain["parameters"]),
            versions=Versions.from_json(plain["versions"]),
            licence=licence,
            speech_head=None if head is None else SpeechHeadInfo(**head),
            voice=None if voice is None else VoiceInfo.from_json(voice),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the content of `checkpoint.json`."""
        tables = to_dict(self.config)
        return {
            "format": FORMAT,
            "name": self.name,
            **({} if self.licence is None else {"licence": self.licence}),
            "data": self.data.to_json(),
            "protocol": tables["protocol"],
            "protocol_name": self.protocol_name,
            "training": as_json(self.training),
            "calibration": as_json(self.calibration),
            "leaky": list(self.leaky),
            "labels": list(self.labels),
            "encoder": None if self.encoder is None else as_json(self.encoder),
            **({} if self.n_features is None else {"n_features": self.n_features}),
            "config": tables,
            "parameters": as_json(self.parameters),
            "versions": self.versions.to_json(),
            **({} if self.speech_head is None else {"speech_head": as_json(self.speech_head)}),
            **({} if self.voice is None else {"voice": as_json(self.voice)}),
        }


def read_info(folder: Path) -> ModelInfo:
    """Read the `checkpoint.json` of a package.

    Raises:
        CheckpointError: When it is missing, damaged, or of a foreign format.
    """
    if (folder / ADAPTED).is_file():
        raise CheckpointError(
            "this does not work with a model that was adapted",
            given=folder,
            accepted="the model that it was made from, or other trained models",
        )
    try:
        plain = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if not isinstance(plain, dict) or plain.get("format") != FORMAT:
            given = plain.get("format") if isinstance(plain, dict) else type(plain).__name__
            raise CheckpointError("foreign checkpoint format", given=given, accepted=FORMAT)
        return ModelInfo.from_json({**plain, "name": plain.get("name") or folder.name})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, error) from error
    except ConfigError as error:
        raise CheckpointError(f"checkpoint {folder} does not fit this version: {error}") from error


def damaged(folder: Path, error: Exception) -> CheckpointError:
    """Return what to raise for a package that cannot be read."""
    return CheckpointError(
        "damaged checkpoint", given=folder, do=f"train or copy it again ({error})"
    )
