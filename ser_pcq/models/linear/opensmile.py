"""openSMILE's functionals: waveform to one vector per utterance of any length."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import AudioError, ConfigError, SerError, suggest

OPENSMILE_SETS = ("eGeMAPSv02", "ComParE_2016")
"""88 functionals (Eyben et al. 2016) and 6,373 (Schuller et al. 2016)."""

SHORTEST = 960
"""Samples at 16 kHz (60 ms): with fewer, openSMILE has no frame and gives no numbers."""


def _import_opensmile() -> Any:
    """Return the package, or say how to get it."""
    try:
        import opensmile  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise SerError(
            "these features need the package opensmile",
            do="pip install 'ser-pcq[opensmile]' (its licence: research, no commercial use)",
        ) from error
    return opensmile


class OpenSmileFunctionals:
    """openSMILE's functionals of an utterance.

    eGeMAPSv02: Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for voice
    research and affective computing", IEEE Transactions on Affective Computing 7(2), 2016.
    ComParE_2016: Schuller et al., "The INTERSPEECH 2016 Computational Paralinguistics Challenge".

    Licence: openSMILE has the audEERING Research License Agreement: free for teaching,
    research and personal experiments, not for commercial use. This concerns using a model that
    needs these features, too.

    Level matters: loudness is one of the features, so training and prediction must agree on it.

    Args:
        name: One of `OPENSMILE_SETS`.

    Attributes:
        name: As given.
        feature_names: openSMILE's names, in the order of the vector.

    Raises:
        ConfigError: For another name.
        SerError: When the package opensmile is not installed.
    """

    def __init__(self, name: str) -> None:
        if name not in OPENSMILE_SETS:
            raise ConfigError(
                "unknown set of openSMILE features",
                given=name,
                accepted=suggest(name, OPENSMILE_SETS),
            )
        opensmile = _import_opensmile()
        self.name = name
        self._smile = opensmile.Smile(
            opensmile.FeatureSet[name], opensmile.FeatureLevel.Functionals
        )
        self.feature_names: tuple[str, ...] = tuple(self._smile.feature_names)

    def __call__(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the functionals, all of them finite, also of silence.

        Args:
            waveform: (time,) at 16 kHz, 1.0 being full scale; beyond it is clipped.

        Returns:
            (feature,).

        Raises:
            AudioError: `too_short` (under `SHORTEST`), or `not_finite` when samples or functionals
                are not numbers.
        """
        if waveform.size < SHORTEST:
            raise AudioError(
                "too_short",
                "the audio is too short for openSMILE",
                given=f"{waveform.size / SAMPLE_RATE:.3f} s",
                accepted=f"{SHORTEST / SAMPLE_RATE} s or more",
            )
        if np.isfinite(waveform).all():
            # openSMILE is handed 16-bit samples, and +1.0 would come round as -1.0: a click at the
            # peak of every recording that is normalised to its peak.
            clipped = np.clip(waveform, -1.0, 1.0 - 2.0**-15)
            values = np.asarray(self._smile(clipped, SAMPLE_RATE), dtype=np.float32).reshape(-1)
            if np.isfinite(values).all():
                return values
        raise AudioError(
            "not_finite",
            "the audio has samples or openSMILE functionals that are not numbers",
            do="export it again, as 16-bit PCM",
        )
