"""What the values of a configuration must satisfy, by themselves and together."""

from typing import TYPE_CHECKING

from ser_pcq.config.linear_checks import Rule, linear_rules, slim_rules
from ser_pcq.errors import ConfigError

if TYPE_CHECKING:
    from ser_pcq.config import Config, FrontendConfig, TrainConfig


def _range_rules(config: "Config") -> list[Rule]:
    """What each value must satisfy by itself: (holds, key, given, accepted)."""
    frontend, segment, model, train = config.frontend, config.segment, config.model, config.train
    augment, protocol = config.augment, config.protocol
    fours = len(model.channels) == 4 and all(c > 0 and c % 4 == 0 for c in model.channels)
    counts = {
        "frontend.n_fft": frontend.n_fft,
        "frontend.win_length": frontend.win_length,
        "frontend.hop_length": frontend.hop_length,
        "frontend.n_mels": frontend.n_mels,
        "frontend.n_bins": frontend.n_bins,
        "frontend.image_height": frontend.image_height,
        "frontend.image_width": frontend.image_width,
        "frontend.extra_windows": min(frontend.extra_windows, default=1),
        "model.expansion": model.expansion,
        "model.reduction": model.reduction,
        "model.hidden": model.hidden,
        "train.epochs": train.epochs,
    }
    shares = {
        "frontend.preemphasis": frontend.preemphasis,
        "model.dropout": model.dropout,
        "model.branch_dropout": model.branch_dropout,
        "train.label_smoothing": train.label_smoothing,
        "augment.frequency_mask": augment.frequency_mask,
        "augment.time_mask": augment.time_mask,
        "augment.voice_range": augment.voice_range,
    }
    amounts = {
        "train.patience": train.patience,
        "train.weight_decay": train.weight_decay,
        "train.gradient_clip": train.gradient_clip,
        "train.workers": train.workers,
        "train.encoder_learning_rate": train.encoder_learning_rate,
        "augment.mixup": augment.mixup,
        "augment.voices": augment.voices,
        "protocol.valid_speakers": protocol.valid_speakers,
        "protocol.seed": protocol.seed,
    }
    factors = min((*augment.speeds, *augment.tempos), default=1.0)
    return [
        *((v >= 1, key, v, "1 or more") for key, v in counts.items()),
        *((0 <= v < 1, key, v, "from 0 to below 1") for key, v in shares.items()),
        *((v >= 0, key, v, "0 or more") for key, v in amounts.items()),
        (0.1 <= segment.duration <= 60, "segment.duration", segment.duration, "0.1 to 60 s"),
        (0 <= frontend.deltas <= 2, "frontend.deltas", frontend.deltas, "0, 1 or 2"),
        (0 < frontend.f_max <= 8000, "frontend.f_max", frontend.f_max, "above 0, up to 8000 Hz"),
        (
            0 <= frontend.f_min < frontend.f_max,
            "frontend.f_min",
            frontend.f_min,
            "0 Hz or more, below frontend.f_max",
        ),
        (fours, "model.channels", model.channels, "four numbers, each a multiple of 4"),
        (train.batch_size > 1, "train.batch_size", train.batch_size, "2 or more"),
        (train.learning_rate > 0, "train.learning_rate", train.learning_rate, "above 0"),
        (protocol.folds >= 2, "protocol.folds", protocol.folds, "2 or more"),
        *linear_rules(config),
        (factors >= 0.1, "augment.speeds or augment.tempos", factors, "0.1 or more"),
    ]


def _joint_rules(config: "Config") -> list[Rule]:
    """What values must satisfy together."""
    context, model = config.context, config.model
    without_context = context.encoder == "none"
    return [
        (
            model.name not in ("whisper-svm", "discriminant") or not without_context,
            "context.encoder",
            f'"none" with model.name = "{model.name}"',
            "an encoder",
        ),
        (
            model.name != "residual" or without_context,
            "context.encoder",
            f'"{context.encoder}" with model.name = "residual"',
            '"none": this network has no place for context',
        ),
        (
            not config.augment.shift or without_context,
            "augment.shift",
            f'true with context.encoder = "{context.encoder}"',
            "false: the spectrogram would no longer fit the encoder's frames",
        ),
        (
            config.segment.padding != "none" or not model.is_network,
            "segment.padding",
            f'"none" with model.name = "{model.name}"',
            "repeat, zero or published: a network sees segments of one length",
        ),
        (
            config.train.select == "best" or config.train.patience == 0,
            "train.patience",
            'above 0 with train.select = "last"',
            'train.select = "best", or no patience',
        ),
        (
            model.is_network or not context.fine_tune,
            "context.fine_tune",
            f'true with model.name = "{model.name}"',
            "false: a linear recognizer trains no encoder",
        ),
        (
            model.is_network or config.augment == type(config.augment)(),
            "augment",
            f'given with model.name = "{model.name}"',
            "nothing: a linear recognizer learns from unchanged utterances",
        ),
        *_pcq_rules(config),
        *_frontend_rules(config.frontend),
        *_train_rules(config.train, context.fine_tune),
        *slim_rules(config),
        *_protocol_rules(config),
    ]


