"""What adapting to a voice without labels gives, and what harm it can do, on corpora left out.

    python benchmarks/adaptation/own_voice.py EXP_DIR/seed_0 DATA_DIR [--draws 20] [--no-harm]

EXP_DIR is a run of recipes/all_corpora with the protocol `clean`, DATA_DIR its data directory. Each
speaker of the corpus that a fold left out gets a pool of own recordings, without labels; the model
is adapted as `ser-adapt` does it and judges the speaker's other recordings, and with all recordings
in the pool the same ones. UA of four emotions, pooled over the speakers of a corpus, mean of the
draws. Prints Markdown.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from heard import Heard, left_out, new_parser
from numpy.typing import NDArray
from pools import Kind, Rows, all_kinds, anything
from scores import FOUR, among, ece, ua

from ser_pcq.data import directory
from ser_pcq.inference.own_voice.adaptation import AT_MOST, SEED, fit_to_voice
from ser_pcq.models.adapted.classifier import AdaptedClassifier
from ser_pcq.models.adapted.head import Head

SIZES = (10, 30, None)  # None: as many as there are
_LARGEST = (300, 200, 150, 100, 80, 60, 50, 40, 30, 20, 10)


class Voice:
    """A speaker, with vectors in as many coordinates as there are recordings.

    Adapting is linear in them, and knows them by their products alone: nothing changes but the time
    that it takes.

    Attributes:
        rows: Places of the recordings in the corpus.
        model: The model, in these coordinates.
        vectors: (recording, coordinate).
        plain: Probabilities without adapting, (recording, class).
    """

    def __init__(self, heard: Heard, rows: Rows) -> None:
        self.rows = rows
        axes, _ = np.linalg.qr(heard.vectors[rows].T.astype(np.float64))
        self.model = narrowed(heard.model, axes)
        self.vectors = (heard.vectors[rows] @ axes).astype(np.float32)
        self.plain = self.model.head.probabilities(self.vectors)

    def adapted(self, pool: Rows) -> NDArray[np.float64] | None:
        """Return probabilities after adapting to a pool; None where nothing was done."""
        found = fit_to_voice(self.model, self.vectors[np.searchsorted(self.rows, pool)])
        if found.classifier is None:
            return None
        return self.model.head.replaced(found.classifier).probabilities(self.vectors)


def narrowed(model: AdaptedClassifier, axes: NDArray[np.float64]) -> AdaptedClassifier:
    """Return a model over the coordinates along axes, (width, coordinate)."""

    def head(one: Head) -> Head:
        return replace(one, weight=(one.weight @ axes).astype(np.float32))

    base, by_voice = model.base, model.base.by_voice
    if by_voice is not None:
        nothing = np.zeros(axes.shape[1])
        weight = by_voice.weight @ axes
        by_voice = replace(by_voice, mean=nothing, scale=nothing + 1, weight=weight)
    base = replace(base, head=head(base.head), by_voice=by_voice)
    return replace(model, base=base, head=head(model.head))


def pools_of(
    kind: Kind, heard: Heard, speaker: str, size: int | None, draws: int, seed: int = SEED
) -> list[Rows]:
    """Draw pools of a speaker's recordings; none where there are too few."""
    random = np.random.default_rng([seed, *speaker.encode(), size or 0])
    if size is None and kind.draw is anything:
        rows = heard.rows_of(speaker)
        if len(rows) <= AT_MOST:
            return [rows] * draws
    sizes = _LARGEST if size is None else (size,)
    fitting = next((n for n in sizes if kind.draw(heard, speaker, n, random) is not None), None)
    if fitting is None:
        return []
    drawn = (kind.draw(heard, speaker, fitting, random) for _ in range(draws))
    return [np.sort(one) for one in drawn if one is not None]


