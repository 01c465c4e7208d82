"""What `--mix` takes: all channels mixed, each for itself, or one by its number."""

from ser_pcq.errors import SerError

ALL, SPLIT = "all", "split"
"""The ways that are no number."""


def checked_mix(mix: str) -> str:
    """Return what is to be mixed, in its only spelling.

    Args:
        mix: `all`, `split`, or the number of a channel, from 1.

    Raises:
        SerError: For anything else.
    """
    text = str(mix).strip().lower()
    if text in (ALL, SPLIT):
        return text
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return str(int(text))
    raise SerError(
        "there is no such way to mix channels",
        given=mix,
        accepted=f"{ALL}, {SPLIT}, or the number of a channel, from 1",
    )
