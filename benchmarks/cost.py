"""Measure what models cost, or plot their accuracy against their parameters.

Models are embedded names, checkpoints, or experiment folders, of which the first fold is measured.
They take turns on one thread. Prints a table, tab-separated or in Markdown. First numbers of
parameters. Then for each second of speech: millions of multiply-adds (`ser_pcq.cost.count_macs`
says what counts), processor time in s, and that time as a multiple of one product of two 1024×1024
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
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ser_pcq.cli.app import run, say
from ser_pcq.errors import ScoreError, SerError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ser_pcq.cost import Cost

COLUMNS = (
    *("model", "encoder", "network", "parameters", "trainable", "frozen", "MMAC/s", "weights MB"),
    *("s/s", "matmuls/s", "memory MB", "training s", "folds", "trained on"),
)
BLUE, GREY = "#0072B2", "#555555"
BETWEEN = 8.0  # points from one marker to the next where several have nearly equal parameters


@dataclass(frozen=True)
class System:
    """One point of the plot.

    Attributes:
        name: Its label.
        parameters: Of encoder and network together.
        ua: Pooled UA in percent.
        interval: Low and high of the 95 % interval over speakers, in percent; None without one.
    """

    name: str
    parameters: int
    ua: float
    interval: tuple[float, float] | None


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
    """Split NAME=PATH; a path that exists may hold the sign itself, and has no name then."""
    name, sign, path = given.partition("=")
    return (name, path) if sign and name and not Path(given).exists() else (None, given)


def short_names(paths: Sequence[Path]) -> list[str]:
    """Return what tells paths apart: their last parts, without the end that all of them share."""
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
    from ser_pcq.collect import collect, collect_seeds, holds_seeds, seed_folders
    from ser_pcq.comparison import interval_of_mean
    from ser_pcq.mcnemar import check_same_utterances
    from ser_pcq.proof import prove
    from ser_pcq.utterance import UNKNOWN_SPEAKER

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
            interval = interval_of_mean(runs, n_resamples=2000)[1]
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
    """Return the parameters that a checkpoint in the folder tells; folds may differ: the most."""
    import json

    from ser_pcq.checkpoint import ABOUT

    abouts = sorted(folder.glob(f"**/{ABOUT}"))
    if not abouts:
        raise ScoreError(
            "the number of parameters is not known",
            given=name,
            accepted=f"a folder that holds a {ABOUT}, or --parameters",
            do=f"give it: --parameters '{name}=NUMBER'",
        )
    try:
        kept = [json.loads(path.read_text(encoding="utf-8"))["parameters"] for path in abouts]
        return max(sum(counts.values()) for counts in kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScoreError("damaged checkpoint", given=f"{folder} ({error})") from error


def read_parameters(given: Sequence[str]) -> dict[str, int]:
    """Read NAME=NUMBER, or a table with the columns `model` and `parameters`, tab-separated.

    Raises:
        SerError: When a number is none, or a table cannot be read.
    """
    told: dict[str, str] = {}
    for one in given:
        name, value = named(one)
        if name is not None:
            told[name] = value
            continue
        try:
            with Path(one).open(encoding="utf-8", newline="") as lines:
                rows = csv.DictReader(lines, delimiter="\t", strict=True)
                told |= {row["model"]: row["parameters"] for row in rows}
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise SerError(
                "no table of parameters",
                given=f"{one} ({error})",
                accepted="NAME=NUMBER, or a file with the columns model and parameters",
            ) from error
    for name, value in told.items():
        if not (str(value).isascii() and str(value).isdigit() and int(value) > 0):
            raise SerError(f"the parameters of {name} are no number from 1", given=value)
    return {name: int(value) for name, value in told.items()}


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


def accuracy_figure(systems: Sequence[System], lines: Mapping[str, float]) -> "Figure":
    """Draw UA over parameters, one labelled point for each system.

    Points whose parameters are nearly equal would hide each other: they are spread sideways, and
    the axis says so. One colour serves all, as each point has its label.

    Args:
        systems: The points.
        lines: Text to UA in percent of horizontal lines.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    figure = Figure(figsize=(7.0, 4.4), dpi=150)
    axes = figure.add_axes((0.1, 0.13, 0.87, 0.84))
    sizes = [system.parameters for system in systems]
    values = [v for s in systems for v in (s.ua, *(s.interval or ()))] + list(lines.values())
    space = 0.12 * max(max(values) - min(values), 10)
    axes.set_xscale("log")
    axes.set_xlim(min(sizes) / 4, max(sizes) * 4)
    axes.set_ylim(max(0, min(values) - space), min(100, max(values) + space))
    axes.xaxis.set_major_locator(LogLocator())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_short_count))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel("UA in %, with the 95 % interval over speakers")
    places, spread = _spread(axes, systems)
    aside = "; nearly equal ones side by side" if spread else ""
    axes.set_xlabel(f"parameters, encoder included (log scale){aside}")
    taken = [_bar(axes, place, system) for place, system in zip(places, systems, strict=True)]
    rules = [_rule(axes, text, value, taken) for text, value in lines.items()]
    # From the top: a label that has to move then moves into free space.
    for i in sorted(range(len(systems)), key=lambda i: -systems[i].ua):
        _label(axes, places[i], systems[i], taken, rules)
    return figure


