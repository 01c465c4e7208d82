"""The plot of accuracy against parameters that `cost.py` draws."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ser_pcq.cli.terminal import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def accuracy_figure(systems: Sequence[System], lines: Mapping[str, float]) -> "Figure":
    """Draw UA over parameters, one labelled point for each system.

    Points whose parameters are nearly equal would hide each other, so they are spread sideways and
    the axis says so. All have one colour, as each point has its label.

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
    """Write a number of parameters as on the axis."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _box(x0: float, y0: float, x1: float, y1: float) -> Any:
    """Return a rectangle in pixels."""
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(x0, y0, x1, y1)


def _spread(axes: Any, systems: Sequence[System]) -> tuple[list[float], bool]:
    """Return the place of each point on the axis, in parameters, and whether any was moved."""
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
    """Write a label as near as possible where nothing else is, with a line if that is far.

    Args:
        axes: Where to draw.
        place: Of the point, in parameters.
        system: The system of the point.
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
    # Without free space, a label goes where its line has to cross something.
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
    stored = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with whole_file(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "ser-pcq"}):
        figure.savefig(temporary, format=kind, metadata=stored)
