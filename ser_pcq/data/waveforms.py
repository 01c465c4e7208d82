"""The waveform of an utterance."""

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import read_waveform
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import AudioError, DataError


def read_utterance(utterance: Utterance) -> NDArray[np.float32]:
    """Read the waveform of an utterance.

    Shape:
        (time,) at 16 kHz.

    Raises:
        DataError: When the audio cannot be read; it names the utterance.
    """
    try:
        return read_waveform(utterance.audio, start=utterance.start, end=utterance.end)
    except AudioError as error:
        raise DataError(f"utterance {utterance.utterance_id}: {error}") from error
