"""How names of one corpus are kept apart from those of others: `03` of emodb becomes `emodb-03`.

The sign between them is Kaldi's: `-` sorts before letters and digits, so that utterances are in the
same order by their ids as by their speakers.
"""

from collections.abc import Collection

SEPARATOR = "-"


def prefixed(corpus: str, name: str) -> str:
    """Return a name with that of its corpus before it."""
    return f"{corpus}{SEPARATOR}{name}"


def is_prefixed(corpus: str, name: str) -> bool:
    """Say whether a name begins with that of its corpus."""
    prefix = corpus + SEPARATOR
    return name.startswith(prefix) and name != prefix


def own_name(corpus: str, name: str) -> str:
    """Return a name as the corpus itself has it, whether or not it is prefixed."""
    return name.removeprefix(corpus + SEPARATOR) if is_prefixed(corpus, name) else name


def apart(corpus: str | None, others: Collection[str | None]) -> bool:
    """Say whether a corpus is known to be none of some others; of no others, any corpus is.

    None is a corpus that is not known, and may be any. Names are compared in any case.
    """
    if not others:
        return True
    if corpus is None or None in others:
        return False
    return corpus.casefold() not in {other.casefold() for other in others if other is not None}
