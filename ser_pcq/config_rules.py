"""What the values of a configuration must satisfy, by themselves and together."""

from typing import TYPE_CHECKING

from ser_pcq.errors import ConfigError

if TYPE_CHECKING:
    from ser_pcq.config import Config

Rule = tuple[bool, str, object, str]


def _range_rules(config: "Config") -> list[Rule]:
    """What each value must satisfy by itself: (holds, key, given, accepted)."""
    frontend, segment, model, train = config.frontend, config.segment, config.model, config.train
    augment, protocol, svm = config.augment, config.protocol, config.svm
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
    }
    amounts = {
        "train.patience": train.patience,
        "train.weight_decay": train.weight_decay,
        "train.gradient_clip": train.gradient_clip,
        "train.workers": train.workers,
        "train.encoder_learning_rate": train.encoder_learning_rate,
        "augment.mixup": augment.mixup,
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
        (fours, "model.channels", model.channels, "four numbers, each a multiple of 4"),
        (train.batch_size > 1, "train.batch_size", train.batch_size, "2 or more"),
        (train.learning_rate > 0, "train.learning_rate", train.learning_rate, "above 0"),
        (protocol.folds >= 2, "protocol.folds", protocol.folds, "2 or more"),
        (
            len(svm.costs) > 0 and min(svm.costs) > 0,
            "svm.costs",
            svm.costs,
            "one or more numbers above 0",
        ),
        (factors >= 0.1, "augment.speeds or augment.tempos", factors, "0.1 or more"),
    ]


def _joint_rules(config: "Config") -> list[Rule]:
    """What values must satisfy together."""
    context, model = config.context, config.model
    without_context = context.encoder == "none"
    paper_without_maps = model.head == "paper" and not model.mlcnn
    three = model.query_maps == "shared" or without_context or len(context.layers) == 3
    published = config.frontend.kind == "published"
    window_fits = not published or config.frontend.n_fft >= config.frontend.win_length
    bins_fit = not published or config.frontend.n_bins <= config.frontend.n_fft // 2 + 1
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
        (
            model.name != "whisper-svm" or not without_context,
            "context.encoder",
            '"none" with model.name = "whisper-svm"',
            "an encoder",
        ),
        (window_fits, "frontend.win_length", config.frontend.win_length, "up to frontend.n_fft"),
        (bins_fit, "frontend.n_bins", config.frontend.n_bins, "up to frontend.n_fft / 2 + 1"),
        (three, "context.layers", context.layers, 'three with model.query_maps = "per-depth"'),
        (
            config.train.select == "best" or config.train.patience == 0,
            "train.patience",
            'above 0 with train.select = "last"',
            'train.select = "best", or no patience',
        ),
        *_protocol_rules(config),
    ]


def _protocol_rules(config: "Config") -> list[Rule]:
    """What the protocol asks of the rest; baselines choose without validation speakers too."""
    protocol, train = config.protocol, config.train
    on_test = protocol.valid_from == "test"
    validated = protocol.valid_speakers > 0 or on_test
    network = config.model.name == "pcq"
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
