"""Fits the head that tells speech from other sounds, and adds it to a package.

    python benchmarks/no_speech/head.py MODEL --sounds OUT/dev --speech OUT/voices path/to/emodb …

`--sounds` and the voices are what `collect.py` wrote; speech may also be data directories. The
model is the embedded name or path of any package that gives embeddings; it is changed in place.
"""

import argparse
from pathlib import Path

from ser_pcq.cli.terminal import progress
from ser_pcq.training.speech_head.add import add_speech_head


def main() -> None:
    """Fit one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--speech", type=Path, nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with progress("embedding") as advance:
        fitted = add_speech_head(
            options.model,
            options.sounds,
            options.speech,
            seed=options.seed,
            on_progress=advance,
        )
    print(
        f"of the sounds in dev, by cross-validation: {fitted.caught:.1%} under the threshold of "
        f"doubt, which 1 % of speech is, {fitted.refused:.1%} refused"
    )


if __name__ == "__main__":
    main()
