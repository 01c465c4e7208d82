"""How names of one corpus are kept apart from those of others: `03` of emodb becomes `emodb-03`.

The sign between them is Kaldi's: `-` sorts before letters and digits, so that utterances are in the
same order by their ids as by their speakers.
"""

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
