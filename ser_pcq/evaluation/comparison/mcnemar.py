"""McNemar's test, and the check that two runs can be paired at all."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.table import Predictions, merge


@dataclass(frozen=True)
class PairedTest:
    """McNemar's test of two runs on the same utterances.

    Attributes:
        both_right: Utterances that A and B got right.
        only_a_right: Utterances that A got right and B wrong.
        only_b_right: Utterances that B got right and A wrong.
        both_wrong: Utterances that A and B got wrong.
        p_value: Probability, in (0, 1], of a split of the disagreements as uneven as this or more,
            if each were as likely to go either way; 1 without disagreements.
    """

    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    p_value: float


def mcnemar(a: Predictions, b: Predictions) -> PairedTest:
    """Test whether one of two runs is right more often where they disagree.

    Exact and two-sided: if neither is better, the utterances that only A got right are binomial
    with probability 1/2 among those that only one of them got right. Utterances are taken for
    independent; those of one speaker are not, so the p-value tends to be too small where it is
    read as a statement about other speakers.

    Raises:
        ScoreError: When the runs differ in label set, utterances, references or speakers, or are
            empty.

    Source:
        McNemar, Note on the sampling error of the difference between correlated proportions or
        percentages, Psychometrika 12, 1947, pp. 153-157; as an exact test, Gillick and Cox, Some
        statistical issues in the comparison of speech recognition algorithms, ICASSP 1989.
    """
    from scipy.stats import binomtest

    check_same_utterances(("A", a), ("B", b))
    right_a, right_b = (
        np.array([row.prediction == row.reference for row in merge([run]).rows]) for run in (a, b)
    )
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return PairedTest(
        both_right=int((right_a & right_b).sum()),
        only_a_right=only_a,
        only_b_right=only_b,
        both_wrong=int((~right_a & ~right_b).sum()),
        p_value=float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0,
    )


def check_same_utterances(one: tuple[str, Predictions], other: tuple[str, Predictions]) -> None:
    """Refuse two named runs that did not test the same utterances of the same speakers.

    Folds may be numbered, and labels ordered, in another way.

    Raises:
        ScoreError: Naming what differs and in how many utterances.
    """
    (name, a), (other_name, b) = one, other
    for empty in (system for system, run in (one, other) if not run.rows):
        raise ScoreError("no utterances to compare", given=f"no predictions in {empty}")
    rows, other_rows = ({row.utterance_id: row for row in merge([run]).rows} for run in (a, b))
    both = f"{name} and {other_name}"
    for what, here, there in (
        ("label set", a.labels, b.labels),
        ("utterances", rows.keys(), other_rows.keys()),
    ):
        only_here, only_there = set(here) - set(there), set(there) - set(here)
        if only_here or only_there:
            sides = ((name, only_here), (other_name, only_there))
            raise ScoreError(
                f"{both} do not have the same {what}",
                given="; ".join(f"{len(ids)} only in {s}: {_few(ids)}" for s, ids in sides if ids),
                do="compare systems that were tested on the same recordings",
            )
    for what in ("reference", "speaker"):
        pairs = {i: (getattr(row, what), getattr(other_rows[i], what)) for i, row in rows.items()}
        differing = [f"{i} ({x}, {y})" for i, (x, y) in pairs.items() if x != y]
        if differing:
            raise ScoreError(
                f"{both} differ in the {what} of {len(differing)} of {len(pairs)} utterances",
                given=_few(differing),
                do="compare systems that were tested on the same data directory",
            )


def _few(names: Collection[str]) -> str:
    """Return the first three names."""
    return ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
