"""From the description of an encoder to the encoder, without weights."""

from ser_pcq.config import ContextConfig
from ser_pcq.models.encoders.context import ContextEncoder, WaveContext, WhisperContext
from ser_pcq.models.encoders.slim_whisper import SlimWhisper
from ser_pcq.models.info import EncoderInfo

KINDS: dict[str, type[ContextEncoder]] = {"whisper": WhisperContext, "slim-whisper": SlimWhisper}
"""Family to class; every other family is a `WaveContext`."""


def encoder_from_spec(config: ContextConfig, spec: EncoderInfo) -> ContextEncoder:
    """Build an encoder of the right shape without weights, for a checkpoint to fill."""
    kind = KINDS.get(spec.family, WaveContext)
    encoder = kind(config, spec.layers, spec.config)
    encoder.freeze()
    return encoder
