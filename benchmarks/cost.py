"""Measure what models cost, or plot their accuracy against their parameters.

Models are embedded names, checkpoints, or experiment folders, of which the first fold is measured.
They take turns on one thread. Prints a table, tab-separated or in Markdown. First numbers of
parameters. Then for each second of speech: millions of multiply-adds (see `count_macs` in
model_cost.py), processor time in s, and that time as a multiple of one product of two 1024×1024
matrices (float32) measured in turn with them, which is comparable between machines. The memory is
the peak of a whole process, MB are 10^6 bytes. The training is that of all finished folds.

    python benchmarks/cost.py emodb-large mine=exp/own > cost.tsv

With --plot the folders hold results, as `ser-eval` reads them. A point is the pooled UA, the mean
over the seeds if there are several, its bar the 95 % bootstrap interval over speakers.

    python benchmarks/cost.py --plot accuracy.svg --parameters cost.tsv mine=exp/own
"""

import argparse
import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from accuracy_figure import System, accuracy_figure, write_figure

from ser_pcq.cli.terminal import run, say
from ser_pcq.errors import ScoreError, SerError

if TYPE_CHECKING:
    from model_cost import Cost

COLUMNS = (
    *("model", "encoder", "network", "parameters", "trainable", "frozen", "MMAC/s", "weights MB"),
    *("s/s", "matmuls/s", "memory MB", "training s", "folds", "trained on"),
)


def cells(cost: "Cost", *, thousands: str = "") -> list[str]:
    """Return one row of the table."""
    trained = ["–", "–", "–"]
    if cost.training is not None:
        seconds, n_folds = cost.training.seconds, cost.training.n_folds
        trained = [f"{seconds:.0f}", str(n_folds), " ".join(cost.training.devices)]
    counts = (
        cost.encoder_parameters,
        cost.network_parameters,
        cost.parameters,
        cost.trainable_parameters,
        cost.frozen_parameters,
    )
    return [
        cost.name,
        *(f"{count:{thousands}}" for count in counts),
        "–" if cost.macs is None else f"{cost.macs / 1e6:.2f}",
        f"{cost.weights / 1e6:.4g}",
        f"{cost.seconds:.4f}",
        f"{cost.matmuls:.3f}",
        f"{cost.memory / 1e6:.0f}",
        *trained,
    ]


def print_table(costs: Iterable["Cost"], *, markdown: bool) -> None:
    """Print the table."""
    if markdown:
        print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    else:
        print("\t".join(COLUMNS))
    for cost in costs:
        row = cells(cost, thousands="," if markdown else "")
        print(f"| {' | '.join(row)} |" if markdown else "\t".join(row))


def named(given: str) -> tuple[str | None, str]:
    """Split NAME=PATH; an existing path may contain the sign itself, and then has no name."""
    name, sign, path = given.partition("=")
    return (name, path) if sign and name and not Path(given).exists() else (None, given)


