"""How `ser-predict --models` lists the models that come with the toolkit."""

import json
from collections.abc import Callable, Sequence

import typer

from ser_pcq.cli.terminal import say
from ser_pcq.models.description.catalogue import CatalogueEntry, catalogue
from ser_pcq.models.folder import MODEL_VARIABLE, default_model, wanted_default


def print_models(name: str) -> None:
    """Print the models in a format of LIST_FORMATS.

    Raises:
        CheckpointError: When a package is damaged; after the list, when SER_PCQ_MODEL names none.
    """
    entries, default = catalogue(), wanted_default()
    for line in LIST_FORMATS[name](entries, default):
        typer.echo(line)
    if default not in [entry.name for entry in entries]:
        say(f"ser-predict: the default is {default_model()}, as {MODEL_VARIABLE} says")


def _table_lines(entries: Sequence[CatalogueEntry], default: str) -> list[str]:
    """Return a list to read."""
    rows = [("model", "weights", "parameters", "licence", "learnt from", "emotions")]
    rows += [
        (
            f"{one.name} (default)" if one.name == default else one.name,
            f"{one.size / 1e6:.1f} MB",
            f"{one.parameters:,}",
            one.licence or "not stated",
            ", ".join(one.corpora),
            ", ".join(one.labels),
        )
        for one in entries
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = (1, 2)
    return [
        "  ".join(
            cell.rjust(width) if k in numbers else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _json_lines(entries: Sequence[CatalogueEntry], default: str) -> list[str]:
    """Return one JSON object for each model, its size in bytes."""
    return [
        json.dumps(
            {
                "model": one.name,
                "is_default": one.name == default,
                "size": one.size,
                "parameters": one.parameters,
                "labels": one.labels,
                "corpora": one.corpora,
                "licence": one.licence,
            }
        )
        for one in entries
    ]


LIST_FORMATS: dict[str, Callable[[Sequence[CatalogueEntry], str], list[str]]] = {
    "table": _table_lines,
    "jsonl": _json_lines,
}
"""The formats that `--models` can print, by their names."""
