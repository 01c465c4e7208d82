"""Adapting to ten seconds in all, and to noise: pools that have to be heard for themselves.

    python benchmarks/adaptation/hard_pools.py EXP_DIR/seed_0 DATA_DIR

As `own_voice.py`. Ten, fifteen and twenty seconds are ten recordings, of each one, one and a half
and two seconds in the middle. Noise is ten recordings of ten seconds without a voice: white, pink,
brown, hum, and bursts of these. Prints Markdown: UA of four emotions before and after, how many
pools something was done for, and how many of the recordings counted.
"""

from pathlib import Path

import numpy as np
from heard import Heard, left_out, new_parser
from numpy.random import Generator
from numpy.typing import NDArray
from pools import anything
from scores import FOUR, among, ua

from ser_pcq import Predictor, load
from ser_pcq.audio.waveform import SAMPLE_RATE, read_waveform
from ser_pcq.data import directory
from ser_pcq.inference.inputs import each_input
from ser_pcq.inference.own_voice.adaptation import SEED, adapt_to_voice

Wave = NDArray[np.float32]


def middles(paths: list[Path], seconds: float) -> list[Wave]:
    """Return the middle of each recording, so long."""
    waves, length = [read_waveform(path) for path in paths], round(seconds * SAMPLE_RATE)
    begins = [max(0, (len(wave) - length) // 2) for wave in waves]
    return [wave[k : k + length] for wave, k in zip(waves, begins, strict=True)]


def noises(random: Generator, n: int = 10) -> list[Wave]:
    """Make recordings of ten seconds without a voice."""
    found, length = [], 10 * SAMPLE_RATE
    time = np.arange(length) / SAMPLE_RATE
    for k in range(n):
        spectrum = np.fft.rfft(random.standard_normal(length))
        frequencies = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 20)
        noise = np.fft.irfft(spectrum / frequencies ** (k % 3 / 2), length)
        if k % 4 == 3:
            noise = noise / noise.std() + 2 * np.sin(2 * np.pi * 50 * time)
        if k >= n // 2:
            noise *= np.repeat(random.random(length // 4000), 4000) > 0.5
        found.append((0.2 * noise / np.abs(noise).max()).astype(np.float32))
    return found


def answers(
    predictor: Predictor, heard: Heard, speaker: str, waves: list[Wave]
) -> tuple[NDArray[np.float64] | None, int]:
    """Adapt to recordings; return probabilities for all of the speaker, and how many counted."""
    inputs = list(each_input(waves, SAMPLE_RATE))
    found = adapt_to_voice(predictor.classifier, predictor.options, inputs)
    if found.classifier is None:
        return None, found.n_counted
    vectors = heard.vectors[heard.rows_of(speaker)]
    return found.classifier.head.probabilities(vectors), found.n_counted


def main() -> None:
    """Measure."""
    parser = new_parser(__doc__.splitlines()[0])
    options = parser.parse_args()
    data = directory.read(options.data)
    paths = {u.utterance_id: Path(u.audio) for u in data.utterances}
    print("| corpus left out | pool | UA before | UA | adapted | counted |")
    print("| --- " * 6 + "|")
    for heard in left_out(options.experiment, data, options.cache):
        predictor = load(heard.model.base.folder)
        for name, each in (("10 s", 1.0), ("15 s", 1.5), ("20 s", 2.0), ("noise", 0)):
            before, after, emotions, done, counted = [], [], [], [], []
            for speaker in np.unique(heard.speakers).tolist():
                random = np.random.default_rng([SEED, *speaker.encode()])
                rows = heard.rows_of(speaker)
                pool = anything(heard, speaker, 10, random)
                assert pool is not None
                drawn = [paths[heard.ids[k]] for k in pool]
                waves = middles(drawn, each) if each else noises(random)
                found, n = answers(predictor, heard, speaker, waves)
                plain = heard.model.head.probabilities(heard.vectors[rows])
                others = ~np.isin(rows, pool)
                before.append(plain[others])
                after.append((plain if found is None else found)[others])
                emotions.append(heard.emotions[rows[others]])
                done.append(found is not None)
                counted.append(n)
            of = np.concatenate(emotions)
            scores = [
                ua(*among(heard.model.labels, FOUR, of, np.concatenate(one)))
                for one in (before, after)
            ]
            print(
                f"| {heard.corpus} | {name} | {scores[0]:.1f} | {scores[1]:.1f} | "
                f"{np.mean(done):.0%} | {np.mean(counted):.1f} of 10 |",
                flush=True,
            )


if __name__ == "__main__":
    main()