def _rule(axes: Any, text: str, value: float, taken: list[Any]) -> Any:
    """Draw a labelled horizontal line; return the pixels that it covers."""
    axes.axhline(value, color=GREY, linewidth=1, linestyle="--", zorder=1)
    place = axes.get_yaxis_transform()  # across: share of the width
    label = axes.annotate(
        f"{text}, {value:g} %", (0, value), (0, 3), xycoords=place, textcoords="offset points"
    )
    label.set(color=GREY, fontsize=9)
    for share in (0.01 * k for k in range(1, 80)):
        label.xy = (share, value)
        if not label.get_window_extent().count_overlaps(taken):
            break
    taken.append(label.get_window_extent())
    y = axes.transData.transform((1, value))[1]
    return _box(axes.bbox.x0, y - 2, axes.bbox.x1, y + 2)


def _short_count(value: float, _: Any = None) -> str:
    """Write a number of parameters as the axis does."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _box(x0: float, y0: float, x1: float, y1: float) -> Any:
    """Return a rectangle in pixels."""
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(x0, y0, x1, y1)


def _spread(axes: Any, systems: Sequence[System]) -> tuple[list[float], bool]:
    """Return where the points stand along the axis, in parameters, and whether any was moved."""
    step = BETWEEN * axes.figure.dpi / 72  # pixels
    pixels = [axes.transData.transform((system.parameters, system.ua))[0] for system in systems]
    order = sorted(range(len(systems)), key=lambda i: (systems[i].parameters, systems[i].name))
    groups: list[list[int]] = []
    for i in order:
        if groups and pixels[i] - pixels[groups[-1][-1]] < step:
            groups[-1].append(i)
        else:
            groups.append([i])
    for group in groups:
        middle = fmean(pixels[i] for i in group)
        for k, i in enumerate(group):
            if len(group) > 1:
                pixels[i] = middle + (k - (len(group) - 1) / 2) * step
    back = axes.transData.inverted()
    places = [float(back.transform((x, 0))[0]) for x in pixels]
    return places, any(len(group) > 1 for group in groups)


def _bar(axes: Any, place: float, system: System) -> Any:
    """Draw a point with its interval; return the pixels that it covers."""
    low, high = system.interval or (system.ua, system.ua)
    errors = [[max(0, system.ua - low)], [max(0, high - system.ua)]]
    axes.errorbar(
        place,
        system.ua,
        None if system.interval is None else errors,
        fmt="o",
        markersize=5,
        color=BLUE,
    )
    pad = 4 * axes.figure.dpi / 72
    (x, y0), (_, y1) = axes.transData.transform([(place, min(low, system.ua)), (place, high)])
    return _box(x - pad, y0 - pad, x + pad, max(y0, y1) + pad)


def _label(axes: Any, place: float, system: System, taken: list[Any], rules: list[Any]) -> None:
    """Write a label where nothing else is, as near as can be, with a line if that is far.

    Args:
        axes: Where to draw.
        place: Of the point, in parameters.
        system: What it stands for.
        taken: What neither label nor line may cover; the new label is added.
        rules: What the line may cross.
    """
    from matplotlib.path import Path as Line

    at = (place, system.ua)
    text = axes.annotate(system.name, at, (8, 0), textcoords="offset points", fontsize=9)
    text.set_va("center_baseline")
    point, unit = axes.transData.transform(at), axes.figure.dpi / 72
    others = [box for box in taken if not box.contains(*point)]
    offsets = [(dx, dy) for dx in range(-72, 73, 8) for dy in range(-160, 161, 4)]
    offsets.sort(key=lambda o: (math.hypot(*o), -o[0], -o[1]))
    # Rather than nowhere, a label goes where its line has to cross something.
    for (dx, dy), may_cross in [(o, False) for o in offsets] + [(o, True) for o in offsets]:
        text.set_position((dx, dy))
        text.set_ha("left" if dx > 0 else "right" if dx < 0 else "center")
        box = text.get_window_extent().padded(2 * unit)
        end = min(max(point[0], box.x0), box.x1), min(max(point[1], box.y0), box.y1)
        line = Line([point, end])
        if (
            (axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1)
            and (axes.bbox.y0 < box.y0 and box.y1 < axes.bbox.y1)
            and not box.count_overlaps([*taken, *rules])
            and (may_cross or not any(line.intersects_bbox(o, filled=False) for o in others))
        ):
            break
    else:
        text.set(position=(8, 0), ha="left")
        end = point
        say(f"cost.py: warning: no free place for the label {system.name}")
    if math.dist(end, point) > 8 * unit:
        ends = axes.transData.inverted().transform([point, end])
        axes.plot(*ends.T, color=GREY, linewidth=0.7, zorder=1)
        taken.append(_box(min(point[0], end[0]), min(point[1], end[1]), *map(max, point, end)))
    taken.append(text.get_window_extent())


def write_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as SVG or PNG, whole or not at all; equal figures give equal bytes."""
    import matplotlib

    from ser_pcq.files import whole_file

    kind = path.suffix.lower().removeprefix(".")
    told = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with whole_file(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "ser-pcq"}):
        figure.savefig(temporary, format=kind, metadata=told)


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
        from ser_pcq.cost import measure

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
