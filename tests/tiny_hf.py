"""Tiny model folders of Hugging Face's layout, their weights random, made by `transformers`."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tokenizers
import torch
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = ["Marte é um planeta. O planeta é um lugar — não?\n", "En un lugar de la Mancha.\n"] * 4
CHAT = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant: {% endif %}"
)


def byte_level() -> tokenizers.Tokenizer:
    """Byte-level BPE, as GPT-2, Llama 3 and Qwen have it; nothing is unknown to it."""
    library = tokenizers.Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(TEXTS, trainer)
    return library


def metaspace(*, fallback: bool) -> tokenizers.Tokenizer:
    """BPE of words that begin with "▁", as SentencePiece and Llama 2 have it.

    With `fallback`, bytes stand for what is unknown; without, `<unk>` does. `<s>` comes first.
    """
    library = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=fallback))
    library.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    library.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)] if fallback else []
    trainer = trainers.BpeTrainer(
        vocab_size=360 if fallback else 90,
        special_tokens=["<unk>", "<s>", "</s>", *bytes_],
        show_progress=False,
    )
    library.train_from_iterator(TEXTS, trainer)
    if fallback:  # bytes are text, and no special tokens
        library = _without_special(library, bytes_)
    library.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    library.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", library.token_to_id("<s>"))]
    )
    return library


def word_pieces(texts: list[str], vocabulary: int, *, lowercase: bool, **options: Any) -> Any:
    """Word pieces for one text or two together, as BERT has them, as `transformers` reads them."""
    import transformers

    library = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    library.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary, special_tokens=special, show_progress=False
    )
    library.train_from_iterator(texts, trainer)
    library.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=library,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        **options,
    )


def bert_config(vocabulary: int, context: int, **changes: Any) -> Any:
    """The shape of a BERT of one small layer without dropout."""
    import transformers

    return transformers.BertConfig(
        vocab_size=vocabulary,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=context,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,
        **changes,
    )


TOKENIZERS: Mapping[str, Callable[[], tokenizers.Tokenizer]] = MappingProxyType(
    {
        "byte level": byte_level,
        "metaspace": lambda: metaspace(fallback=False),
        "byte fallback": lambda: metaspace(fallback=True),
    }
)


def save_hf(
    folder: Path,
    *,
    kind: str = "llama",
    tokenizer: str = "byte level",
    seed: int = 0,
    context: int = 64,
    chat: str | None = None,
    learn: str | None = None,
    **changes: Any,
) -> Path:
    """Write a folder with a model of one of `kind`s: llama, gpt2, mistral.

    Its weights are random, or have learnt a text and its end by heart.
    """
    import transformers

    library = TOKENIZERS[tokenizer]()
    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "vocab_size": library.get_vocab_size(),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": context,
        "bos_token_id": library.token_to_id("<s>"),
        "eos_token_id": library.token_to_id("</s>"),
        "initializer_range": 0.3,
    }
    if kind == "gpt2":
        config: Any = transformers.GPT2Config(**shape | changes)
    elif kind == "mistral":
        inner = {"intermediate_size": 24, "num_key_value_heads": 1, "sliding_window": 8}
        config = transformers.MistralConfig(**shape | inner | changes)
    else:
        inner = {"intermediate_size": 24, "num_key_value_heads": 1}
        config = transformers.LlamaConfig(**shape | inner | changes)
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=library,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>" if library.token_to_id("<unk>") is not None else None,
    )
    theirs.chat_template = chat
    model = transformers.AutoModelForCausalLM.from_config(config)
    if learn is not None:
        _learn(model, [*theirs(learn).input_ids, theirs.eos_token_id])
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bars
        model.save_pretrained(folder)
        theirs.save_pretrained(folder)
    return folder


def _learn(model: Any, ids: list[int], steps: int = 300) -> None:
    ids_BT = torch.tensor([ids])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(steps):
        loss = model(input_ids=ids_BT, labels=ids_BT).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.02:
            break


def _without_special(library: tokenizers.Tokenizer, pieces: list[str]) -> tokenizers.Tokenizer:
    content = json.loads(library.to_str())
    content["added_tokens"] = [
        each for each in content["added_tokens"] if each["content"] not in pieces
    ]
    return tokenizers.Tokenizer.from_str(json.dumps(content))
