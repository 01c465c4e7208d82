"""Scores for people: text for the terminal, and the files of a report.

Text is at most 100 columns wide for the label sets of emotion corpora.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.collect import StoredExperiment
from ser_pcq.evaluation.figures import (
    confusion_figure,
    reliability_figure,
    risk_coverage_figure,
    save_figure,
)
from ser_pcq.evaluation.fold_scores import format_fold_scores
from ser_pcq.evaluation.metrics import COMPARED, METRICS, Confusion
from ser_pcq.evaluation.risk_coverage import REPORTED_COVERAGES
from ser_pcq.evaluation.scores import Scores, SeedScores
from ser_pcq.evaluation.table import TABLE, Predictions, write_predictions
from ser_pcq.files import write_json, write_text
from ser_pcq.protocols.proof import Proof, keep_facts

# Widest line of a confusion matrix, and of the label in front of a row.
TEXT_WIDTH, NAME_WIDTH = 100, 24


def _percent(ratio: float | None) -> str:
    """Return a ratio as percent in 8 columns, a dash where it does not exist."""
    return f"{'-':>8}" if ratio is None else f"{100 * ratio:6.2f} %"


def _short(name: str) -> str:
    """Return a label that fits in front of a row."""
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 3] + "..."


def format_confusion(confusion: Confusion) -> str:
    """Return the counts as aligned text, reference rows and prediction columns.

    Where the labels do not fit side by side, the columns are headed by the numbers of the rows.
    """
    names = heads = [_short(label) for label in confusion.labels]
    digits = len(str(max(map(max, confusion.counts))))
    first = max(map(len, names))
    width = max(digits, first) + 2
    if first + width * len(names) > TEXT_WIDTH:
        heads = [str(number) for number in range(1, len(names) + 1)]
        names = [f"{number} {name}" for number, name in zip(heads, names, strict=True)]
        first = max(map(len, names))
        width = max(digits, len(heads[-1])) + 2
    lines = ["reference (rows) x prediction (columns)"]
    lines.append(" " * first + "".join(f"{head:>{width}}" for head in heads))
    for name, row in zip(names, confusion.counts, strict=True):
        lines.append(f"{name:<{first}}" + "".join(f"{n:>{width}}" for n in row))
    return "\n".join(lines)


def format_report(scores: Scores) -> str:
    """Return the scores as text: ratios with intervals, each class, the confusion matrix."""
    confusion, intervals = scores.confusion, scores.intervals
    lines = [
        f"{scores.n_utterances} utterances, {scores.n_speakers} speakers, {scores.n_folds} "
        f"{'fold' if scores.n_folds == 1 else 'folds'}, "
        f"protocol {scores.protocol or 'not recorded'}",
        *_proof_lines(scores.proof),
        "",
        f"{'':<20}{'':>8}  95 % interval over speakers",
    ]
    for name, ratio in scores.ratios.items():
        limits = scores.why_no_interval
        if intervals is not None:
            low, high = intervals[name]
            limits = f"[{100 * low:.2f}, {100 * high:.2f}]"
        lines.append(f"{'pooled ' + METRICS[name].title:<20}{_percent(ratio)}  {limits}")
    for name, ratio in scores.mean_over_folds.items():
        lines.append(f"{'mean over folds ' + METRICS[name].title:<20}{_percent(ratio)}")
    lines += [
        "",
        *([*_corpora_lines(scores), ""] if scores.proof.corpora else []),
        *_confidence_lines(scores),
        "",
    ]
    names = [_short(label) for label in confusion.labels]
    first = max(map(len, ["label", *names]))
    lines.append(f"{'label':<{first}}  utterances    recall  precision")
    for i, (name, label) in enumerate(zip(names, confusion.labels, strict=True)):
        recall, precision = confusion.recalls[label], confusion.precisions[label]
        lines.append(
            f"{name:<{first}}  {sum(confusion.counts[i]):>10}  {_percent(recall)}"
            f"   {_percent(precision)}"
        )
    return "\n".join([*lines, "", format_confusion(confusion)])


def format_scores(scores: Scores | SeedScores) -> str:
    """Return the scores of an experiment as text, of one run or of several seeds."""
    return format_seeds_report(scores) if isinstance(scores, SeedScores) else format_report(scores)


def _proof_lines(proof: Proof) -> list[str]:
    """Return a line for each leak, else one that names what was checked."""
    lines = [f"LEAKY  {leak}" for leak in proof.verdict.leaky]
    lines += [f"LEAKY  training of the model: {leak}" for leak in proof.model_leaky]
    notes = [f"note: {note}" for note in proof.notes]
    if lines:
        return lines + notes
    checked = ", ".join(proof.verdict.verified) or "nothing: there is no record of the split"
    return [f"checked for leaks: {checked}", *notes]


def _corpora_lines(scores: Scores) -> list[str]:
    """Return a line for each corpus that was left out, and which of them could not be scored."""
    scored = {fold.tested for fold in scores.folds}
    lines = format_fold_scores(scores.folds) if scores.folds else []
    if missing := sorted(set(scores.proof.corpora.values()) - scored):
        lines.append(f"not scored, fewer than two shared emotions: {', '.join(missing)}")
    return lines


def _confidence_lines(scores: Scores) -> list[str]:
    """Return two lines: how reliable the confidence is, and what leaving answers out gains."""
    calibration, curve = scores.calibration, scores.risk_coverage
    kept = ", ".join(
        f"{100 * share:.0f} %: {100 * curve.at_coverage(share).accuracy:.2f} %"
        for share in REPORTED_COVERAGES
    )
    return [
        f"confidence: ECE {100 * calibration.ece:.2f} %, Brier {calibration.brier:.4f}, "
        f"NLL {calibration.nll:.4f}",
        f"WA of the most confident {kept}; AURC {curve.area:.4f}",
    ]


def format_seeds_report(scores: SeedScores) -> str:
    """Return one line per seed, and the mean and standard deviation of the pooled ratios."""
    first = max(len(name) for name in [*scores.seeds, "standard deviation"])
    some = next(iter(scores.seeds.values()))
    pooled = [f"  pooled {metric.title}" for metric in COMPARED.values()]
    means = [f"  mean over folds {metric.title}" for metric in COMPARED.values()]
    lines = [
        f"{some.n_utterances} utterances, {some.n_speakers} speakers, {some.n_folds} folds, "
        f"{len(scores.seeds)} seeds, protocol {some.protocol or 'not recorded'}",
        *_proof_lines(some.proof),
        "",
        " " * first + "".join(pooled + means),
    ]
    for name, one in scores.seeds.items():
        ratios = [one.ratios[m] for m in COMPARED] + [one.mean_over_folds[m] for m in COMPARED]
        lines.append(f"{name:<{first}}" + _row(ratios, pooled + means))
    over = [scores.over_seeds(metric) for metric in COMPARED]
    for name, part in (("mean", 0), ("standard deviation", 1)):
        lines.append(f"{name:<{first}}" + _row([pair[part] for pair in over], pooled))
    for name, one in scores.seeds.items():
        lines += ["", name, *_corpora_lines(one)] if one.proof.corpora else []
    return "\n".join(lines)


def _row(ratios: Sequence[float | None], heads: Sequence[str]) -> str:
    """Return ratios in percent, each under its head."""
    columns = zip(ratios, heads, strict=True)
    return "".join(f"{_percent(ratio):>{len(head)}}" for ratio, head in columns)


def write_report(
    predictions: Predictions, scores: Scores, out_dir: Path, *, figures: bool = True
) -> list[Path]:
    """Write scores, predictions and confusion matrix, and figures; return the paths.

    Files: `scores.json`, `predictions.csv`, `confusion.txt`, and as figures `confusion.png`,
    `reliability.png` and `risk_coverage.png`.

    Raises:
        ScoreError: When a file cannot be written.
    """
    paths = [out_dir / name for name in ("scores.json", TABLE, "confusion.txt")]
    with _writing(out_dir):
        write_json(paths[0], scores.to_dict())
        write_predictions(paths[1], predictions)
        write_text(paths[2], format_confusion(scores.confusion) + "\n")
        for name, figure in (
            (
                ("confusion.png", confusion_figure(scores.confusion)),
                ("reliability.png", reliability_figure(scores.calibration)),
                (
                    "risk_coverage.png",
                    risk_coverage_figure(
                        scores.risk_coverage, {f.tested: f.risk_coverage for f in scores.folds}
                    ),
                ),
            )
            if figures
            else ()
        ):
            save_figure(figure, out_dir / name)
            paths.append(out_dir / name)
    return paths


def write_seeds_report(
    seeds: Mapping[str, Predictions],
    scores: SeedScores,
    out_dir: Path,
    *,
    figures: bool = True,
) -> list[Path]:
    """Write the report of each seed into a folder of its name, and `seeds.json`; return all paths.

    Raises:
        ScoreError: When a file cannot be written.
    """
    paths = []
    for name, predictions in seeds.items():
        paths += write_report(predictions, scores.seeds[name], out_dir / name, figures=figures)
    with _writing(out_dir):
        write_json(out_dir / "seeds.json", scores.to_dict())
    return [*paths, out_dir / "seeds.json"]


def write_experiment_report(
    experiment: StoredExperiment,
    scores: Scores | SeedScores,
    out_dir: Path,
    *,
    figures: bool = True,
) -> list[Path]:
    """Write the report of each run, and what proves it beside it; return all paths.

    Raises:
        ScoreError: When a file cannot be written or read.
    """
    parts = {name: out_dir / name if experiment.has_seeds else out_dir for name in experiment.runs}
    if isinstance(scores, SeedScores):
        paths = write_seeds_report(experiment.predictions, scores, out_dir, figures=figures)
    else:
        (run,) = experiment.runs.values()
        paths = write_report(run.predictions, scores, out_dir, figures=figures)
    for name, run in experiment.runs.items():
        paths += keep_facts(run.folder, run.proof, parts[name])
    return paths


@contextmanager
def _writing(out_dir: Path) -> Iterator[None]:
    """Turn an error of the file system into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise ScoreError(
            "cannot write the report",
            given=f"{out_dir} ({error.strerror})",
            do="choose another folder with --output-dir",
        ) from error
