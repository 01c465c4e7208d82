"""What the id of an utterance tells of its being an augmented copy."""

import re
from collections import Counter
from collections.abc import Mapping

Groups = Mapping[str, Mapping[str, str]]

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


def with_originals(groups: Groups) -> dict[str, dict[str, str]]:
    """Return the groups with an original for every utterance: as given, or as its id tells.

    An id that only looks like that of a copy stands for itself.
    """
    roots = {i: root_of(i) for i in groups}
    shared = Counter(roots.values())
    return {
        i: {"original": roots[i] if shared[roots[i]] > 1 else i, **about}
        for i, about in groups.items()
    }
