"""What adapting to a few labelled recordings gives, on corpora left out: learning curves.

    python benchmarks/adaptation/labelled.py EXP_DIR/seed_0 DATA_DIR [--draws 20] [--save UA.json]

EXP_DIR is a run of recipes/all_corpora with the protocol `clean`, DATA_DIR its data directory. Of
the corpus that a fold left out, so many recordings of each emotion are drawn among one half of the
speakers, also drawn; the other half is tested. Or recordings of one speaker are drawn, and the
speaker's others are tested. The systems are the model as it is; the model adapted to the same
recordings without labels; a discriminant of these recordings alone; the model adapted to them.

UA is pooled over what is tested in a draw, mean of the draws, among all emotions that both the
corpus and the model have; each system may answer whatever it knows. Prints Markdown.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from heard import Heard, left_out, new_parser
from numpy.typing import NDArray
from paired import flips
from pools import Rows
from scores import ece, ua

from ser_pcq.data import directory
from ser_pcq.files import write_json
from ser_pcq.inference.labelled.adaptation import fit_to_labels
from ser_pcq.inference.own_voice.adaptation import fit_to_voice
from ser_pcq.models.adapted.head import Head
from ser_pcq.training.linear.discriminant import Discriminant
from ser_pcq.training.linear.method import mean_of
from ser_pcq.training.linear.sample import Sample

SIZES = (0, 1, 2, 5, 10, 20)
TESTED_AT = 10  # recordings of each emotion: here systems are compared
SHRINKAGES = (0.9, 0.7, 0.5)  # those of voices-large
GENERAL, UNLABELLED, ALONE, ADAPTED = "as it is", "without labels", "alone", "adapted"

Answers = tuple[tuple[str, ...], NDArray[np.float64]]
"""Emotions, and probabilities of all utterances of a corpus, (utterance, class)."""


@dataclass(frozen=True)
class Draw:
    """Places of labelled and of tested utterances."""

    labelled: Rows
    tested: Rows


@dataclass
class Curve:
    """What a system reaches with so many recordings of each emotion.

    Attributes:
        ua, ece: Of each draw, in percent.
        new: UA of all emotions of the corpus, those that the model did not know among them.
        right: Speaker and emotion to the share of right answers, of each draw.
    """

    ua: list[float] = field(default_factory=list)
    ece: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    right: dict[tuple[str, str], list[float]] = field(default_factory=dict)


def across(heard: Heard, n: int, draws: int) -> Iterator[Draw]:
    """Draw recordings among one half of the speakers; the other half is tested."""
    for draw in range(draws):
        random = np.random.default_rng([draw, *heard.corpus.encode()])
        speakers = random.permutation(np.unique(heard.speakers))
        own = np.isin(heard.speakers, speakers[: len(speakers) // 2])
        rows = [
            random.permutation(np.flatnonzero(own & (heard.emotions == emotion)))[:n]
            for emotion in np.unique(heard.emotions)
        ]
        yield Draw(np.concatenate(rows), np.flatnonzero(~own))


def within(heard: Heard, n: int, draws: int) -> Iterator[Draw]:
    """Draw recordings of one speaker after the other; the speaker's others are tested.

    At least one recording of each emotion is left to be tested.
    """
    for draw in range(draws):
        speakers = np.unique(heard.speakers)
        random = np.random.default_rng([draw, 1, *heard.corpus.encode()])
        speaker = speakers[draw % len(speakers)]
        rows = []
        for emotion in np.unique(heard.emotions):
            own = random.permutation(
                np.flatnonzero((heard.speakers == speaker) & (heard.emotions == emotion))
            )
            rows.append(own[: max(0, min(n, len(own) - 1))])
        labelled = np.concatenate(rows)
        yield Draw(labelled, np.setdiff1d(heard.rows_of(str(speaker)), labelled))


def answers_of(head: Head, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the probabilities of all utterances, in one product."""
    scores = (vectors @ head.weight.T + head.bias) / head.temperature + head.log_prior
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


