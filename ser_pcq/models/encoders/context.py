"""The context branch: a self-supervised encoder, read at chosen depths.

Whisper, WavLM, HuBERT and wav2vec2; `pretrained` finds and loads them. Only the
layers up to the highest one that is read are built, run and stored. Hidden state 0 is the input of
the first block, state k the output of block k; -1 is the last one of the whole encoder.

transformers is imported when an encoder is built, not before.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.config import ContextConfig
from ser_pcq.errors import ConfigError
from ser_pcq.models.data_info import Plain, as_json
from ser_pcq.models.encoders.whisper_input import HOP, WhisperLogMel
from ser_pcq.models.info import EncoderInfo


class ContextEncoder(nn.Module, ABC):
    """Waveform segments to the hidden states of some layers.

    Args:
        config: The `[context]` section.
        layers: The layers that are read, as indices from 0, resolved.
        hub_config: The encoder's own configuration, as plain values.
    """

    family: str
    width: int

    def __init__(self, config: ContextConfig, layers: tuple[int, ...], hub_config: Plain) -> None:
        super().__init__()
        self.config = config
        self.layers = layers
        self.hub_config = hub_config

    @abstractmethod
    def hidden_states(self, waveform: Tensor) -> list[Tensor]:
        """Return all hidden states up to the highest layer read, each (batch, frame, width)."""

    @abstractmethod
    def n_frames(self, n_samples: int) -> int:
        """Return the encoder frames of a segment of `n_samples`."""

    def fit_length(self, n_samples: int) -> None:
        """Drop what only segments longer than `n_samples` would use; nothing by default."""

    def train(self, mode: bool = True) -> "ContextEncoder":
        """Set the mode; a frozen encoder stays in evaluation mode."""
        return super().train(mode and self.config.fine_tune)

    def freeze(self) -> None:
        """Take the parameters out of training unless they are fine-tuned."""
        self.requires_grad_(self.config.fine_tune)
        self.train(self.training)

    def prepare(self, waveform: Tensor) -> Tensor:
        """Normalise each segment if the configuration says so, (batch, time) to the same."""
        if not self.config.normalise_waveform:
            return waveform
        centred = waveform - waveform.mean(dim=-1, keepdim=True)
        return centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-7).sqrt()

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the hidden states that are read.

        Shape:
            waveform (batch, time) at 16 kHz to (batch, depth, frame, width).
        """
        states = self.hidden_states(self.prepare(waveform))
        return torch.stack([states[layer] for layer in self.layers], dim=1)

    def spec(self) -> EncoderInfo:
        """Return what `encoder_from_spec` needs to build this encoder again without weights."""
        return EncoderInfo(self.family, self.layers, self.hub_config)

    def fingerprint(self) -> str:
        """Return a hash of everything that the output depends on, except the waveform."""
        digest = hashlib.sha256()
        about = {**as_json(self.spec()), "normalise": self.config.normalise_waveform}
        digest.update(json.dumps(about, sort_keys=True).encode())
        for name, value in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
        return digest.hexdigest()


class WhisperContext(ContextEncoder):
    """The encoder of a Whisper model, run on the segment's own length.

    Whisper was trained on 30 s; the encoder also works on less when only the first positions of its
    positional table are added, which costs a tenth of the time for 3 s.
    """

    family = "whisper"

    def __init__(
        self,
        config: ContextConfig,
        layers: tuple[int, ...],
        hub_config: Plain,
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__(config, layers, hub_config)
        from transformers import WhisperConfig
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        dims = WhisperConfig.from_dict({**hub_config, "encoder_layers": max(layers)})
        built: Any = encoder if encoder is not None else WhisperEncoder(dims)
        self.width = int(dims.d_model)
        self.conv1, self.conv2 = built.conv1, built.conv2
        self.positions = built.embed_positions
        self.blocks = built.layers
        # Only the last state of the whole encoder is normalised; lower ones are read as they are.
        whole = max(layers) == int(hub_config["encoder_layers"])
        self.norm: nn.Module = built.layer_norm if whole else nn.Identity()
        self.log_mel = WhisperLogMel(int(dims.num_mel_bins))

    def stem(self, waveform: Tensor) -> Tensor:
        """Return state 0, (batch, time) to (batch, frame, width).

        Raises:
            ConfigError: When the segment has more frames than the encoder has positions.
        """
        hidden = F.gelu(self.conv1(self.log_mel(waveform)))
        hidden = F.gelu(self.conv2(hidden)).transpose(1, 2)
        n_frames = hidden.shape[1]
        if n_frames > self.positions.weight.shape[0]:
            raise ConfigError(
                "segment.duration is too long for this encoder",
                accepted=f"up to {self.positions.weight.shape[0] / 50:g} s",
            )
        return hidden + self.positions.weight[:n_frames]

    def hidden_states(self, waveform: Tensor) -> list[Tensor]:
        """Return the states of layers 0 to the highest one read, each (batch, frame, width)."""
        states = [self.stem(waveform)]
        for block in self.blocks:
            output = block(states[-1], None)
            states.append(output[0] if isinstance(output, tuple) else output)
        states[-1] = self.norm(states[-1])
        return states

    def fit_length(self, n_samples: int) -> None:
        """Keep the positions of a segment only: the full table is for 30 s."""
        table = self.positions.weight[: self.n_frames(n_samples)].detach().clone()
        self.positions = nn.Embedding.from_pretrained(table, freeze=not self.config.fine_tune)

    def n_frames(self, n_samples: int) -> int:
        """Frames of 20 ms."""
        return (n_samples // HOP + 1) // 2


class WaveContext(ContextEncoder):
    """WavLM, HuBERT or wav2vec2."""

    def __init__(
        self,
        config: ContextConfig,
        layers: tuple[int, ...],
        hub_config: Plain,
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__(config, layers, hub_config)
        from transformers import AutoConfig, AutoModel

        self.family = str(hub_config["model_type"])
        dims = AutoConfig.for_model(**{**hub_config, "num_hidden_layers": max(1, *layers)})
        self.width = int(dims.hidden_size)
        built: Any = encoder if encoder is not None else AutoModel.from_config(dims)
        # Masking and dropping of layers belong to pre-training; augmentation is the recipe's.
        built.config.apply_spec_augment = False
        built.config.layerdrop = 0.0
        whole = max(layers) == int(hub_config["num_hidden_layers"])
        if hub_config.get("do_stable_layer_norm") and not whole:
            # Here the norm comes after the last block, and the truncated one is not the last.
            built.encoder.layer_norm = nn.Identity()
        self.model = built

    def freeze(self) -> None:
        """Take the parameters out of training unless they are fine-tuned."""
        super().freeze()
        # Only masking uses it; several processes wait for a gradient that never comes.
        if getattr(self.model, "masked_spec_embed", None) is not None:
            self.model.masked_spec_embed.requires_grad_(False)

    def hidden_states(self, waveform: Tensor) -> list[Tensor]:
        """Return the states of layers 0 to the highest one read, each (batch, frame, width)."""
        return list(self.model(waveform, output_hidden_states=True).hidden_states)

    def n_frames(self, n_samples: int) -> int:
        """Frames that the strided convolutions leave, about one each 20 ms."""
        for kernel, stride in zip(
            self.model.config.conv_kernel, self.model.config.conv_stride, strict=True
        ):
            n_samples = (n_samples - kernel) // stride + 1
        return n_samples
