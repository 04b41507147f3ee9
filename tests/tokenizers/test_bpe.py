"""The byte-level BPE tokenizer against the `tokenizers` library, and against any text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from litteragpt.protocols import Replacement
from litteragpt.protocols import Tokenizer as TokenizerProtocol
from litteragpt.tokenizers import END_OF_TEXT, BPETokenizer, load_tokenizer, normalize

CORPUS = """Em um lugar da Mancha, de cujo nome não quero lembrar-me, vivia um fidalgo.
Olho-d'água, 1605: a ação começou no dia 13 de março; não havia mais ninguém na estação.
Coração, irmão, pão, mãe, avó; «¿Quién es?» —dijo—. El niño comió una manzana en el año 2024…
O coração da mãe não é o coração do irmão: não, não e não!   Fim.\tFim.
Война и мир. 東京都 😀😀 naïve
"""
TRAINED = BPETokenizer.train([CORPUS] * 3, 600)
# Tokens that begin and end inside characters, and ones that only look like text.
PARTS = BPETokenizer(
    [
        (b"a", b"\xc3"),
        (b"\xa9", b"\xc3"),
        (b"\xc3", b"\xa9"),
        (b"\xb0", b"\xd0"),
        (b"\x9f", b"\x98"),
        (b"\xf0", b"\x9f\x98"),
        (b"\xbf", b"\xbd"),
        (b" ", b"a"),
        (b" a", b"\xc3"),
        (b"\xcc", b"\x81"),
        (b"<", b"|"),
        (b" ", b" "),
    ]
)
BYTES = BPETokenizer([])
TOKENIZERS = {"trained": TRAINED, "parts": PARTS, "bytes": BYTES}
NEWLINE = TRAINED.encode("\n").ids[0]

NASTY = [
    "",
    "\r\n\r\r\n\n",
    "\ufeffHola",
    "a\x00b",
    "\ufffd\ufffd a\ufffd",
    "aé éé aÃ© аа рр 😀🙂",
    "e\u0301\u0327\u0301",
    "\u0301solo",
    "각\u1100\u1161\u11a8",
    "\u2028\u2029\x85\v\f\t\u00a0\u3000",
    "  a  \n  b \n\n   ",
    "a\x1c b\x1f  c",
    END_OF_TEXT,
    "12345678 1.234,56 ١٢٣٤ ½",
]
CHARACTERS = CORPUS + "\r\u0301\u0303\u0308\ufffd\u00a0\u200d\x1c<|endoftext|>"

any_text = st.one_of(
    st.text(),
    st.text(st.sampled_from(CHARACTERS)),
    st.text(st.characters(categories=["Mn", "Mc", "Lo", "Nd", "Zs", "Cc", "Cf"])),
    st.sampled_from(NASTY),
)
# Unassigned code points are left out: Unicode versions differ in what they are.
assigned_text = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cn"])),
    st.text(st.sampled_from(CHARACTERS)),
    st.sampled_from(NASTY),
)
every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    TRAINED.save(path)
    return path


@pytest.fixture(scope="module")
def reference(file: Path) -> tokenizers.Tokenizer:
    """The same file as the `tokenizers` library reads it."""
    tokenizer = tokenizers.Tokenizer.from_file(str(file))
    tokenizer.encode_special_tokens = True  # "<|endoftext|>" in a text is thirteen characters
    return tokenizer


# --- text to ids and back ---


def test_ids_are_the_end_of_text_then_the_bytes_then_the_merged_tokens() -> None:
    assert TRAINED.kind == "bpe"
    assert TRAINED.unknown_id == 0
    assert TRAINED.special_ids == {0}
    assert isinstance(TRAINED, TokenizerProtocol)
    assert TRAINED.token_bytes(0) == b""
    assert {TRAINED.token_bytes(id) for id in range(1, 257)} == {bytes([b]) for b in range(256)}
    assert TRAINED.token_bytes(257) == b"".join(TRAINED.merges[0])
    assert BYTES.vocab_size == 257
    (a_word,) = TRAINED.encode(" não").ids
    assert a_word >= 257


@every_tokenizer
@settings(deadline=None)
@given(text=any_text)
def test_any_text_round_trips(tokenizer: BPETokenizer, text: str) -> None:
    encoding = tokenizer.encode(text)
    assert tokenizer.decode(encoding.ids) == encoding.text == normalize(text)
    assert encoding.replacements == ()
    assert 0 not in encoding.ids
    assert b"".join(map(tokenizer.token_bytes, encoding.ids)) == normalize(text).encode()
    ids, unknown = tokenizer.encode_array(text)
    assert ids.dtype == np.uint16
    assert (ids.tolist(), unknown) == (encoding.ids, 0)


@settings(deadline=None)
@given(text=assigned_text)
def test_same_ids_and_text_as_the_library(reference: tokenizers.Tokenizer, text: str) -> None:
    expected = reference.encode(text)
    assert TRAINED.encode(text).ids == expected.ids
    assert reference.decode(expected.ids) == TRAINED.decode(expected.ids)


@settings(deadline=None)
@given(ids=st.lists(st.integers(0, PARTS.vocab_size - 1)))
def test_same_text_as_the_library_for_bytes_that_are_no_text(ids: list[int]) -> None:
    library = tokenizers.decoders.ByteLevel()
    symbols = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    spelled = {BYTES.token_bytes(id): symbol for id, symbol in enumerate(symbols, start=1)}
    tokens = ["".join(spelled[bytes([b])] for b in PARTS.token_bytes(id)) for id in ids]
    assert PARTS.decode(ids) == library.decode(tokens)


@settings(deadline=None, max_examples=50)
@given(text=assigned_text.filter(bool))
def test_a_long_text_has_the_ids_of_the_library(reference: tokenizers.Tokenizer, text: str) -> None:
    """Long enough to be encoded in two parts, which the library is not given."""
    text *= 12_000 // len(text) + 1
    assert TRAINED.encode_array(text)[0].tolist() == reference.encode(text).ids


def test_a_corpus_of_lines_has_the_ids_of_its_lines(reference: tokenizers.Tokenizer) -> None:
    lines = [f"{line} {number}" for number in range(900) for line in CORPUS.split("\n")]
    ids, _ = TRAINED.encode_array("\n".join(lines))
    expected: list[int] = []
    for line in lines:
        expected += [*reference.encode(line).ids, NEWLINE]
    assert ids.tolist() == expected[:-1]


@settings(deadline=None)
@given(text=st.text(st.sampled_from(" \n\r\u0301a1.\tã")))
def test_a_newline_is_always_alone(text: str) -> None:
    ids = TRAINED.encode(text).ids
    assert ids.count(NEWLINE) == normalize(text).count("\n")
    lines = [TRAINED.encode(line).ids for line in normalize(text).split("\n")]
    joined = lines[0]
    for line in lines[1:]:
        joined = [*joined, NEWLINE, *line]
    assert ids == joined


def test_words_take_the_space_before_them_and_digits_come_in_threes() -> None:
    tokenizer = BPETokenizer.train(["  casa 12345 q\u0303q\u0303 d'água ...\n"] * 50, 400)
    pieces = [tokenizer.piece(id) for id in tokenizer.encode("  casa 12345 q\u0303 ...").ids]
    assert pieces == ["␣", "␣casa", "␣123", "45", "␣q\u0303", "␣..."]


def test_a_text_that_spells_the_end_of_text_is_ordinary_text() -> None:
    encoding = TRAINED.encode(f"a{END_OF_TEXT}b")
    assert 0 not in encoding.ids
    assert TRAINED.decode(encoding.ids) == f"a{END_OF_TEXT}b"
    assert TRAINED.decode([0, *encoding.ids, 0]) == f"a{END_OF_TEXT}b"
    eager = BPETokenizer.train([END_OF_TEXT * 100], 400)
    assert 0 not in eager.encode(END_OF_TEXT).ids


def test_lone_surrogates_are_dropped_and_told() -> None:
    encoding = TRAINED.encode("e\r\n\ud800\udc00\u0301a\udfff")
    assert encoding.text == "e\n\u0301a"
    assert encoding.replacements == (
        Replacement("\ud800\udc00", "", 3),
        Replacement("\udfff", "", 7),
    )
    assert TRAINED.decode(encoding.ids) == encoding.text


@settings(deadline=None)
@given(text=st.text(st.sampled_from("e\u0301\r\n a\ud800\udfff")))
def test_what_is_read_is_the_text_without_its_replacements(text: str) -> None:
    encoding = TRAINED.encode(text)
    rest = list(text)
    for replacement in reversed(encoding.replacements):
        end = replacement.index + len(replacement.source)
        assert text[replacement.index : end] == replacement.source
        # What stands on either side of it is not read as one line end.
        rest[replacement.index : end] = ["\ud800"]
    whole = normalize("".join(rest)).replace("\ud800", "")
    assert encoding.text == unicodedata.normalize("NFC", whole)
    assert TRAINED.decode(encoding.ids) == encoding.text
    assert TRAINED.encode(encoding.text).ids == encoding.ids


def test_an_array_counts_surrogates_and_drops_none() -> None:
    ids, unknown = TRAINED.encode_array("\ud800não\udfff\udfff é")
    assert unknown == 3
    assert ids.tolist() == [0, *TRAINED.encode("não").ids, 0, 0, *TRAINED.encode(" é").ids]


@pytest.mark.parametrize("run", ["a", " ", "\u0301", "1", ".", "\ud800", "東", "\t", "<|"])
def test_long_runs(run: str) -> None:
    text = run * 200_000
    encoding = TRAINED.encode(text + "a")
    assert TRAINED.decode(encoding.ids) == encoding.text
    assert encoding.text == normalize(text.replace("\ud800", "") + "a")


def test_decode_of_what_is_no_text() -> None:
    ids = [id for byte in b"a\xc3 \xe2\x82\xac\xff" for id in _ids_of(bytes([byte]))]
    assert BYTES.decode(ids) == "a\ufffd €\ufffd"
    for id in (-1, TRAINED.vocab_size):
        for read in (TRAINED.piece, TRAINED.token_bytes, lambda id: TRAINED.decode([id])):
            with pytest.raises(ValueError, match=f"token id {id} is outside of 0 to"):
                read(id)


def _ids_of(data: bytes) -> list[int]:
    return [id for id in range(BYTES.vocab_size) if BYTES.token_bytes(id) == data]


# --- pieces ---


def test_pieces_are_visible() -> None:
    pieces = {PARTS.token_bytes(id): PARTS.piece(id) for id in range(PARTS.vocab_size)}
    assert pieces[b""] == END_OF_TEXT
    assert pieces[b"\n"] == "↵"
    assert pieces[b" a"] == "␣a"
    assert pieces[b"a\xc3"] == "a<C3>"
    assert pieces[b"\xa9\xc3"] == "<A9><C3>"
    assert pieces[b"\xc3\xa9"] == "é"
    assert pieces[b"\xcc\x81"] == "◌\u0301"
    assert pieces[b"\xff"] == "<FF>"
    assert pieces[b"\t"] == r"\t"
    assert pieces[b"\x00"] == r"\x00"
    assert pieces[b"<"] == "<"
    for piece in pieces.values():
        assert piece
        assert piece.isprintable()
        assert " " not in piece


@settings(deadline=None)
@given(text=st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz ãéíçñ¿.,;!?0123456789\n")))
def test_pieces_spell_the_text(text: str) -> None:
    pieces = "".join(TRAINED.piece(id) for id in TRAINED.encode(text).ids)
    assert b"".join(_spelled(pieces)) == normalize(text).encode()


def _spelled(pieces: str) -> list[bytes]:
    parts = pieces.replace("␣", " ").replace("↵", "\n").replace(">", "<").split("<")
    return [bytes.fromhex(part) if place % 2 else part.encode() for place, part in enumerate(parts)]


# --- training ---


def test_training_is_deterministic_and_cuts_nothing_but_the_size() -> None:
    assert BPETokenizer.train([CORPUS] * 3, 600) == TRAINED
    assert BPETokenizer.train(iter([CORPUS * 2, CORPUS]), 600) == TRAINED
    smaller = BPETokenizer.train([CORPUS] * 3, 300)
    assert smaller.vocab_size == 300
    assert smaller.merges == TRAINED.merges[: len(smaller.merges)]


def test_trained_tokens_are_within_words_and_bounds() -> None:
    tokenizer = BPETokenizer.train([("muito " * 9 + "x" * 300 + "\n\n  y\n") * 9], 1_000)
    tokens = [tokenizer.token_bytes(id) for id in range(257, tokenizer.vocab_size)]
    assert " muito" in [token.decode() for token in tokens]
    assert not any(b"\n" in token or b" " in token[1:].strip() for token in tokens)
    assert max(map(len, tokens)) <= 64


def test_merges_are_those_of_the_library(file: Path) -> None:
    library = tokenizers.Tokenizer.from_file(str(file))
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2,
        show_progress=False,
    )
    library.train_from_iterator([CORPUS] * 3, trainer)
    assert library.to_str(pretty=True) == file.read_text("utf-8")


def test_a_text_without_repetition_gives_no_merges() -> None:
    for texts in ([], [""], ["ab\ncd\n"], ["\ud800\ud800 \ud800\ud800"]):
        assert BPETokenizer.train(texts, 600) == BYTES


@pytest.mark.parametrize("size", [256, 65_536, 0, -1, True])
def test_vocabulary_sizes_out_of_range(size: int) -> None:
    with pytest.raises(ValueError, match="vocab_size must be a whole number from 257 to 65535"):
        BPETokenizer.train([CORPUS], size)


@pytest.mark.parametrize(
    ("merges", "message"),
    [
        ([(b"a", b"b"), (b"a", b"b")], "twice"),
        ([(b"ab", b"c")], "no earlier tokens"),
        ([(b"ab", b"c"), (b"a", b"b")], "no earlier tokens"),
        ([(b"", b"c")], "no earlier tokens"),
        ([(b"a", b"\n")], "with a newline"),
        ([(b"a" * 2**n, b"a" * 2**n) for n in range(9)], "of more than 64 bytes"),
        (
            [(bytes([a]), bytes([b])) for a in range(256) for b in range(256) if 10 not in (a, b)]
            + [(pair, bytes([b])) for pair in (b"aa", b"bb") for b in range(11, 256)],
            "at most 65535 tokens, not 65772",
        ),
    ],
    ids=["twice", "unknown", "late", "empty", "newline", "doubling", "many"],
)
def test_bad_merges(merges: list[tuple[bytes, bytes]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BPETokenizer(merges)


def test_two_ways_to_one_token() -> None:
    tokenizer = BPETokenizer([(b"a", b"b"), (b"b", b"c"), (b"ab", b"c"), (b"a", b"bc")])
    assert tokenizer.vocab_size == 257 + 3
    assert len(tokenizer.encode("abc").ids) == 1


def test_a_message_does_not_repeat_a_long_token() -> None:
    with pytest.raises(ValueError, match="no earlier tokens") as error:
        BPETokenizer([(b"a" * 10_000, b"b")])
    assert len(str(error.value)) < 200


# --- files ---


@every_tokenizer
def test_file_round_trip(tmp_path: Path, tokenizer: BPETokenizer) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    assert BPETokenizer.from_file(path) == tokenizer
    assert load_tokenizer(path) == tokenizer
    assert list(tmp_path.iterdir()) == [path]  # no temporary file stays
    assert tokenizers.Tokenizer.from_file(str(path)).to_str(pretty=True) == path.read_text("utf-8")


def test_transformers_reads_the_same_file(file: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(file))
    for text in [CORPUS, *NASTY]:
        if END_OF_TEXT in text:
            continue
        ids = theirs(text, add_special_tokens=False)["input_ids"]
        assert ids == TRAINED.encode(text).ids
        assert theirs.decode(ids, clean_up_tokenization_spaces=False) == normalize(text)
    assert theirs.convert_tokens_to_ids(END_OF_TEXT) == TRAINED.unknown_id


def _model(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda content: change(content["model"])


def _vocab(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda content: change(content["model"]["vocab"])


def _merges(change: Callable[[list[Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda content: change(content["model"]["merges"])


def _swap(vocab: dict[str, int]) -> None:
    vocab["!"], vocab["a"] = vocab["a"], vocab["!"]


MALFORMED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another normalizer": (lambda c: c.update(normalizer={"type": "NFKC"}), "'normalizer'"),
    "no normalizer": (lambda c: c.update(normalizer=None), "'normalizer'"),
    "another cut": (
        lambda c: c["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex="(a+)+$"),
        "'pre_tokenizer'",
    ),
    "prefix space": (
        lambda c: c["pre_tokenizer"]["pretokenizers"][1].update(add_prefix_space=True),
        "'pre_tokenizer'",
    ),
    "another decoder": (lambda c: c.update(decoder={"type": "Fuse"}), "'decoder'"),
    "two added tokens": (lambda c: c["added_tokens"].append({"id": 5}), "'added_tokens'"),
    "no added tokens": (lambda c: c.update(added_tokens=[]), "'added_tokens'"),
    "post-processor": (
        lambda c: c.update(post_processor={"type": "ByteLevel"}),
        "'post_processor'",
    ),
    "truncation": (lambda c: c.update(truncation={"max_length": 1}), "'truncation'"),
    "missing part": (lambda c: c.pop("decoder"), "lacks 'decoder'"),
    "surplus part": (lambda c: c.update(more=1), "unknown 'more'"),
    "dropout": (_model(lambda m: m.update(dropout=0.5)), "unexpected model.dropout"),
    "byte fallback": (_model(lambda m: m.update(byte_fallback=True)), "model.byte_fallback"),
    "ignore merges": (_model(lambda m: m.update(ignore_merges=True)), "model.ignore_merges"),
    "surplus in model": (_model(lambda m: m.update(more=1)), "unknown 'more'"),
    "no vocabulary": (_model(lambda m: m.pop("vocab")), "lacks 'vocab'"),
    "list vocabulary": (_model(lambda m: m.update(vocab=["a"])), "vocabulary of tokens"),
    "no byte": (_vocab(lambda v: v.pop("!")), "that its merges make"),
    "no end of text": (_vocab(lambda v: v.pop(END_OF_TEXT)), "that its merges make"),
    "surplus token": (_vocab(lambda v: v.update(zzz=len(v))), "that its merges make"),
    "swapped ids": (_vocab(_swap), "that its merges make"),
    "duplicate id": (_vocab(lambda v: v.update({"a": v["b"]})), "that its merges make"),
    "negative id": (_vocab(lambda v: v.update(a=-1)), "that its merges make"),
    "huge id": (_vocab(lambda v: v.update(a=2**70)), "that its merges make"),
    "bool id": (_vocab(lambda v: v.update({"!": True})), "whole number"),
    "float id": (_vocab(lambda v: v.update(a=5.0)), "whole number"),
    "no merge": (_merges(lambda m: m.pop()), "that its merges make"),
    "first merge": (_merges(lambda m: m.pop(0)), "byte-level BPE"),
    "merges reversed": (_merges(lambda m: m.reverse()), "no earlier tokens"),
    "merge twice": (_merges(lambda m: m.append(m[0])), "twice"),
    "merge of one": (_merges(lambda m: m.append(["a"])), "of two texts"),
    "merge of three": (_merges(lambda m: m.append(["a", "b", "c"])), "of two texts"),
    "merge of numbers": (_merges(lambda m: m.append([1, 2])), "of two texts"),
    "merge as a text": (_merges(lambda m: m.append("a b")), "of two texts"),
    "merge of unknown": (_merges(lambda m: m.append(["zqzq", "a"])), "no earlier tokens"),
    "merge of nothing": (_merges(lambda m: m.append(["", ""])), "no earlier tokens"),
    "merge of no byte": (_merges(lambda m: m.append(["€", "a"])), "'€' spells no byte"),
    "merge of a surrogate": (_merges(lambda m: m.append(["\ud800", "a"])), "spells no byte"),
    "merge of newlines": (_merges(lambda m: m.append(["Ċ", "Ċ"])), "with a newline"),
    "merge of the end of text": (_merges(lambda m: m.append([END_OF_TEXT, "a"])), "no earlier"),
    "merges no list": (_model(lambda m: m.update(merges={"a": "b"})), "no list"),
    "word level": (_model(lambda m: m.update(type="WordLevel")), "not a character tokenizer"),
    "unigram": (_model(lambda m: m.update(type="Unigram")), "unsupported tokenizer type"),
    "no model": (lambda c: c.pop("model"), "unsupported tokenizer type None"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_file(file: Path, tmp_path: Path, name: str) -> None:
    change, message = MALFORMED[name]
    content = json.loads(file.read_text("utf-8"))
    change(content)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ValueError, match=message) as error:
        load_tokenizer(path)
    assert str(path) in str(error.value)
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        BPETokenizer.from_file(path)
