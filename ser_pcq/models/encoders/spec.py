"""From the description of an encoder to the encoder, without weights."""

from ser_pcq.config import ContextConfig
from ser_pcq.models.encoders import ENCODERS
from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.models.info import EncoderInfo


def encoder_from_spec(config: ContextConfig, spec: EncoderInfo) -> ContextEncoder:
    """Build an encoder of the right shape without weights, for a checkpoint to fill."""
    encoder = ENCODERS[spec.family](config, spec.layers, spec.config)
    encoder.freeze()
    return encoder
