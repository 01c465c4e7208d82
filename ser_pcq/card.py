"""The model card: what a model was trained with, how it scored, and what it is not for."""

from pathlib import Path
from typing import Any

from ser_pcq.recognizer import Recognizer


def model_card(about: dict[str, Any], recognizer: Recognizer, *, more: str = "") -> str:
    """Return the card as Markdown.

    Args:
        about: `name`, `data`, `protocol` and `training`, as they stand in the checkpoint.
        recognizer: The model.
        more: Sections on licences, scores and limits that only the maker of a model can write.
    """
    data, training = about["data"], about["training"]
    counts = recognizer.parameter_counts()
    tested = ", ".join(data["test_speakers"]) or "none (trained on all speakers)"
    encoder = "no context encoder"
    if recognizer.encoder is not None:
        encoder = (
            f"context encoder {Path(recognizer.config.context.encoder).name}, layers "
            f"{list(recognizer.encoder.layers)}, {counts['encoder']:,} parameters"
        )
    lines = [
        f"# {about['name']}",
        "",
        "A speech emotion recognition model of ser-pcq.",
        "",
        f"- Emotions: {', '.join(recognizer.labels)}",
        f"- Network: {counts['network']:,} parameters; {encoder}",
        f"- Data: {data['name']}, {data['utterances']} training utterances of "
        f"{len(data['train_speakers'])} speakers",
        f"- Protocol: {about['protocol']['name']}; test speakers: {tested}",
        f"- Training: seed {training['seed']}, epoch {training['selected_epoch']} "
        f"of {training['epochs']}",
        "",
    ]
    return "\n".join(lines) + more
