"""What the host of a deposit states of its files: Zenodo's and Dataverse's JSON."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ser_pcq.data.download.connection import DownloadError, Link, UnreachableError
from ser_pcq.data.download.releases import Record, Release, RemoteFile
from ser_pcq.data.download.transfer import fetch_json


def listed_files(release: Release, link: Link) -> tuple[RemoteFile, ...]:
    """Return the files of a release with the sizes and checksums that its record states.

    Where the release itself states them too, both must agree. A record that cannot be understood is
    passed over where the release states the checksum of every file.

    Args:
        release: With files, a record, or both.
        link: Where messages go, and how patient to be.

    Raises:
        DownloadError: When the host cannot be reached, the record disagrees with the release or
            lacks a file of it, or is needed and cannot be read.
    """
    if release.record is None:
        return release.files
    try:
        listed = read_record(release.record, fetch_json(release.record.url, link))
    except UnreachableError:
        raise
    except DownloadError as error:
        if not release.files or any(f.checksum is None for f in release.files):
            raise
        link.say(f"note: the record was not consulted: {error.wrong}")
        return release.files
    if not release.files:
        return tuple(listed.values())
    return tuple(_agreed(file, listed, release) for file in release.files)


def read_record(record: Record, content: Any) -> dict[str, RemoteFile]:
    """Read the JSON of a record: name to file.

    Zenodo: https://developers.zenodo.org/#representation; Dataverse: "Get JSON Representation of a
    Dataset" in its Native API guide.

    Raises:
        DownloadError: When it is not of the expected form.
    """
    try:
        if record.kind == "zenodo":
            files = [_of_zenodo(entry) for entry in content["files"]]
        else:
            files = [
                _of_dataverse(entry, record.url)
                for entry in content["data"]["latestVersion"]["files"]
                if not entry.get("restricted")
            ]
    except (KeyError, TypeError, ValueError, AttributeError):
        files = []
    if not files:
        raise DownloadError(
            "the record does not list its files as it used to",
            given=record.url,
            do="look at it in a browser",
        )
    return {file.name: file for file in files}


def _of_zenodo(entry: dict[str, Any]) -> RemoteFile:
    """Read a file of a Zenodo record; its checksum is written `md5:…`."""
    url, checksum = str(entry["links"]["self"]), entry["checksum"].lower()
    return RemoteFile(str(entry["key"]), url, int(entry["size"]), checksum)


def _of_dataverse(entry: dict[str, Any], url: str) -> RemoteFile:
    """Read a file of a Dataverse dataset; older hosts state `md5`, newer ones `checksum`."""
    data = entry["dataFile"]
    stated = data.get("checksum") or {"type": "md5", "value": data["md5"]}
    # They write `SHA-1`, hashlib `sha1`.
    algorithm = stated["type"].lower().replace("-", "")
    host = urlsplit(url)
    folder = entry.get("directoryLabel", "")
    return RemoteFile(
        name=f"{folder}/{data['filename']}" if folder else str(data["filename"]),
        url=f"{host.scheme}://{host.netloc}/api/access/datafile/{int(data['id'])}",
        size=int(data["filesize"]),
        checksum=f"{algorithm}:{stated['value'].lower()}",
    )


def _agreed(file: RemoteFile, listed: dict[str, RemoteFile], release: Release) -> RemoteFile:
    """Complete what the release states of a file by the record; both must agree."""
    if file.name not in listed:
        raise DownloadError(
            "the record no longer has the file that is to be fetched",
            given=", ".join(sorted(listed)[:8]),
            accepted=file.name,
            do=f"look at {release.page}: the corpus may have a new version",
        )
    other = listed[file.name]
    for what, pinned, stated in (
        ("size", file.size, other.size),
        ("checksum", file.checksum, other.checksum),
    ):
        if pinned is not None and pinned != stated:
            raise DownloadError(
                f"the record states another {what} of {file.name} than this package knows: the "
                "corpus was changed, and its results would not be comparable",
                given=stated,
                accepted=pinned,
                do=f"look at {release.page} what changed",
            )
    return replace(file, size=other.size, checksum=other.checksum)
