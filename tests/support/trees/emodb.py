"""EMO-DB: `wav/03a01Fa.wav`, one sentence of two emotions by each speaker, and stray files."""

from pathlib import Path

import numpy as np
import soundfile

from ser_pcq.data.corpora.emodb import GENDERS


def make(folder: Path) -> Path:
    """Write the tree; return what `prepare` is given."""
    (folder / "wav").mkdir(parents=True)
    rng = np.random.default_rng(1)
    for speaker in GENDERS:
        for emotion in "WFTN":
            samples = rng.normal(0, 0.1, 8000)
            path = folder / "wav" / f"{speaker}a01{emotion}a.wav"
            soundfile.write(path, samples, 16_000, subtype="PCM_16")
    (folder / "wav" / "._03a01Fa.wav").write_bytes(b"Mac OS X")
    (folder / "erkennung.txt").write_bytes("Satz\terk.\xa0(%)\n".encode("latin-1"))
    return folder
