"""What the reader of audio is fuzzed with, and what must hold of every file."""

import numpy as np
import pytest

from ser_pcq.audio.waveform import read_waveform
from ser_pcq.inference.recording import REASONS, WARNINGS, Refusal, hear
from support.media import kinds

SEEDS = ["plain.wav", "extensible.wav", "extra_chunks.wav", "IMA_ADPCM.wav", "big_endian.wav"]
SEEDS += ["kind.flac", "kind.ogg", "kind.opus", "kind.mp3", "kind.aiff", "kind.au", "kind.caf"]
SEEDS += ["kind.w64", "kind.rf64", "nist.sph", "pipe_0.wav", "pipe.caf", "pipe.flac", "tagged.mp3"]

MEDIA = ["aac.m4a", "first.mp4", "pieces.mp4", "film.mkv", "voice.aac", "opus.webm", "live.webm"]
MEDIA += ["alac.m4a", "alac.caf", "windows.wma", "true.tta", "pack.wv", "dolby.ac3", "film.avi"]
MEDIA += ["phone.amr", "phone.3gp", "amr.caf"]
SEEDS += [name for name in MEDIA if name in kinds()]


def check(path):
    """Whatever the file holds, it can be judged, or is refused by a documented word."""
    heard = hear(path)
    if isinstance(heard, Refusal):
        assert heard.reason.word in REASONS
        assert "\n" not in str(heard.reason)
        return
    assert {warning.word for warning in heard.warnings} <= set(WARNINGS)
    samples = np.concatenate(list(heard.blocks()))
    assert np.isfinite(samples).all()
    assert len(samples) / 16_000 == pytest.approx(heard.duration, abs=1e-3)
    cut = any(warning.word in ("damaged", "truncated") for warning in heard.warnings)
    if heard.waveform is not None and not cut:
        # Training, which takes nothing that is damaged, hears the same.
        np.testing.assert_array_equal(read_waveform(path), samples)