def measure(
    kind: Kind, heard: Heard, voices: dict[str, Voice], size: int | None, draws: int
) -> dict[str, float] | None:
    """Score pools of a kind; None where no speaker has enough recordings.

    Returns:
        Means over the draws: UA and ECE before and after, among the four and among all emotions of
        the model, and the share of the pools that something was done for.
    """
    scores: list[list[float]] = []
    pools = {s: pools_of(kind, heard, s, size, draws) for s in voices}
    done = [0, 0]
    for draw in range(draws):
        kept: list[tuple[Rows, NDArray[np.float64], NDArray[np.float64]]] = []
        for speaker, voice in voices.items():
            if len(pools[speaker]) <= draw:
                continue
            pool = pools[speaker][draw]
            own = np.isin(pool, voice.rows).all()
            after = voice.adapted(pool) if own else _two(heard, voice, pool)
            done[0] += after is not None
            done[1] += 1
            others = np.ones(len(voice.rows), bool)
            if size is not None:
                others = ~np.isin(voice.rows, pool)
            after = voice.plain if after is None else after
            kept.append((voice.rows[others], voice.plain[others], after[others]))
        if not kept:
            return None
        rows, before, after = (np.concatenate(parts) for parts in zip(*kept, strict=True))
        scores.append(_scores(heard, rows, before, after))
        if (
            size is None
            and kind.draw is anything
            and all((pools[s][0] == pools[s][-1]).all() for s in voices if pools[s])
        ):
            break  # all draws are the same
    means = np.mean(scores, axis=0)
    return {**dict(zip(_NAMES, means.tolist(), strict=True)), "done": done[0] / done[1]}


_NAMES = ("ua before", "ua", "ece before", "ece", "all ua before", "all ua", "all ece")


def _scores(
    heard: Heard, rows: Rows, before: NDArray[np.float64], after: NDArray[np.float64]
) -> list[float]:
    """Return what `_NAMES` names, for these rows."""
    labels, emotions = heard.model.labels, heard.emotions[rows]
    target, plain = among(labels, FOUR, emotions, before)
    _, moved = among(labels, FOUR, emotions, after)
    known = heard.scored[rows]
    targets = np.array([labels.index(one) for one in emotions[known]])
    return [
        *(ua(target, plain), ua(target, moved), ece(target, plain), ece(target, moved)),
        *(ua(targets, before[known]), ua(targets, after[known]), ece(targets, after[known])),
    ]


def _two(heard: Heard, voice: Voice, pool: Rows) -> NDArray[np.float64] | None:
    """Adapt to a pool that holds recordings of another speaker, too."""
    found = fit_to_voice(heard.model, heard.vectors[pool])
    if found.classifier is None:
        return None
    return heard.model.head.replaced(found.classifier).probabilities(heard.vectors[voice.rows])


def gains(corpora: Sequence[tuple[Heard, dict[str, Voice]]], draws: int) -> None:
    """Print what adapting gives."""
    names = "UA before | UA | ECE before | ECE | UA of all before | UA of all | ECE of all"
    print(f"| corpus left out | recordings | {names} | adapted |")
    print("| --- " * 10 + "|")
    for heard, voices in corpora:
        for size in (None, 30, 10):
            m = measure(Kind("anything", anything), heard, voices, size, draws)
            assert m is not None
            cells = " | ".join(f"{m[name]:.1f}" for name in _NAMES)
            print(f"| {heard.corpus} | {size or 'all'} | {cells} | {m['done']:.0%} |", flush=True)


def harm(corpora: Sequence[tuple[Heard, dict[str, Voice]]], draws: int) -> None:
    """Print how much UA of four emotions changes with one-sided pools, in points."""
    names = [heard.corpus for heard, _ in corpora]
    sizes = [str(size or "all") for size in SIZES]
    print("| pool | " + " | ".join(f"{c}, {n}" for c in names for n in sizes) + " |")
    print("| --- " * (1 + len(names) * len(sizes)) + "|")
    worst: list[float] = []
    for kind in all_kinds(corpora[0][0].model.labels):
        cells = []
        for heard, voices in corpora:
            for size in SIZES:
                m = measure(kind, heard, voices, size, draws if size else min(draws, 5))
                if m is None:
                    cells.append("")
                    continue
                change = m["ua"] - m["ua before"]
                if kind.half_even:
                    worst.append(change)
                cells.append(f"{change:+.1f} ({m['done']:.0%})")
        print(f"| {kind.name} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nThe worst mean of pools of which half is even: {min(worst):+.1f}")


def main() -> None:
    """Measure."""
    parser = new_parser(__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--no-harm", action="store_true")
    options = parser.parse_args()
    corpora = []
    for heard in left_out(options.experiment, directory.read(options.data), options.cache):
        speakers = np.unique(heard.speakers).tolist()
        corpora.append((heard, {s: Voice(heard, heard.rows_of(s)) for s in speakers}))
    gains(corpora, options.draws)
    if not options.no_harm:
        print()
        harm(corpora, options.draws)


if __name__ == "__main__":
    main()