@lru_cache(maxsize=1)
def as_it_is(heard: Heard) -> Answers:
    """Answer by the model as it is."""
    return heard.model.labels, answers_of(heard.model.head, heard.vectors)


def general(heard: Heard, rows: Rows) -> Answers:
    """Answer by the model as it is, whatever the recordings."""
    return as_it_is(heard)


def unlabelled(heard: Heard, rows: Rows) -> Answers:
    """Adapt to the recordings without their labels, where there are enough."""
    found = fit_to_voice(heard.model, heard.vectors[rows])
    if found.classifier is None:
        return as_it_is(heard)
    head = heard.model.head.replaced(found.classifier)
    return heard.model.labels, answers_of(head, heard.vectors)


def alone(heard: Heard, rows: Rows) -> Answers:
    """Train a discriminant on these recordings and on nothing else."""
    emotions = heard.emotions[rows]
    labels = tuple(np.unique(emotions).tolist())
    targets = np.array([labels.index(one) for one in emotions])
    sample = Sample(heard.vectors[rows].astype(np.float64), targets, len(labels))
    found = mean_of([Discriminant(SHRINKAGES).fit_each(sample, SHRINKAGES)])
    weight = found.weight / found.scale
    head = Head(
        weight.astype(np.float32), found.bias - weight @ found.mean, 1.0, np.zeros(len(labels))
    )
    return labels, answers_of(head, heard.vectors)


def adapted(heard: Heard, rows: Rows) -> Answers:
    """Adapt to the recordings with their labels, as `ser-adapt --data` does."""
    emotions, speakers = (one[rows].tolist() for one in (heard.emotions, heard.speakers))
    labels, head = fit_to_labels(heard.model, heard.vectors[rows], emotions, speakers)
    return labels, answers_of(head, heard.vectors)


SYSTEMS: dict[str, Callable[[Heard, Rows], Answers]] = {
    GENERAL: general,
    UNLABELLED: unlabelled,
    ALONE: alone,
    ADAPTED: adapted,
}


def note(curve: Curve, heard: Heard, tested: Rows, answers: Answers) -> None:
    """Score the answers of one draw."""
    labels, shares = answers[0], answers[1][tested]
    emotions, speakers = heard.emotions[tested], heard.speakers[tested]
    said = np.array(labels)[shares.argmax(axis=1)]
    known = heard.scored[tested]
    # An emotion that a system does not know is never right.
    places = np.array([labels.index(e) if e in labels else -1 for e in emotions])
    curve.ua.append(ua(places[known], shares[known]))
    curve.new.append(
        100 * float(np.mean([(said[emotions == e] == e).mean() for e in np.unique(emotions)]))
    )
    curve.ece.append(ece(places[known], shares[known]))
    for speaker in np.unique(speakers[known]).tolist():
        for emotion in np.unique(emotions[known & (speakers == speaker)]).tolist():
            own = (speakers == speaker) & (emotions == emotion)
            share = float((said[own] == emotion).mean())
            curve.right.setdefault((speaker, emotion), []).append(share)


def curves(
    heard: Heard,
    drawn: Callable[[Heard, int, int], Iterator[Draw]],
    sizes: Sequence[int],
    draws: int,
) -> dict[tuple[str, int], Curve]:
    """Return a curve for each system and number of recordings."""
    found: dict[tuple[str, int], Curve] = {}
    for n in sizes:
        for draw in drawn(heard, n, draws):
            for name, system in SYSTEMS.items():
                curve = found.setdefault((name, n), Curve())
                answers = (system if n else general)(heard, draw.labelled)
                note(curve, heard, draw.tested, answers)
    return found


def _by_speaker(curve: Curve) -> dict[str, float]:
    """Return each speaker's mean over emotions and draws."""
    speakers = {speaker for speaker, _ in curve.right}
    return {
        s: float(np.mean([np.mean(v) for (own, _), v in curve.right.items() if own == s]))
        for s in sorted(speakers)
    }


