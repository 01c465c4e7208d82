"""How linear recognizers are fitted and chosen."""

from collections.abc import Callable

from ser_pcq.config import Config
from ser_pcq.training.linear.discriminant import Discriminant
from ser_pcq.training.linear.method import Method
from ser_pcq.training.linear.svm import SupportVectorMachine

METHODS: dict[str, Callable[[Config], Method]] = {
    "discriminant": lambda config: Discriminant(config.discriminant.shrinkages),
    "svm": lambda config: SupportVectorMachine(config.svm.costs),
}
"""`LinearKind.method` to the way to fit, with the settings to choose from."""
