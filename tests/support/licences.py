"""Embedded models and their licences: what is wrong with them, and one that is made up."""

import shutil
from pathlib import Path

from ser_pcq.cli import licence_notice
from ser_pcq.models.description.licence import is_noncommercial, licence_ids, package_licence
from ser_pcq.models.folder import ABOUT, CARD, EMBEDDED, LICENCE, embedded_models
from ser_pcq.models.sharing.packages import write_package

SHARING = "CC-BY-NC-SA-4.0"


def faults(embedded: Path, expression: str) -> list[str]:
    """What embedded models lack.

    Args:
        embedded: Their folder.
        expression: The licence of the package that holds them.
    """
    found = []
    for folder in sorted(path.parent for path in embedded.glob(f"*/{ABOUT}")):
        licence = package_licence(folder)
        if not (folder / CARD).is_file():
            found.append(f"{folder.name}: no card")
        if licence is None:
            found.append(f"{folder.name}: no licence")
            continue
        if licence != "MIT" and not (folder / LICENCE).is_file():
            found.append(f"{folder.name}: no text of its licence")
        missing = {*licence_ids(licence)} - {*licence_ids(expression)}
        found += [f"{folder.name}: the package does not name {one}" for one in sorted(missing)]
    return found


def made_up_model(folder: Path, licence: str = SHARING) -> Path:
    """Write the small model into a folder, under another licence; it is still called so."""
    write_package("emodb-small", folder, licence=licence)
    return folder


def copied_models(embedded: Path) -> Path:
    """Copy the folder of the embedded models."""
    shutil.copytree(EMBEDDED, embedded)
    return embedded


def remembered(state: Path) -> Path:
    """Leave in a folder what says that the licence of every embedded model was pointed out."""
    (state / "ser-pcq").mkdir()
    for name in embedded_models():
        licence = package_licence(EMBEDDED / name)
        if licence is not None and is_noncommercial(licence):
            (state / "ser-pcq" / licence_notice.marker_name(licence)).touch()
    return state
