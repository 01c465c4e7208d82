"""The licence of a model's weights: an SPDX expression, such as `MIT` or `CC-BY-NC-SA-4.0`."""

import json
import re
from pathlib import Path

from ser_pcq.errors import SerError
from ser_pcq.models.folder import ABOUT

_ID = r"[A-Za-z0-9][A-Za-z0-9.+-]*"
_OPERATORS = ("AND", "OR", "WITH")
_EXPRESSION = re.compile(rf"\(*{_ID}\)*( ({'|'.join(_OPERATORS)}) \(*{_ID}\)*)*")
_NONCOMMERCIAL = re.compile(r"(^|-)(NC|Noncommercial)(-|$)", re.IGNORECASE)


def checked_licence(licence: str) -> str:
    """Return a licence that has the form of an SPDX expression; whether SPDX lists it is not known.

    Raises:
        SerError: For anything else.
    """
    if not _EXPRESSION.fullmatch(licence):
        raise SerError(
            "this is no licence",
            given=repr(licence),
            accepted="an SPDX expression, such as MIT, CC-BY-4.0 or MIT AND CC-BY-NC-SA-4.0",
        )
    return licence


def licence_ids(licence: str) -> tuple[str, ...]:
    """Return the identifiers of an SPDX expression."""
    return tuple(one for one in re.findall(_ID, licence) if one not in _OPERATORS)


def is_noncommercial(licence: str) -> bool:
    """Tell whether a licence, or any of several, allows no commercial use, by its identifier."""
    return any(_NONCOMMERCIAL.search(one) for one in licence_ids(licence))


def package_licence(folder: Path) -> str | None:
    """Return the licence that a package states; None where it states none, or is none."""
    try:
        licence = json.loads((folder / ABOUT).read_text(encoding="utf-8")).get("licence")
    except (OSError, ValueError, AttributeError):
        return None
    return licence if isinstance(licence, str) else None
