"""Augmented copies by their names: the ids that common recipes give them."""

import re
from collections import Counter
from collections.abc import Iterable

# How common recipes name augmented copies: sp0.9-ID, rev1_ID, ID-noise, ID_aug_2, ID_sp1.1.
_WORDS = "sp|tp|vp|vol|pitch|speed|tempo|rev|reverb|rvb|noise|music|babble|aug|copy"
_NUMBER = r"(?:[-_]?[+-]?\d[\d.]*(?:db)?)?"
_COPY_PREFIX = re.compile(rf"(?:{_WORDS}){_NUMBER}[-_](.+)", re.IGNORECASE)
_COPY_SUFFIX = re.compile(rf"(.+?)[-_](?:{_WORDS}){_NUMBER}", re.IGNORECASE)


def root_of(utterance_id: str) -> str:
    """Return what is left of an id without all that common recipes add to the name of a copy."""
    while match := _COPY_PREFIX.fullmatch(utterance_id) or _COPY_SUFFIX.fullmatch(utterance_id):
        utterance_id = match[1]
    return utterance_id


def originals_by_name(utterance_ids: Iterable[str]) -> dict[str, str]:
    """Return id to the id that it is a copy of, by its name.

    An id that only looks like that of a copy, without another one of its root, is its own original.
    """
    roots = {i: root_of(i) for i in utterance_ids}
    shared = Counter(roots.values())
    return {i: root if shared[root] > 1 else i for i, root in roots.items()}
