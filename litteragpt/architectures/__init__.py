"""The architectures a checkpoint or a recipe may name.

Each is a `LanguageModule` (`litteragpt.architectures.base`) and the frozen dataclass that
shapes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from litteragpt.architectures.base import LanguageModule
from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.architectures.lstm import LSTM, LSTMConfig
from litteragpt.architectures.mlp import MLP, MLPConfig
from litteragpt.architectures.original import Original, OriginalConfig
from litteragpt.architectures.research import Research, ResearchConfig


@dataclass(frozen=True, slots=True)
class Architecture:
    """How to read an architecture's config and build its module."""

    config_type: type[Any]
    """A frozen dataclass with `validate()`."""
    build: Callable[[Any], LanguageModule[Any]]


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "decoder": Architecture(DecoderConfig, Decoder),
        "mlp": Architecture(MLPConfig, MLP),
        "lstm": Architecture(LSTMConfig, LSTM),
        "original": Architecture(OriginalConfig, Original),
        "research": Architecture(ResearchConfig, Research),
    }
)
