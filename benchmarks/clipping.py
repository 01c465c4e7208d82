"""Measure how many recordings of a folder are called clipped, as they are and amplified.

Amplified samples are cut at full scale, as a recorder cuts them. Prints a table in Markdown.

    python benchmarks/clipping.py FOLDER
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile

from ser_pcq.audio.find import find_audio
from ser_pcq.audio.signal_faults import CLIP_SHARE, SignalMeter

GAINS = (0, 3, 6, 10)  # dB


def _share(samples: np.ndarray) -> float:
    """Return the share of clipped samples, (time, channel)."""
    meter = SignalMeter(samples.shape[1], 16_000)
    meter.add(samples)
    return meter.clipped_share


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    paths = find_audio([parser.parse_args().folder])
    recordings = [soundfile.read(path, dtype="float32", always_2d=True)[0] for path in paths]
    print(f"| gain in dB | called clipped, of {len(recordings)} |\n| --- | --- |")
    for gain in GAINS:
        factor = np.float32(10 ** (gain / 20))
        shares = [_share(np.clip(factor * r, -1, 32767 / 32768)) for r in recordings]
        print(f"| {gain} | {np.mean(np.array(shares) > CLIP_SHARE):.1%} |")


if __name__ == "__main__":
    main()
