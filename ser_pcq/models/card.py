"""The model card: what a model was trained with, how it scored, and what it is not for."""

from pathlib import Path
from typing import Any

from ser_pcq.models.checkpoint import AnyRecognizer


def model_card(about: dict[str, Any], recognizer: AnyRecognizer, *, more: str = "") -> str:
    """Return the card as Markdown.

    Args:
        about: `name`, `data`, `protocol`, `training`, `calibration` and `leaky`, as they stand in
            the checkpoint.
        recognizer: The model.
        more: Sections on licences, scores and limits that only the maker of a model can write.
    """
    data = about["data"]
    counts = recognizer.parameter_counts()
    tested = ", ".join(data["test_speakers"]) or "none (trained on all speakers)"
    encoder = "no context encoder"
    if recognizer.encoder is not None:
        slim = "slim encoder made from" if recognizer.config.slim.conv else "context encoder"
        encoder = (
            f"{slim} {Path(recognizer.config.context.encoder).name}, layers "
            f"{list(recognizer.encoder.layers)}, {counts['encoder']:,} parameters"
        )
    # Where no speaker validates, the encoder is fitted once, before speakers are left out in turn.
    fitted_once = recognizer.config.slim.conv and not data["valid_speakers"]
    heard = "; the slim encoder had, without their labels" if fitted_once else ""
    lines = [
        f"# {about['name']}",
        "",
        "A speech emotion recognition model of ser-pcq.",
        "",
        *(f"**Leaky**: {leak}\n" for leak in about["leaky"]),
        f"- Emotions: {', '.join(recognizer.labels)}",
        f"- Model: {recognizer.config.model.name}, {counts['network']:,} parameters; {encoder}",
        f"- Data: {data['name']}, {data['utterances']} training utterances of "
        f"{len(data['train_speakers'])} speakers",
        f"- Protocol: {about['protocol_name']}; test speakers: {tested}",
        f"- Training: {_training(about['training'])}",
        f"- Confidence: {_calibration(about['calibration'], about['protocol']['refit'])}{heard}",
        "",
    ]
    return "\n".join(lines) + more


def _training(training: dict[str, Any]) -> str:
    """Say how long a network was trained, or what was chosen for a linear recognizer."""
    if "epochs" in training:
        return (
            f"seed {training['seed']}, epoch {training['selected_epoch']} of {training['epochs']}"
        )
    values = ", ".join(f"{value:g}" for value in training["values"])
    return f"{'; '.join(training['features'])}; {training['setting']} {values}"


def _calibration(calibration: dict[str, Any], refit: bool) -> str:
    """Say what the confidence was fitted on."""
    if not calibration["utterances"]:
        return "as the training left it, not calibrated: there were no validation speakers"
    return (
        f"temperature {calibration['temperature']:.2f}, fitted on {calibration['utterances']} "
        f"utterances by {'an earlier' if refit else 'a'} fit that had not heard them"
    )
