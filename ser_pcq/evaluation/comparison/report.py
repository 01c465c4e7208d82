"""Two experiment folders compared, for people: plain words, and `comparison.json`."""

from dataclasses import replace
from pathlib import Path

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.collect import read_experiment
from ser_pcq.evaluation.comparison.compare import (
    MIN_SPEAKERS,
    Comparison,
    Difference,
    compare_seeds,
)
from ser_pcq.evaluation.metrics import METRICS
from ser_pcq.evaluation.table import RUN
from ser_pcq.files import write_json

# Below this a percentile interval over speakers is clearly too narrow (docs/comparison.md).
FEW_SPEAKERS = 30


def compare_folders(a: Path, b: Path) -> Comparison:
    """Compare what two experiment folders hold, plain or with `seed_*` folders.

    Raises:
        ScoreError: When a folder cannot be scored, or they did not test the same utterances.
    """
    systems = [read_experiment(folder) for folder in (a, b)]
    warnings = []
    for system, experiment in zip("AB", systems, strict=True):
        proofs = experiment.proofs.values()
        leaks = dict.fromkeys(line for proof in proofs for line in proof.verdict.leaky)
        warnings += [f"{system} leaks: {line}" for line in leaks]
    one, other = (next(iter(experiment.proofs.values())).protocol for experiment in systems)
    if one != other:
        both = f"A {one or 'not recorded'}, B {other or 'not recorded'}"
        warnings.insert(0, f"the protocols differ ({both}): such scores do not compare")
    return replace(
        compare_seeds(*(experiment.predictions for experiment in systems)),
        names=(str(a), str(b)),
        protocols=(one, other),
        warnings=tuple(warnings),
    )


def format_comparison(comparison: Comparison) -> str:
    """Return which system is better, by how much, and whether that could be chance."""
    lines = []
    for i, runs in enumerate((comparison.runs_a, comparison.runs_b)):
        seeds = ", ".join(runs) if len(runs) > 1 or RUN not in runs else "one run"
        protocol = comparison.protocols[i] or "not recorded"
        lines.append(f"{'AB'[i]}: {comparison.names[i]} ({seeds}; protocol {protocol})")
    n_speakers = len(comparison.speakers)
    titled = [(METRICS[name].title, value) for name, value in comparison.pooled.items()]
    first = max(len(f"pooled {title} ") for title, _ in titled)
    lines += [
        f"{_number(comparison.n_utterances, 'utterance')}, {_number(n_speakers, 'speaker')}",
        "",
        f"{'':<{first}}{'A':>9}{'B':>11}{'B - A':>9}  95 % interval over speakers",
    ]
    for title, value in titled:
        limits = "none: one speaker"
        if value.interval is not None:
            limits = "[{}, {}]".format(*map(_points, value.interval))
        lines.append(
            f"{'pooled ' + title:<{first}}{100 * value.a:>7.2f} %{100 * value.b:>9.2f} %"
            f"{_points(value.difference):>9}  {limits}"
        )
    lines += ["", *(f"{title}: {_verdict(value, n_speakers)}" for title, value in titled)]
    return "\n".join(
        [*lines, *_cautions(comparison), "", *_tests(comparison), "", *_speakers(comparison)]
    )


def _number(count: int, noun: str) -> str:
    """Return a number of things."""
    return f"{count} {noun}{'s' if count != 1 else ''}"


def _points(ratio: float) -> str:
    """Return a difference in percentage points, with its sign; nearly nothing has none."""
    return f"{100 * ratio:+.2f}" if abs(ratio) >= 5e-5 else "0.00"


def _verdict(value: Difference, n_speakers: int) -> str:
    """Return which system is better and whether that could be chance."""
    if value.difference == 0:
        return "A and B are equal."
    points = abs(100 * value.difference)
    better = f"{'B' if value.difference > 0 else 'A'} is better by {points:.2f} points"
    if value.interval is None:
        return f"{better}; one speaker cannot show whether that is chance."
    if n_speakers < MIN_SPEAKERS:
        luck = 100 * 2 / 2**n_speakers
        return (
            f"{better}, which could be chance: even a lead for all of {n_speakers} speakers is "
            f"luck in {luck:.0f} % of cases."
        )
    if value.could_be_chance:
        return f"{better}, which could be chance: the interval holds zero."
    return f"{better}, which is unlikely to be chance: the interval leaves out zero."


def _cautions(comparison: Comparison) -> list[str]:
    """Return what the interval does not say."""
    lines = []
    if 1 < len(comparison.speakers) < FEW_SPEAKERS:
        lines.append(
            f"{len(comparison.speakers)} speakers are few: the interval is a rough guide and tends "
            "to be too narrow."
        )
    if len(comparison.runs_a) == len(comparison.runs_b) == 1:
        lines.append("One training run each: other seeds are not in the interval.")
    else:
        spreads = []
        for system, runs in (("A", comparison.runs_a), ("B", comparison.runs_b)):
            values = [100 * run["wa"] for run in runs.values()]
            spreads.append(f"{system} {min(values):.2f} to {max(values):.2f}")
        lines.append(f"Other seeds are not in the interval; WA of the runs: {', '.join(spreads)}.")
    return lines


def _tests(comparison: Comparison) -> list[str]:
    """Return McNemar's test of each pair of runs."""
    if not comparison.tests:
        return ["McNemar's test: none, as no run of A has the name of one of B."]
    lines = ["McNemar's test (exact; takes utterances for independent), answers right:"]
    for name, test in comparison.tests.items():
        p_value = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
        only = f"only in A {test.only_a_right}, only in B {test.only_b_right}"
        lines.append(f"  {name}: in both {test.both_right}, {only}, {p_value}")
    if len(comparison.tests) > 1:
        lines.append("  These tests share their utterances: do not count or combine them.")
    return lines


def _speakers(comparison: Comparison) -> list[str]:
    """Return the WA of each speaker, and for how many each system is better."""
    first = max(map(len, ["speaker", *comparison.speakers]))
    lines = [f"{'speaker':<{first}}  utterances     WA of A     WA of B    B - A"]
    leads = {"A": 0, "B": 0, "neither": 0}
    for name, speaker in comparison.speakers.items():
        wa_a, wa_b = speaker.a["wa"], speaker.b["wa"]
        lead = round(wa_b - wa_a, 9)
        leads["B" if lead > 0 else "A" if lead < 0 else "neither"] += 1
        lines.append(
            f"{name:<{first}}  {speaker.n_utterances:>10}{100 * wa_a:>10.2f} %"
            f"{100 * wa_b:>10.2f} %{_points(lead):>9}"
        )
    better = ", ".join(f"{system} for {count}" for system, count in leads.items())
    return [*lines, f"better: {better} of {_number(len(comparison.speakers), 'speaker')}"]


def write_comparison(comparison: Comparison, out_dir: Path) -> Path:
    """Write `comparison.json` into a folder; return its path.

    Raises:
        ScoreError: When it cannot be written.
    """
    path = out_dir / "comparison.json"
    try:
        write_json(path, comparison.to_dict())
    except OSError as error:
        raise ScoreError(
            "cannot write the comparison",
            given=f"{path} ({error.strerror})",
            do="choose another folder with --output-dir",
        ) from error
    return path
