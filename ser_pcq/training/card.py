"""The model card: what a model was trained with, how it scored, and what it is not for."""

from pathlib import Path

from ser_pcq.models.info import CalibrationInfo, ModelInfo, NetworkTrainingInfo, TrainingInfo


def model_card(info: ModelInfo, *, more: str = "") -> str:
    """Return the card as Markdown.

    Args:
        info: What the package says of the model.
        more: Sections on licences, scores and limits that only the maker of a model can write.
    """
    data, config = info.data, info.config
    tested = ", ".join(data.test_speakers) or "none (trained on all speakers)"
    corpora = f" ({', '.join(data.corpora)})" if data.corpora else ""
    encoder = "no context encoder"
    if info.encoder is not None:
        slim = "slim encoder made from" if config.slim.conv else "context encoder"
        encoder = (
            f"{slim} {Path(config.context.encoder).name}, layers {list(info.encoder.layers)}, "
            f"{info.parameters.encoder:,} parameters"
        )
    # Where no speaker validates, the encoder is fitted once, before speakers are left out in turn.
    fitted_once = config.slim.conv and not data.valid_speakers
    heard = "; the slim encoder had, without their labels" if fitted_once else ""
    lines = [
        f"# {info.name}",
        "",
        "A speech emotion recognition model of ser-pcq.",
        "",
        *(f"**Leaky**: {leak}\n" for leak in info.leaky),
        f"- Emotions: {', '.join(info.labels)}",
        f"- Model: {config.model.name}, {info.parameters.network:,} parameters; {encoder}",
        f"- Data: {data.name}{corpora}, {data.utterances} training utterances of "
        f"{len(data.train_speakers)} speakers",
        f"- Protocol: {info.protocol_name}; test speakers: {tested}",
        f"- Training: {_training(info.training)}",
        f"- Confidence: {_calibration(info.calibration, config.protocol.refit)}{heard}",
        "",
    ]
    return "\n".join(lines) + more


def _training(training: TrainingInfo) -> str:
    """Say how long a network was trained, or what was chosen for a linear recognizer."""
    if isinstance(training, NetworkTrainingInfo):
        return f"seed {training.seed}, epoch {training.selected_epoch} of {training.epochs}"
    values = ", ".join(f"{value:g}" for value in training.values)
    return f"{'; '.join(training.features)}; {training.setting} {values}"


def _calibration(calibration: CalibrationInfo, refit: bool) -> str:
    """Say what the confidence was fitted on."""
    if not calibration.utterances:
        return "as the training left it, not calibrated: there were no validation speakers"
    return (
        f"temperature {calibration.temperature:.2f}, fitted on {calibration.utterances} "
        f"utterances by {'an earlier' if refit else 'a'} fit that had not heard them"
    )
