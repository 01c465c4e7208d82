"""Make the example recordings again from EMO-DB: python examples/make.py path/to/emodb/wav.

Needs the extra `media` for the one of a phone. Files with losses may differ in a few bytes between
versions of the encoders.
"""

import csv
import sys
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

HERE = Path(__file__).resolve().parent


def write_phone(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write AAC in MPEG-4, as phones record: mono at 44.1 kHz."""
    samples = soxr.resample(samples, rate, 44_100).astype(np.float32)
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.rate = 44_100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def main() -> None:
    """Write each recording that `meant.csv` names, as its name asks for."""
    corpus = Path(sys.argv[1])
    with (HERE / "meant.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        samples, rate = soundfile.read(corpus / row["recording"])
        path = HERE / row["file"]
        if path.suffix == ".m4a":
            write_phone(path, samples, rate)
        elif path.suffix == ".ogg":
            both = np.stack([soxr.resample(samples, rate, 44_100)] * 2, axis=1)
            soundfile.write(path, 0.9 * both, 44_100, subtype="VORBIS")
        elif "telephone" in row["format"]:
            soundfile.write(path, soxr.resample(samples, rate, 8_000), 8_000, subtype="ULAW")
        elif path.suffix == ".mp3":
            soundfile.write(path, samples, rate)
        else:
            soundfile.write(path, samples, rate, subtype="PCM_16")


if __name__ == "__main__":
    main()
