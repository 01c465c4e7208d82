"""What each protocol adds to a score, or costs: the same system on the same utterances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from ser_pcq.evaluation.collect import collect, collect_seeds, holds_seeds, seed_folders
from ser_pcq.evaluation.compare import RUN, Comparison, Difference, compare_seeds, interval_of_mean
from ser_pcq.evaluation.table import Predictions
from ser_pcq.files import rounded, write_json
from ser_pcq.protocols.leakage import Verdict
from ser_pcq.protocols.proof import Proof, prove, read_config

Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One protocol.

    Attributes:
        name: Of its folder.
        proof: How its folds were made, and what leaks.
        wa: Pooled WA, mean over the runs, in [0, 1].
        ua: The same of UA.
        wa_interval: 95 % interval over speakers of that mean; None with one speaker.
        ua_interval: The same of UA.
        added: Against the first row; None for the first row itself.
    """

    name: str
    proof: Proof
    wa: float
    ua: float
    wa_interval: Interval | None
    ua_interval: Interval | None
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
            "pooled": {"wa": row.wa, "ua": row.ua},
            "speaker_interval_95": {"wa": row.wa_interval, "ua": row.ua_interval},
            "added": None if row.added is None else row.added.to_dict()["pooled"],
        }
    )


def _runs(folder: Path) -> tuple[Mapping[str, Predictions], Proof]:
    """Read the runs of a folder, plain or with `seed_*` folders, and what they prove together."""
    if not holds_seeds(folder):
        return {RUN: collect(folder)}, prove(folder)
    first, *others = (prove(seed) for seed in seed_folders(folder))
    leaks = [leak for one in (first, *others) for leak in one.verdict.leaks]
    verified = {
        key: told
        for key, told in first.verdict.verified.items()
        if all(key in one.verdict.verified for one in others)
    }
    return collect_seeds(folder), replace(first, verdict=Verdict(tuple(leaks), verified))


def _system(folder: Path) -> dict[str, Any] | None:
    """Return the configuration of a folder without what a protocol may change."""
    run = seed_folders(folder)[0] if holds_seeds(folder) else folder
    config = read_config(run)
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
    rows: list[Row] = []
    systems = [_system(folder) for folder in folders]
    warnings = [
        f"{folder} is another system than {folders[0]}: the difference is not the protocol's alone"
        for folder, system in zip(folders, systems, strict=True)
        if system != systems[0]
    ]
    first: Mapping[str, Predictions] = {}
    for folder in folders:
        runs, proof = _runs(folder)
        first = first or runs
        # Like with like: the luck of another seed is no part of what a protocol adds.
        common = [name for name in runs if name in first] or None
        added = compare_seeds(
            {name: first[name] for name in common or first},
            {name: runs[name] for name in common or runs},
        )
        confusions = [run.confusion() for run in runs.values()]
        low_high = interval_of_mean(runs)
        rows.append(
            Row(
                folder.name,
                proof,
                fmean(c.weighted_accuracy for c in confusions),
                fmean(c.unweighted_accuracy for c in confusions),
                *low_high,
                added=added if rows else None,
            )
        )
    return InflationReport(tuple(rows), tuple(warnings))


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
    lines = [
        "| protocol | WA | UA | interval of UA | adds to WA | adds to UA | leaks |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in report.rows:
        wa, ua = (None, None) if row.added is None else (row.added.wa, row.added.ua)
        kinds = dict.fromkeys(leak.kind for leak in row.proof.verdict.leaks)
        lines.append(
            f"| {row.name} | {100 * row.wa:.1f} | {100 * row.ua:.1f} | {_limits(row.ua_interval)} "
            f"| {_added(wa)} | {_added(ua)} | {', '.join(kinds) or 'none'} |"
        )
    return "\n".join(lines)


def write_inflation(report: InflationReport, out_dir: Path) -> Path:
    """Write `inflation.json` into a folder; return its path."""
    path = out_dir / "inflation.json"
    write_json(path, report.to_dict())
    return path
