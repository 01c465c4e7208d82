"""The model card of an adapted model."""

from ser_pcq.models.adapted.info import AdaptedInfo, Step


def adapted_card(info: AdaptedInfo) -> str:
    """Return the card as Markdown."""
    base = info.base
    where = "which comes with ser-pcq" if base.is_embedded else "in the folder `base`"
    licence = info.licence or "not stated, as that of the base"
    lines = [
        f"# {info.name}",
        "",
        f"{base.name}, adapted with ser-pcq to a voice, from recordings without labels.",
        "",
        f"- Emotions: {', '.join(info.labels)}",
        f"- Base: {base.name}, {where}",
        *(f"- {_step(step)}" for step in info.steps),
        "- Confidence: not measured on this voice, for which labels would be needed",
        f"- Licence: {licence}",
        "",
        "It is for this voice, in this room, through this microphone. For other speakers take the",
        "base, or adapt that to them. What it gains differs from voice to voice: docs/adapt.md",
        "has figures.",
        "",
        "`audio.safetensors` holds fingerprints of the recordings, and not the recordings. By them",
        "`ser-eval` knows these recordings, and does not score on them.",
        "",
    ]
    return "\n".join(lines)


def _step(step: Step) -> str:
    """Say what one adaptation was."""
    differ = (
        ""
        if step.spread is None
        else f", which differ {step.spread:.2f} times as much as those of one emotion"
    )
    return f"Adapted ({step.method}): {step.recordings} recordings, {step.seconds:.0f} s{differ}"
