"""The configuration: a frozen dataclass for each section, with meaning, unit and range per field.

`ser_pcq.config.toml` reads them from TOML.
"""

from dataclasses import dataclass, field, fields

from ser_pcq.config.checks import (
    check,
    frontend_rules,
    network_rules,
    protocol_rules,
    range_rules,
    train_rules,
)
from ser_pcq.config.linear import DiscriminantConfig, SlimConfig, StatisticsConfig, SvmConfig
from ser_pcq.config.linear_checks import linear_rules, reader_rules
from ser_pcq.config.network import (
    AugmentConfig,
    ContextConfig,
    FrontendConfig,
    ModelConfig,
    SegmentConfig,
)
from ser_pcq.config.training import ProtocolConfig, TrainConfig

__all__ = [
    "AugmentConfig",
    "Config",
    "ContextConfig",
    "DiscriminantConfig",
    "FrontendConfig",
    "ModelConfig",
    "ProtocolConfig",
    "SegmentConfig",
    "SlimConfig",
    "StatisticsConfig",
    "SvmConfig",
    "TrainConfig",
]


@dataclass(frozen=True)
class Config:
    """Everything that defines a training run, except data, fold and seed.

    Raises:
        ConfigError: When a value is out of its field's range, or values do not go together.
    """

    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    context: ContextConfig = field(default_factory=ContextConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    statistics: StatisticsConfig = field(default_factory=StatisticsConfig)
    slim: SlimConfig = field(default_factory=SlimConfig)
    discriminant: DiscriminantConfig = field(default_factory=DiscriminantConfig)
    svm: SvmConfig = field(default_factory=SvmConfig)
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)

    def __post_init__(self) -> None:
        """Check each value against its range, then what the sections ask of one another."""
        for one in fields(self):
            check(range_rules(one.name, getattr(self, one.name)))
        model, context, train = self.model, self.context, self.train
        check(frontend_rules(self.frontend))
        check(network_rules(model, self.segment, context, self.augment))
        check(linear_rules(model, context, self.augment, self.slim))
        check(reader_rules(model, self.statistics, self.discriminant, self.protocol))
        check(train_rules(train, context))
        check(protocol_rules(self.protocol, train, model, context))
