"""What `ser-predict` says, once on a machine, of a model that is not for commercial use."""

import os
import re
import sys
from pathlib import Path

from ser_pcq.cli.terminal import say
from ser_pcq.models.classifier import Classifier
from ser_pcq.models.description.licence import is_noncommercial
from ser_pcq.models.folder import LARGE_MODEL


def say_licence(model: Classifier, command: str = "ser-predict") -> None:
    """Say on stderr that a licence allows no commercial use, the first time that it is met."""
    licence = model.licence
    if licence is None or not is_noncommercial(licence):
        return
    marker = _marker(licence)
    if _is_there(marker):
        return
    # Where nothing can be written it is said each time, which does no harm.
    ending = " This is said once." if _left(marker) else ""
    say(f"{command}: {model.name} is not for commercial use: its licence is {licence}")
    say(f"{command}: --model {LARGE_MODEL} is free of that.{ending}")


def _marker(licence: str) -> Path | None:
    """Return where that file is; None without a place for it."""
    place = _state_home()
    return None if place is None else place / "ser-pcq" / marker_name(licence)


def marker_name(licence: str) -> str:
    """Return the name of the file that is there once a licence was pointed out."""
    return "said-" + re.sub(r"[^A-Za-z0-9.+-]+", "_", licence)[:100]


def _state_home() -> Path | None:
    """Return where this system keeps what programs remember of a user; None without a home."""
    stated = os.environ.get("XDG_STATE_HOME", "")
    if Path(stated).is_absolute():  # the specification has others ignored
        return Path(stated)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return home / ".local" / "state"


def _is_there(marker: Path | None) -> bool:
    """Tell whether there is a marker; where that cannot be seen, there is none."""
    try:
        return marker is not None and marker.is_file()
    except OSError:
        return False


def _left(marker: Path | None) -> bool:
    """Leave a marker, and tell whether that was possible."""
    try:
        if marker is not None:
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
    except OSError:
        return False
    return marker is not None
