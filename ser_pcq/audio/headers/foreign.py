"""The kind of a file that cannot be read here, by its first bytes: to say what to do with it."""

FOREIGN_SUFFIXES = frozenset(
    {".m4a", ".aac", ".mp4", ".m4b", ".mov", ".wma", ".asf", ".amr", ".3gp", ".3g2", ".webm"}
    | {".mkv", ".mka", ".avi", ".ape", ".wv", ".ac3", ".dts", ".ra", ".tta"}
)
"""Recordings that libsndfile cannot decode, in lower case. In a folder they are not skipped
silently: the refusal says how to convert what a telephone recorded."""

HEAD = 64
"""How many bytes `content_name` needs."""

_MAGIC = (
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media (WMA)"),
    (0, b"#!AMR", "AMR"),
    (0, b"ADIF", "AAC"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "True Audio"),
    (0, b"\x0bw", "AC-3"),
    (0, b".ra\xfd", "RealAudio"),
    (8, b"AVI ", "AVI video"),
    (4, b"ftyp", "MPEG-4 (m4a, mp4)"),
)

_OTHER = (
    (0, b"PK\x03\x04", "a ZIP archive or an office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"\x7fELF", "a program"),
    (0, b"SQLite format 3", "a database"),
)


def content_name(head: bytes) -> tuple[str, bool] | None:
    """Name what a file holds.

    Args:
        head: Its first `HEAD` bytes.

    Returns:
        The name, and whether it can be converted to audio; None when nothing is known.
    """
    for convertible, table in ((True, _MAGIC), (False, _OTHER)):
        for place, magic, name in table:
            if head[place : place + len(magic)] == magic:
                return name, convertible
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"<":
        return "HTML or XML: a page instead of the recording, perhaps from a failed download", False
    if head and all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "text", False
    return None
