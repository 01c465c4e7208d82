"""From the description of an encoder to the encoder, without weights."""

from typing import Any

from ser_pcq.config import ContextConfig
from ser_pcq.models.encoders import ENCODERS
from ser_pcq.models.encoders.context import ContextEncoder


def encoder_from_spec(config: ContextConfig, spec: dict[str, Any]) -> ContextEncoder:
    """Build an encoder of the right shape without weights, for a checkpoint to fill."""
    encoder = ENCODERS[spec["family"]](config, tuple(spec["layers"]), spec["config"])
    encoder.freeze()
    return encoder
