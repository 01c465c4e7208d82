"""The kind of a file that libsndfile does not read, by its first bytes."""

MEDIA_SUFFIXES = frozenset(
    {".m4a", ".aac", ".mp4", ".m4b", ".m4v", ".mov", ".wma", ".asf", ".wmv", ".amr", ".awb"}
    | {".3gp", ".3gpp", ".3g2", ".webm", ".weba", ".mkv", ".mka", ".avi", ".flv", ".ape", ".wv"}
    | {".ac3", ".eac3", ".dts", ".ra", ".tta", ".spx", ".ogv"}
)
"""Recordings that libsndfile cannot decode, in lower case: what telephones and browsers record,
and the sound of videos."""

HEAD = 64
"""How many bytes `content_name` needs."""

MEDIA_MAGIC = (
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska", "matroska"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media (WMA)", "asf"),
    (0, b"#!AMR", "AMR", "amr"),
    (0, b"ADIF", "AAC", "aac"),
    (0, b"\xff\xf0", "AAC", "aac"),
    (0, b"\xff\xf1", "AAC", "aac"),
    (0, b"\xff\xf8", "AAC", "aac"),
    (0, b"\xff\xf9", "AAC", "aac"),
    (0, b"MAC ", "Monkey's Audio", "ape"),
    (0, b"wvpk", "WavPack", "wv"),
    (0, b"TTA1", "True Audio", "tta"),
    (0, b"\x0bw", "AC-3", "ac3"),
    (0, b"\x7f\xfe\x80\x01", "DTS", "dts"),
    (0, b".RMF", "RealMedia", "rm"),
    (0, b".ra\xfd", "RealAudio", "rm"),
    (0, b"FLV\x01", "Flash video", "flv"),
    (8, b"AVI ", "AVI video", "avi"),
    (4, b"ftyp", "MPEG-4 (m4a, mp4)", "mov"),
    (4, b"moov", "QuickTime", "mov"),
    (4, b"mdat", "QuickTime", "mov"),
    (4, b"wide", "QuickTime", "mov"),
    # libsndfile reads them, but not all of their encodings.
    (0, b"caff", "Core Audio (CAF)", "caf"),
    (28, b"Speex", "Speex", "ogg"),
    (28, b"\x80theora", "Ogg video", "ogg"),
)
"""Place, first bytes, name, and how FFmpeg names it."""

OTHER_MAGIC = (
    (0, b"PK\x03\x04", "a ZIP archive or an office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"\x7fELF", "a program"),
    (0, b"SQLite format 3", "a database"),
)
"""Place, first bytes and name of what is no recording."""


def content_name(head: bytes) -> tuple[str, bool] | None:
    """Name what a file holds.

    Args:
        head: Its first `HEAD` bytes.

    Returns:
        The name, and whether FFmpeg may decode it; None when nothing is known.
    """
    for place, magic, name, _ in MEDIA_MAGIC:
        if head[place : place + len(magic)] == magic:
            return name, True
    for place, magic, name in OTHER_MAGIC:
        if head[place : place + len(magic)] == magic:
            return name, False
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        return "HTML or XML: a page instead of the recording, perhaps from a failed download", False
    if head and all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "text", False
    return None


def demuxer_of(head: bytes) -> str | None:
    """Return how FFmpeg names the format of a file; None where libsndfile alone can read it.

    Args:
        head: Its first `HEAD` bytes.
    """
    for place, magic, _, demuxer in MEDIA_MAGIC:
        if head[place : place + len(magic)] == magic:
            is_enhanced = demuxer == "ac3" and len(head) > 5 and head[5] >> 3 > 10
            return "eac3" if is_enhanced else demuxer
    return None
