"""The architectures a checkpoint or a recipe may name.

Each is a `LanguageModel` (`litteragpt.protocols`) and the frozen dataclass that shapes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import nn

from litteragpt.architectures.decoder import Decoder, DecoderConfig


@dataclass(frozen=True, slots=True)
class Architecture:
    """How to read an architecture's config and build its module."""

    config_type: type[Any]
    """A frozen dataclass with `validate()`."""
    build: Callable[[Any], nn.Module]


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {"decoder": Architecture(DecoderConfig, Decoder)}
)
