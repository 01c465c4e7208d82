"""Context encoders: from a waveform to the hidden states of a pretrained speech model."""

from ser_pcq.models.encoders.context import ContextEncoder, WaveContext, WhisperContext
from ser_pcq.models.encoders.slim_whisper import SlimWhisper

PRETRAINED: dict[str, type[WhisperContext] | type[WaveContext]] = {
    "whisper": WhisperContext,
    "wavlm": WaveContext,
    "hubert": WaveContext,
    "wav2vec2": WaveContext,
}
"""Family of a pretrained model, as its `config.json` names it, to the encoder that reads it."""

ENCODERS: dict[str, type[ContextEncoder]] = {
    **PRETRAINED,
    "slim-whisper": SlimWhisper,
}
"""Family to encoder, those included that are made from others."""