def table(title: str, all_curves: dict[str, dict[tuple[str, int], Curve]]) -> None:
    """Print UA and ECE of each system by the number of recordings."""
    print(f"\n{title}\n\n| left out | system | " + " | ".join(map(str, SIZES)) + " |")
    print("| --- " * (2 + len(SIZES)) + "|")
    for corpus, found in all_curves.items():
        for name in SYSTEMS:
            cells = [found.get((name, n)) for n in SIZES]
            row = " | ".join("" if c is None else f"{np.mean(c.ua):.1f}" for c in cells)
            print(f"| {corpus} | {name} | {row} |")
        cells = [found.get((ADAPTED, n)) for n in SIZES]
        row = " | ".join("" if c is None else f"{np.mean(c.ece):.1f}" for c in cells)
        print(f"| {corpus} | ECE, {ADAPTED} | {row} |")
        row = " | ".join("" if c is None else f"{np.mean(c.new):.1f}" for c in cells)
        print(f"| {corpus} | {ADAPTED}, all emotions of the corpus | {row} |")


def tests(all_curves: dict[str, dict[tuple[str, int], Curve]]) -> None:
    """Print what the adapted model gains at `TESTED_AT` over the others, by speaker."""
    all_curves = {c: one for c, one in all_curves.items() if (ADAPTED, TESTED_AT) in one}
    print(f"\n| {TESTED_AT} of each, against | " + " | ".join([*all_curves, "all"]) + " |")
    print("| --- " * (2 + len(all_curves)) + "|")
    for name in (GENERAL, UNLABELLED, ALONE):
        cells, together = [], []
        for found in all_curves.values():
            ours, theirs = (_by_speaker(found[one, TESTED_AT]) for one in (ADAPTED, name))
            gains = np.array([100 * (ours[s] - theirs[s]) for s in ours])
            together.append(gains)
            cells.append(gains)
        row = [
            f"{one.mean():+.1f} (p {flips(one):.2g})" for one in (*cells, np.concatenate(together))
        ]
        print(f"| {name} | " + " | ".join(row) + " |")


def measured(heard: Heard, kind: str, draws: int) -> dict[tuple[str, int], Curve]:
    """Return the curves of a corpus, of other speakers or the same."""
    if kind == "others":
        return curves(heard, across, SIZES, draws)
    cells = np.char.add(np.char.add(heard.speakers, " "), heard.emotions)
    counts = np.unique(cells, return_counts=True)[1]
    speakers = len(np.unique(heard.speakers))
    # As many draws of each speaker, so that all count alike.
    draws = -(-draws // speakers) * speakers
    return curves(heard, within, [n for n in SIZES if n < np.median(counts)], draws)


def main() -> None:
    """Measure."""
    parser = new_parser(__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument(
        "--kind", choices=("others", "same"), help="who is tested; both if left out"
    )
    parser.add_argument("--save", type=Path, help="UA as JSON, for labelled_figure.py")
    options = parser.parse_args()
    kinds = ("others", "same") if options.kind is None else (options.kind,)
    found: dict[str, dict[str, dict[tuple[str, int], Curve]]] = {kind: {} for kind in kinds}
    for heard in left_out(options.experiment, directory.read(options.data), options.cache):
        for kind in kinds:
            found[kind][heard.corpus] = measured(heard, kind, options.draws)
        print(f"{heard.corpus} is done", file=sys.stderr, flush=True)
    for kind in kinds:
        table("Other speakers" if kind == "others" else "The same speaker", found[kind])
        tests(found[kind])
    if options.save is not None:
        means = {
            f"{kind}/{corpus}/{name}/{n}": float(np.mean(curve.ua))
            for kind, all_curves in found.items()
            for corpus, curves_of in all_curves.items()
            for (name, n), curve in curves_of.items()
        }
        write_json(options.save, means)


if __name__ == "__main__":
    main()
