"""The model card of an adapted model."""

from ser_pcq.models.adapted.info import AdaptedInfo, Step

_FOR_A_VOICE = """\
It is for this voice, in this room, through this microphone. For other speakers take the
base, or adapt that to them. What it gains differs from voice to voice: docs/adapt.md
has figures."""

_FOR_RECORDINGS = """\
It is for speakers, rooms and microphones like those of the recordings. What it gains differs
with how many there are, and from whom: docs/labelled.md has figures."""


def adapted_card(info: AdaptedInfo) -> str:
    """Return the card as Markdown."""
    base = info.base
    where = "which comes with ser-pcq" if base.is_embedded else "in the folder `base`"
    licence = info.licence or "not stated, as that of the base"
    kinds = ["labelled" if step.emotions else "unlabelled" for step in info.steps]
    how = "to a voice, from recordings without labels"
    if "labelled" in kinds:
        how = "from labelled recordings"
        how += ", and from others without labels" if "unlabelled" in kinds else ""
    if kinds[-1:] == ["labelled"]:
        confidence = "fitted on these recordings, each judged without itself or its speaker"
    else:
        confidence = "not measured on this voice, for which labels would be needed"
    lines = [
        f"# {info.name}",
        "",
        f"{base.name}, adapted with ser-pcq {how}.",
        "",
        f"- Emotions: {', '.join(info.labels)}",
        f"- Base: {base.name}, {where}",
        *(f"- {_step(step)}" for step in info.steps),
        f"- Confidence: {confidence}",
        f"- Licence: {licence}",
        "",
        _FOR_A_VOICE if "unlabelled" in kinds else _FOR_RECORDINGS,
        "",
        "`audio.safetensors` holds fingerprints of the recordings, and not the recordings. By them",
        "`ser-eval` knows these recordings, and does not score on them.",
        "",
    ]
    return "\n".join(lines)


def _step(step: Step) -> str:
    """Say what one adaptation was."""
    more = ""
    if step.emotions:
        more = f": {', '.join(f'{n} {emotion}' for emotion, n in step.emotions.items())}"
    elif step.spread is not None:
        more = f", which differ {step.spread:.2f} times as much as those of one emotion"
    return f"Adapted ({step.method}): {step.recordings} recordings, {step.seconds:.0f} s{more}"
