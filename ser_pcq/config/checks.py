"""What the values of a configuration must satisfy.

Each value has a range, which is written in the type of its field. Beyond that, some fields ask
something of others: those rules are here, each for the sections that it is about.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ser_pcq.config.network import (
    AugmentConfig,
    ContextConfig,
    FrontendConfig,
    ModelConfig,
    SegmentConfig,
)
from ser_pcq.config.ranges import field_ranges
from ser_pcq.config.training import ProtocolConfig, TrainConfig
from ser_pcq.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Rule(NamedTuple):
    """Something that a configuration must satisfy.

    Attributes:
        holds: Whether it does.
        key: The field that an error names.
        given: What it is.
        accepted: What it may be instead.
        do: What else can be done about it; None where nothing can.
    """

    holds: bool
    key: str
    given: object
    accepted: str
    do: str | None = None


def range_rules(name: str, section: "DataclassInstance") -> list[Rule]:
    """Return what each value of a section must satisfy by itself.

    Args:
        name: The section's name.
        section: The section.
    """
    rules = []
    for field, accepted in field_ranges(type(section)).items():
        value = getattr(section, field)
        holds = accepted.holds(value)
        given = value if holds else accepted.refused(value)
        rules.append(Rule(holds, f"{name}.{field}", given, accepted.accepted))
    return rules


def frontend_rules(frontend: FrontendConfig) -> list[Rule]:
    """Return what the sizes of a spectrogram ask of one another."""
    published = frontend.kind == "published"
    return [
        Rule(
            0 <= frontend.f_min < frontend.f_max,
            "frontend.f_min",
            frontend.f_min,
            "0 Hz or more, below frontend.f_max",
        ),
        Rule(
            not published or frontend.n_fft >= frontend.win_length,
            "frontend.win_length",
            frontend.win_length,
            "up to frontend.n_fft",
        ),
        Rule(
            not published or frontend.n_bins <= frontend.n_fft // 2 + 1,
            "frontend.n_bins",
            frontend.n_bins,
            "up to frontend.n_fft / 2 + 1",
        ),
    ]


def network_rules(
    model: ModelConfig, segment: SegmentConfig, context: ContextConfig, augment: AugmentConfig
) -> list[Rule]:
    """Return what a network asks of its input, and the parts of PCQ of one another."""
    without_context = context.encoder == "none"
    three = model.query_maps == "shared" or without_context or len(context.layers) == 3
    return [
        Rule(
            model.name != "residual" or without_context,
            "context.encoder",
            f'"{context.encoder}" with model.name = "residual"',
            '"none": this network has no place for context',
        ),
        Rule(
            not augment.shift or without_context,
            "augment.shift",
            f'true with context.encoder = "{context.encoder}"',
            "false: the spectrogram would no longer fit the encoder's frames",
        ),
        Rule(
            segment.padding != "none" or not model.is_network,
            "segment.padding",
            f'"none" with model.name = "{model.name}"',
            "repeat, zero or published: a network sees segments of one length",
        ),
        Rule(
            model.mlcnn or not without_context or model.name != "pcq",
            "model.mlcnn",
            'false with context.encoder = "none"',
            "at least one of the two branches",
        ),
        Rule(
            model.mlcnn or model.head != "paper",
            "model.head",
            '"paper" with model.mlcnn = false',
            '"light": the published classifier is driven by the last stage',
        ),
        Rule(three, "context.layers", context.layers, 'three with model.query_maps = "per-depth"'),
    ]


def train_rules(train: TrainConfig, context: ContextConfig) -> list[Rule]:
    """Return what fine-tuning, patience and a batch that is computed in parts ask for."""
    parts, fine_tune = train.accumulate, context.fine_tune
    return [
        Rule(
            train.select == "best" or train.patience == 0,
            "train.patience",
            'above 0 with train.select = "last"',
            'train.select = "best", or no patience',
        ),
        Rule(
            # A part of one segment has no batch statistics.
            train.batch_size % parts == 0 and train.batch_size >= 2 * parts,
            "train.accumulate",
            f"{parts} with train.batch_size = {train.batch_size}",
            "parts of one size, each of 2 segments or more",
        ),
        Rule(
            fine_tune or train.layer_decay == 1,
            "train.layer_decay",
            f"{train.layer_decay} with context.fine_tune = false",
            "1: a frozen encoder is not trained at all",
        ),
        Rule(
            fine_tune or not train.freeze_features,
            "train.freeze_features",
            "true with context.fine_tune = false",
            "false: a frozen encoder is not trained at all",
        ),
    ]


def protocol_rules(
    protocol: ProtocolConfig, train: TrainConfig, model: ModelConfig, context: ContextConfig
) -> list[Rule]:
    """Return what the protocol asks of the rest; linear ones choose without validation speakers."""
    on_test = protocol.valid_from == "test"
    validated = protocol.valid_speakers > 0 or on_test
    tests = protocol.name != "all"
    return [
        Rule(
            not model.is_network or train.select == "last" or validated or not tests,
            "train.select",
            '"best" with protocol.valid_speakers = 0',
            '"last", or at least one validation speaker',
        ),
        Rule(
            not protocol.refit or (validated and not on_test),
            "protocol.refit",
            "true without validation speakers",
            'protocol.valid_speakers of 1 or more, and protocol.valid_from = "train"',
        ),
        Rule(
            not on_test or tests,
            "protocol.valid_from",
            '"test" where nothing is tested',
            "another protocol.name",
        ),
        Rule(
            protocol.adapt == "none" or not (model.is_network and context.fine_tune),
            "protocol.adapt",
            '"speaker" with context.fine_tune = true',
            "a frozen encoder, as its output is what is normalised",
        ),
        Rule(
            protocol.balance == "none" or not (model.is_network and train.class_weights),
            "protocol.balance",
            f'"{protocol.balance}" with train.class_weights = true',
            "train.class_weights = false: the emotions of each corpus count alike already",
        ),
        Rule(
            protocol.name != "fixed" or bool(protocol.split),
            "protocol.split",
            'empty with protocol.name = "fixed"',
            "a file with lists",
        ),
    ]


def check(rules: Iterable[Rule]) -> None:
    """Refuse values that no part could work with.

    Raises:
        ConfigError: Naming the first key, what it is and what is accepted.
    """
    for rule in rules:
        if not rule.holds:
            raise ConfigError(
                f"{rule.key} is out of range",
                given=rule.given,
                accepted=rule.accepted,
                do=rule.do,
            )
