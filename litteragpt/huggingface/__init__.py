"""Models of others: any local folder with a causal language model of Hugging Face's layout.

A folder holds `config.json`, weights as safetensors, and `tokenizer.json`. `transformers` (an
optional extra, `pip install litteragpt[hf]`) computes the logits; all else is ours: the model
keeps `litteragpt.protocols.LanguageModel`, its tokenizer `Tokenizer`. Nothing is fetched, no code
of a folder is run, and no pickle is read.
"""

from __future__ import annotations

from litteragpt.huggingface.folder import (
    MODELS_VARIABLE,
    ModelFolder,
    is_cross_encoder,
    is_model_folder,
    model_folders,
    read_folder,
    weight_files,
)
from litteragpt.huggingface.load import LoadedModel, load_folder
from litteragpt.huggingface.sentence_encoder import is_sentence_encoder
from litteragpt.huggingface.tokenizer import HuggingFaceTokenizer

__all__ = [
    "MODELS_VARIABLE",
    "HuggingFaceTokenizer",
    "LoadedModel",
    "ModelFolder",
    "is_cross_encoder",
    "is_model_folder",
    "is_sentence_encoder",
    "load_folder",
    "model_folders",
    "read_folder",
    "weight_files",
]
