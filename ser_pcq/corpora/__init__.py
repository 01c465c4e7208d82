"""One module per corpus: from the released tree to the utterances of a data directory.

To add a corpus, write a module with `CORPUS`, a `Corpus`, and enter it here.
"""

from collections.abc import Callable
from pathlib import Path

from ser_pcq.corpora import emodb, synthetic
from ser_pcq.corpora.corpus import Corpus

CORPORA: dict[str, Corpus] = {c.name: c for c in (emodb.CORPUS, synthetic.CORPUS)}
"""Name to corpus."""

GENERATORS: dict[str, Callable[..., Path]] = {
    "synthetic": synthetic.generate,
}
"""Corpus name to the function that makes a corpus of that kind."""
