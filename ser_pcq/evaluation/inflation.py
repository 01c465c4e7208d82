"""What each protocol adds to a score, or costs: the same system on the same utterances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from ser_pcq.evaluation.collect import StoredExperiment, read_experiment
from ser_pcq.evaluation.comparison.compare import (
    Comparison,
    Difference,
    compare_seeds,
    interval_of_mean,
)
from ser_pcq.evaluation.intervals import Interval
from ser_pcq.evaluation.metrics import COMPARED
from ser_pcq.evaluation.table import Predictions
from ser_pcq.files import rounded, write_json
from ser_pcq.protocols.proof import Proof, read_config
from ser_pcq.protocols.verdict import Verdict


@dataclass(frozen=True)
class Row:
    """One protocol.

    Attributes:
        name: Of its folder.
        proof: How its folds were made, and what leaks.
        ratios: Name in `COMPARED` to the pooled ratio, mean over the runs, in [0, 1].
        intervals: The same names to the 95 % intervals over speakers of that mean; None with one
            speaker.
        added: Against the first row; None for the first row itself.
    """

    name: str
    proof: Proof
    ratios: Mapping[str, float]
    intervals: Mapping[str, Interval] | None
    added: Comparison | None


@dataclass(frozen=True)
class InflationReport:
    """Several protocols, each held against the first.

    Attributes:
        rows: One for each protocol, in the order given.
        warnings: What makes the report unfair, one sentence each.
    """

    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `inflation.json`; ratios in [0, 1], 6 decimals."""
        rows = [_row_dict(row) for row in self.rows]
        return {"warnings": list(self.warnings), "protocols": rows}


def _row_dict(row: Row) -> dict[str, Any]:
    """Return plain values of one protocol."""
    return rounded(
        {
            "name": row.name,
            "protocol": row.proof.protocol,
            **row.proof.stamp(),
            "pooled": row.ratios,
            "speaker_interval_95": row.intervals or dict.fromkeys(row.ratios),
            "added": None if row.added is None else row.added.to_dict()["pooled"],
        }
    )


def _proof(experiment: StoredExperiment) -> Proof:
    """Return what the runs of an experiment prove together."""
    first, *others = experiment.proofs.values()
    if not others:
        return first
    leaks = [leak for one in (first, *others) for leak in one.verdict.leaks]
    verified = {
        key: sentence
        for key, sentence in first.verdict.verified.items()
        if all(key in one.verdict.verified for one in others)
    }
    return replace(first, verdict=Verdict(tuple(leaks), verified))


def _system(experiment: StoredExperiment) -> dict[str, Any] | None:
    """Return the configuration of an experiment without what a protocol may change."""
    config = read_config(next(iter(experiment.runs.values())).folder)
    if config is None:
        return None
    train = {key: value for key, value in config.get("train", {}).items() if key != "select"}
    return {**{name: config[name] for name in config if name != "protocol"}, "train": train}


def inflation_report(folders: Sequence[Path]) -> InflationReport:
    """Compare the first folder with each of the others; all must have tested the same utterances.

    Where runs of both have the same names (seeds), the difference is over these alone.

    Raises:
        ScoreError: When a folder cannot be scored, or the utterances differ.
    """
    experiments = [read_experiment(folder) for folder in folders]
    systems = [_system(experiment) for experiment in experiments]
    warnings = [
        f"{folder} is another system than {folders[0]}: the difference is not the protocol's alone"
        for folder, system in zip(folders, systems, strict=True)
        if system != systems[0]
    ]
    first, *others = experiments
    rows = [_row(folders[0], first, None)]
    for folder, experiment in zip(folders[1:], others, strict=True):
        added = _added_to(first.predictions, experiment.predictions)
        rows.append(_row(folder, experiment, added))
    return InflationReport(tuple(rows), tuple(warnings))


def _row(folder: Path, experiment: StoredExperiment, added: Comparison | None) -> Row:
    """Return the row of one folder."""
    runs = experiment.predictions
    ratios = [run.confusion().ratios for run in runs.values()]
    return Row(
        folder.name,
        _proof(experiment),
        {name: fmean(one[name] for one in ratios) for name in COMPARED},
        interval_of_mean(runs),
        added,
    )


def _added_to(first: Mapping[str, Predictions], runs: Mapping[str, Predictions]) -> Comparison:
    """Compare with the first protocol."""
    # Only runs of the same seeds: luck with a seed is not part of what a protocol adds.
    common = [name for name in runs if name in first] or None
    return compare_seeds(
        {name: first[name] for name in common or first},
        {name: runs[name] for name in common or runs},
    )


def _limits(interval: Interval | None) -> str:
    """Return an interval in percent."""
    return "none" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"


def _added(difference: Difference | None) -> str:
    """Return what was added, in percentage points with its interval."""
    if difference is None:
        return "–"
    points = f"{100 * difference.difference:+.1f}"
    if difference.interval is None:
        return points
    low, high = difference.interval
    return f"{points} ({100 * low:+.1f} to {100 * high:+.1f})"


def format_inflation(report: InflationReport) -> str:
    """Return a Markdown table in percent; intervals are over speakers."""
    titles = [metric.title for metric in COMPARED.values()]
    adds = [f"adds to {title}" for title in titles]
    heads = ["protocol", *titles, "interval of UA", *adds, "leaks"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for row in report.rows:
        kinds = dict.fromkeys(leak.kind for leak in row.proof.verdict.leaks)
        cells = [
            row.name,
            *(f"{100 * ratio:.1f}" for ratio in row.ratios.values()),
            _limits(row.intervals["ua"] if row.intervals else None),
            *(_added(row.added.pooled[name] if row.added else None) for name in COMPARED),
            ", ".join(kinds) or "none",
        ]
        lines.append(_line(cells))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def write_inflation(report: InflationReport, out_dir: Path) -> Path:
    """Write `inflation.json` into a folder; return its path."""
    path = out_dir / "inflation.json"
    write_json(path, report.to_dict())
    return path