def short_names(paths: Sequence[Path]) -> list[str]:
    """Return the last part of each path that differs from the others."""
    parts = [list(path.resolve().parts) for path in paths]
    while len(parts) > 1 and len({p[-1] for p in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [p[:-1] for p in parts]
    names = [p[-1] for p in parts]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def read_systems(given: Sequence[str], parameters: Mapping[str, int]) -> list[System]:
    """Score folders of results and look up their parameters.

    Raises:
        SerError: When a folder cannot be scored, two did not test the same utterances, or the
            parameters of one are not known.
    """
    from ser_pcq.data.utterance import UNKNOWN_SPEAKER
    from ser_pcq.evaluation.collect import collect, collect_seeds, holds_seeds, seed_folders
    from ser_pcq.evaluation.comparison.compare import interval_of_mean
    from ser_pcq.evaluation.comparison.mcnemar import check_same_utterances
    from ser_pcq.protocols.proof import prove

    split = [named(one) for one in given]
    folders = [Path(path) for _, path in split]
    names = [n or short for (n, _), short in zip(split, short_names(folders), strict=True)]
    systems, first, protocols = [], None, set()
    for name, folder in zip(names, folders, strict=True):
        several = holds_seeds(folder)
        runs = collect_seeds(folder) if several else {"run": collect(folder)}
        one = next(iter(runs.values()))
        first = first or (name, one)
        check_same_utterances(first, (name, one))
        proofs = [prove(part) for part in (seed_folders(folder) if several else [folder])]
        protocols |= {proof.protocol for proof in proofs}
        leaks = any(proof.verdict.leaks for proof in proofs)
        interval = None
        if UNKNOWN_SPEAKER not in one.by_speaker():
            # As many resamples as `ser-eval` takes for a single run: the same limits.
            interval = (interval_of_mean(runs, n_resamples=2000) or {}).get("ua")
        systems.append(
            System(
                f"{name} (leaky)" if leaks else name,
                parameters[name] if name in parameters else _kept_parameters(name, folder),
                100 * fmean(part.confusion().unweighted_accuracy for part in runs.values()),
                None if interval is None else (100 * interval[0], 100 * interval[1]),
            )
        )
    if len(protocols) > 1:
        say(f"cost.py: warning: protocols differ: {', '.join(sorted(map(str, protocols)))}")
    return systems


def _kept_parameters(name: str, folder: Path) -> int:
    """Return the parameters that a checkpoint in the folder names; of several folds, the most."""
    from ser_pcq.models.folder import ABOUT
    from ser_pcq.models.info import read_info

    abouts = sorted(folder.glob(f"**/{ABOUT}"))
    if not abouts:
        raise ScoreError(
            "the number of parameters is not known",
            given=name,
            accepted=f"a folder that holds a {ABOUT}, or --parameters",
            do=f"give it: --parameters '{name}=NUMBER'",
        )
    return max(read_info(path.parent).parameters.total for path in abouts)


def read_parameters(given: Sequence[str]) -> dict[str, int]:
    """Read NAME=NUMBER, or a table with the columns `model` and `parameters`, tab-separated.

    Raises:
        SerError: When a number is not valid, or a table cannot be read.
    """
    found: dict[str, str] = {}
    for one in given:
        name, value = named(one)
        if name is not None:
            found[name] = value
            continue
        try:
            with Path(one).open(encoding="utf-8", newline="") as lines:
                rows = csv.DictReader(lines, delimiter="\t", strict=True)
                found |= {row["model"]: row["parameters"] for row in rows}
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise SerError(
                "this is not a table of parameters",
                given=f"{one} ({error})",
                accepted="NAME=NUMBER, or a file with the columns model and parameters",
            ) from error
    for name, value in found.items():
        if not (str(value).isascii() and str(value).isdigit() and int(value) > 0):
            raise SerError(f"the parameters of {name} are not a number from 1", given=value)
    return {name: int(value) for name, value in found.items()}


def read_lines(given: Sequence[str]) -> dict[str, float]:
    """Read TEXT=UA, UA in percent.

    Raises:
        SerError: When one is not of this form.
    """
    lines = {}
    for one in given:
        text, _, value = one.rpartition("=")
        try:
            lines[text] = float(value)
        except ValueError:
            lines[text] = math.nan
        if not text or not 0 <= lines[text] <= 100:
            raise SerError("no line to draw", given=one, accepted="TEXT=UA, 0 to 100")
    return lines


def main() -> None:
    """Measure and print, or plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="[NAME=]MODEL", help="or folder of results")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of the speech (3)")
    parser.add_argument("--rounds", type=int, default=10, help="timed passes of each model (10)")
    parser.add_argument("--plot", type=Path, metavar="OUT.svg|png", help="draw instead of measure")
    parser.add_argument(
        "--parameters",
        action="append",
        default=[],
        metavar="NAME=NUMBER|FILE",
        help="parameters of a system to plot, or a table of this command; may be repeated",
    )
    parser.add_argument(
        "--line", action="append", default=[], metavar="TEXT=UA", help="horizontal line, in %%"
    )
    given = parser.parse_args()
    if given.plot is None:
        from model_cost import measure

        split = [named(one) for one in given.models]
        costs = measure([m for _, m in split], duration=given.seconds, rounds=given.rounds)
        costs = [replace(c, name=n or c.name) for c, (n, _) in zip(costs, split, strict=True)]
        print_table(costs, markdown=given.markdown)
        return
    if given.plot.suffix.lower() not in {".svg", ".png"}:
        parser.error(f"--plot: {given.plot} ends neither in .svg nor in .png")
    systems = read_systems(given.models, read_parameters(given.parameters))
    write_figure(accuracy_figure(systems, read_lines(given.line)), given.plot)
    say(f"wrote {given.plot}")


if __name__ == "__main__":
    run(main, "cost.py")
