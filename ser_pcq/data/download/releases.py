"""Where each corpus is available: its official record, its size and checksum, who may use it.

A size or a checksum is given only where its publisher states it: the record on Zenodo, the Git LFS
pointer on Hugging Face, the commit of a git repository. Where none is stated the field is None, and
a download says so.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RemoteFile:
    """A file to be fetched.

    Attributes:
        name: Path that it gets, relative and with `/`.
        url: Where it is.
        size: In bytes; None where its publisher does not state it.
        checksum: Algorithm and hexadecimal digits, lower case, as pooch takes them: `md5:…`. None
            where its publisher does not state one.
    """

    name: str
    url: str
    size: int | None = None
    checksum: str | None = None


@dataclass(frozen=True)
class Record:
    """The description of a deposit that its host gives as JSON: files with sizes and checksums.

    Attributes:
        kind: Software of the host.
        url: Address of the JSON.
    """

    kind: Literal["zenodo", "dataverse"]
    url: str


@dataclass(frozen=True)
class Checkout:
    """A commit of a git repository: its name is a checksum of all that it holds.

    Attributes:
        url: Of the repository.
        commit: Full name, 40 hexadecimal digits.
        lfs: Pattern of the files to be fetched from Git LFS; None where it is not used.
    """

    url: str
    commit: str
    lfs: str | None = None


@dataclass(frozen=True)
class Release:
    """What the owner of a corpus offers; title and citation are those of the corpus itself.

    Attributes:
        page: Address for a person: there it can be had by hand.
        holds: A pattern of files in the unpacked corpus, and how many match it at least.
        files: What to fetch; empty with a `record` means all the files of the record.
        record: Where the host states sizes and checksums.
        checkout: Instead of files.
        by_hand: How to get it where it cannot be downloaded by a program; else None.
        licence: Short, as in a table, where the release has another one than `Corpus.licence`.
        note: What else a user should know.
    """

    page: str
    holds: tuple[str, int]
    files: tuple[RemoteFile, ...] = ()
    record: Record | None = None
    checkout: Checkout | None = None
    by_hand: str | None = None
    licence: str | None = None
    note: str | None = None

    @property
    def size(self) -> int | None:
        """Bytes to fetch, where they are known beforehand."""
        sizes = [f.size for f in self.files]
        return None if not sizes or None in sizes else sum(s for s in sizes if s is not None)


RELEASES: dict[str, Release] = {
    "crema-d": Release(
        page="https://github.com/CheyneyComputerScience/CREMA-D",
        holds=("AudioWAV/*.wav", 7442),
        checkout=Checkout(
            url="https://github.com/CheyneyComputerScience/CREMA-D.git",
            commit="1658cd342dff90010aa843eaeebd53610a08b1dc",
            lfs="AudioWAV/*",
        ),
    ),
    "emodb": Release(
        licence="CC BY 4.0 (record)",
        page="https://zenodo.org/records/7447302",
        holds=("wav/*.wav", 535),
        record=Record("zenodo", "https://zenodo.org/api/records/7447302"),
        files=(
            RemoteFile(
                name="emodb.zip",
                url="https://zenodo.org/api/records/7447302/files/emodb.zip/content",
                size=39_981_818,
                checksum="md5:9d21362dbc5676ef3ab4745d83ced0db",
            ),
        ),
        note="the listening test, erkennung.txt, is not in this record: it is in the archive of "
        "http://emodb.bilderbar.info/download/",
    ),
    "emovo": Release(
        page="http://voice.fub.it/activities/corpora/emovo/index.html",
        holds=("*/*.wav", 588),
        by_hand="open the page in a browser and fetch the archive, for which no checksum is "
        "published",
    ),
    "iemocap": Release(
        page="https://sail.usc.edu/iemocap/iemocap_release.htm",
        holds=("Session*/sentences/wav/*/*.wav", 10_039),
        by_hand="fill in the release form of the University of Southern California, which sends "
        "the address of the archive",
    ),
    "meld": Release(
        page="https://huggingface.co/datasets/declare-lab/MELD",
        # 13,708 utterances are listed; a few of their clips are missing or damaged.
        holds=("**/*.mp4", 13_600),
        files=(
            RemoteFile(
                name="MELD.Raw.tar.gz",
                url="https://huggingface.co/datasets/declare-lab/MELD/resolve/"
                "9abc51ee7903424ffb971297608aa6d3d0de3bfa/MELD.Raw.tar.gz",
                size=10_878_146_150,
                checksum="sha256:a56b4407d574195cbce470d86f9c9d72fcfea59b0e34502ecd4babee4a5c613e",
            ),
        ),
        note="the clips are video: `ser-data prepare meld` says how to take the audio out of them",
    ),
    "msp-podcast": Release(
        page="https://lab-msp.com/MSP/MSP-Podcast.html",
        holds=("Audios/*.wav", 1),
        by_hand="have your institution sign the licence agreement and send it to the laboratory, "
        "which sends the address of the archive",
    ),
    "nemo": Release(
        page="https://github.com/amu-cai/nEMO",
        holds=("samples/*.wav", 4481),
        checkout=Checkout(
            url="https://github.com/amu-cai/nEMO.git",
            commit="06f1f83dde8f1a780443a57d53b2af3971af34ab",
        ),
    ),
    "ravdess": Release(
        page="https://zenodo.org/records/1188976",
        holds=("Actor_*/*.wav", 1440),
        record=Record("zenodo", "https://zenodo.org/api/records/1188976"),
        files=(
            RemoteFile(
                name="Audio_Speech_Actors_01-24.zip",
                url="https://zenodo.org/api/records/1188976/files/"
                "Audio_Speech_Actors_01-24.zip/content",
                size=208_468_073,
                checksum="md5:bc696df654c87fed845eb13823edef8a",
            ),
        ),
    ),
    "savee": Release(
        page="http://kahlan.eps.surrey.ac.uk/savee/Download.html",
        holds=("*/*.wav", 480),
        by_hand="register with the University of Surrey, which sends the address of the archive; "
        "of it, only Data/Zip/AudioData.zip is needed",
    ),
    "tess": Release(
        page="https://doi.org/10.5683/SP2/E8H2MF",
        holds=("**/*.wav", 2800),
        record=Record(
            "dataverse",
            "https://borealisdata.ca/api/datasets/:persistentId/"
            "?persistentId=doi:10.5683/SP2/E8H2MF",
        ),
    ),
}
"""Corpus name to the release that its owner offers."""