def _pcq_rules(config: "Config") -> list[Rule]:
    """What the parts of PCQ ask of one another."""
    context, model = config.context, config.model
    without_context = context.encoder == "none"
    three = model.query_maps == "shared" or without_context or len(context.layers) == 3
    paper_without_maps = model.head == "paper" and not model.mlcnn
    return [
        (
            model.mlcnn or not without_context or model.name != "pcq",
            "model.mlcnn",
            'false with context.encoder = "none"',
            "at least one of the two branches",
        ),
        (
            not paper_without_maps,
            "model.head",
            '"paper" with model.mlcnn = false',
            '"light": the published classifier is driven by the last stage',
        ),
        (three, "context.layers", context.layers, 'three with model.query_maps = "per-depth"'),
    ]


def _frontend_rules(frontend: "FrontendConfig") -> list[Rule]:
    """What the sizes of a spectrogram ask of one another."""
    published = frontend.kind == "published"
    window_fits = not published or frontend.n_fft >= frontend.win_length
    bins_fit = not published or frontend.n_bins <= frontend.n_fft // 2 + 1
    return [
        (window_fits, "frontend.win_length", frontend.win_length, "up to frontend.n_fft"),
        (bins_fit, "frontend.n_bins", frontend.n_bins, "up to frontend.n_fft / 2 + 1"),
    ]


def _train_rules(train: "TrainConfig", fine_tune: bool) -> list[Rule]:
    """What fine-tuning and a batch that is computed in parts ask for."""
    parts, decay = train.accumulate, train.layer_decay
    return [
        (parts >= 1, "train.accumulate", parts, "1 or more"),
        (
            # A part of one segment has no batch statistics.
            parts < 1 or (train.batch_size % parts == 0 and train.batch_size >= 2 * parts),
            "train.accumulate",
            f"{parts} with train.batch_size = {train.batch_size}",
            "parts of one size, each of 2 segments or more",
        ),
        (0 < decay <= 1, "train.layer_decay", decay, "above 0, up to 1"),
        (
            fine_tune or decay == 1,
            "train.layer_decay",
            f"{decay} with context.fine_tune = false",
            "1: a frozen encoder is not trained at all",
        ),
        (
            fine_tune or not train.freeze_features,
            "train.freeze_features",
            "true with context.fine_tune = false",
            "false: a frozen encoder is not trained at all",
        ),
    ]


def _protocol_rules(config: "Config") -> list[Rule]:
    """What the protocol asks of the rest; linear ones choose without validation speakers too."""
    protocol, train = config.protocol, config.train
    on_test = protocol.valid_from == "test"
    validated = protocol.valid_speakers > 0 or on_test
    network = config.model.is_network
    tests = protocol.name != "all"
    return [
        (
            not network or train.select == "last" or validated or not tests,
            "train.select",
            '"best" with protocol.valid_speakers = 0',
            '"last", or at least one validation speaker',
        ),
        (
            not protocol.refit or (validated and not on_test),
            "protocol.refit",
            "true without validation speakers",
            'protocol.valid_speakers of 1 or more, and protocol.valid_from = "train"',
        ),
        (
            not on_test or tests,
            "protocol.valid_from",
            '"test" where nothing is tested',
            "another protocol.name",
        ),
        (
            protocol.adapt == "none" or not (network and config.context.fine_tune),
            "protocol.adapt",
            '"speaker" with context.fine_tune = true',
            "a frozen encoder, as its output is what is normalised",
        ),
        (
            protocol.name != "fixed" or bool(protocol.split),
            "protocol.split",
            'empty with protocol.name = "fixed"',
            "a file with lists",
        ),
    ]


def check_ranges(config: "Config") -> None:
    """Refuse values that no part could work with.

    Raises:
        ConfigError: Naming the first key, what it is and what is accepted.
    """
    for holds, key, given, accepted in _range_rules(config) + _joint_rules(config):
        if not holds:
            raise ConfigError(f"{key} is out of range", given=given, accepted=accepted)
