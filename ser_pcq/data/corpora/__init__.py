"""One module per corpus: from the released tree to the utterances of a data directory.

To add a corpus, write a module with `CORPUS`, a `Corpus`, and enter it here; what can be downloaded
is entered in `ser_pcq.data.download.releases` too.
"""

from ser_pcq.data.corpora import (
    crema_d,
    emodb,
    emovo,
    iemocap,
    meld,
    msp_podcast,
    nemo,
    ravdess,
    savee,
    synthetic,
    tess,
)
from ser_pcq.data.corpora.corpus import Corpus, Generator

CORPORA: dict[str, Corpus] = {
    "iemocap": iemocap.CORPUS,
    "emodb": emodb.CORPUS,
    "ravdess": ravdess.CORPUS,
    "crema-d": crema_d.CORPUS,
    "tess": tess.CORPUS,
    "savee": savee.CORPUS,
    "nemo": nemo.CORPUS,
    "emovo": emovo.CORPUS,
    "meld": meld.CORPUS,
    "msp-podcast": msp_podcast.CORPUS,
    "synthetic": synthetic.CORPUS,
}
"""Name to corpus: what `ser-data prepare` offers."""

GENERATORS: dict[str, Generator] = {
    "synthetic": synthetic.generate,
}
"""Corpus name to the function that makes a corpus of that kind: what `ser-data generate` offers."""
