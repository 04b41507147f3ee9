"""The character tokenizer against the `tokenizers` library, and against any text."""

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
from litteragpt.tokenizers import CharTokenizer, load_tokenizer

SPANISH = (
    "\n !\"'(),-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    "¡«º»¿ÁÉÍÑÓÚáéíñóúü—"
)
SPANISH_TOKENIZER = CharTokenizer.from_text(SPANISH)
# Vocabularies that make trouble: marks without their letters, jamo, few letters, no full stop.
ODD_TOKENIZERS = [
    CharTokenizer(["e", "\u0301", "\u0327", "q"]),
    CharTokenizer(["\u1100", "\u1161", "\u11a8", "x"]),
    CharTokenizer(["…", "\n", "B"]),
    CharTokenizer(["\U0001f468", "\u200d", "\x00"]),
]
TOKENIZERS = [SPANISH_TOKENIZER, *ODD_TOKENIZERS]

NASTY = [
    "",
    "\r\n\r\r\n\n",
    "\ufeffHola",
    "a\x00b",
    "\ud800 \udfff\ud83d",
    "\u200fא\u202e",
    "👨‍👩‍👧‍👦🏴\U000e0067\U000e0062\U000e007f🇪🇸👍🏽❤️",
    "e\u0301\u0327\u0301",
    "\u0301solo",
    "각\u1100\u1161\u11a8",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!",
    "İıſẞŉﬁ",
    "¼½ª№Ａ１",
    "\u2028\u2029\x85\v\f\t\u00a0\u3000",
    "...…....",
]

# Unassigned code points are left out: Unicode versions differ in what they are.
any_text = st.one_of(
    st.text(),
    st.text(
        st.sampled_from(SPANISH + "\u0301\u0303\u0308\u0327\rãßœ“”…–😀\u200d\ufe0f\u1100\u1161")
    ),
    st.text(st.characters(categories=["Cs", "Mn", "Mc", "Lo", "Zs", "Cc", "Cf"])),
    st.sampled_from(NASTY),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    SPANISH_TOKENIZER.save(path)
    return path


@pytest.fixture(scope="module")
def reference(file: Path) -> tokenizers.Tokenizer:
    """The same file as the `tokenizers` library reads it."""
    tokenizer = tokenizers.Tokenizer.from_file(str(file))
    tokenizer.encode_special_tokens = True  # "<unk>" in a text is five characters
    return tokenizer


def test_vocabulary_is_in_code_point_order_after_unknown() -> None:
    tokenizer = CharTokenizer.from_text("n\u0303 ba\r\n\ud800")
    assert tokenizer.characters == "\n abñ"
    assert tokenizer.vocab_size == 6
    assert tokenizer.kind == "char"
    assert tokenizer.unknown_id == 0
    assert tokenizer.special_ids == {0}
    assert tokenizer.encode("ñab").ids == [5, 3, 4]
    assert isinstance(tokenizer, TokenizerProtocol)


def test_file_round_trip(file: Path) -> None:
    assert CharTokenizer.from_file(file) == SPANISH_TOKENIZER
    assert load_tokenizer(file) == SPANISH_TOKENIZER
    assert list(file.parent.iterdir()) == [file]  # no temporary file stays


def test_file_is_what_the_library_itself_writes(
    file: Path, reference: tokenizers.Tokenizer
) -> None:
    assert file.read_text("utf-8") == reference.to_str(pretty=True)
    built = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(
            {"<unk>": 0, **{c: i for i, c in enumerate(SPANISH_TOKENIZER.characters, 1)}}, "<unk>"
        )
    )
    built.normalizer = tokenizers.normalizers.NFC()
    built.pre_tokenizer = tokenizers.pre_tokenizers.Split(
        tokenizers.Regex(r"[\s\S]"), behavior="isolated"
    )
    built.decoder = tokenizers.decoders.Fuse()
    built.add_special_tokens(["<unk>"])
    assert built.to_str(pretty=True) == file.read_text("utf-8")


@settings(deadline=None)
@given(text=st.text(st.sampled_from(SPANISH + "\u0301\u0303\u0308")))
def test_same_ids_as_the_library(reference: tokenizers.Tokenizer, text: str) -> None:
    ids, unknown = SPANISH_TOKENIZER.encode_array(text)
    expected = reference.encode(text).ids
    assert unknown == expected.count(0)
    if not unknown:
        assert ids.tolist() == expected == SPANISH_TOKENIZER.encode(text).ids
        assert reference.decode(expected) == SPANISH_TOKENIZER.decode(expected)


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\r")))
def test_unknown_characters_are_those_of_the_library(
    reference: tokenizers.Tokenizer, text: str
) -> None:
    ids, unknown = SPANISH_TOKENIZER.encode_array(text)
    assert ids.dtype == np.uint16
    assert unknown == reference.encode(text).ids.count(0)
    assert len(ids) >= len(unicodedata.normalize("NFC", text))


@settings(deadline=None)
@given(text=st.text(st.sampled_from(SPANISH)))
def test_known_text_round_trips(text: str) -> None:
    encoding = SPANISH_TOKENIZER.encode(text)
    assert SPANISH_TOKENIZER.decode(encoding.ids) == encoding.text == text
    assert encoding.replacements == ()


@pytest.mark.parametrize(
    "tokenizer", TOKENIZERS, ids=["spanish", "marks", "jamo", "ellipsis", "emoji"]
)
@settings(deadline=None)
@given(text=any_text)
def test_any_text_is_encoded(tokenizer: CharTokenizer, text: str) -> None:
    encoding = tokenizer.encode(text)
    assert unicodedata.is_normalized("NFC", encoding.text)
    assert set(encoding.text) <= set(tokenizer.characters)
    assert tokenizer.decode(encoding.ids) == encoding.text
    assert 0 not in encoding.ids
    again = tokenizer.encode(encoding.text)
    assert (again.ids, again.replacements) == (encoding.ids, ())


@pytest.mark.parametrize(
    "tokenizer", TOKENIZERS, ids=["spanish", "marks", "jamo", "ellipsis", "emoji"]
)
@settings(deadline=None)
@given(text=any_text)
def test_replacements_explain_all_of_the_difference(tokenizer: CharTokenizer, text: str) -> None:
    """Put in the targets where they belong, and what the model reads comes out."""
    encoding = tokenizer.encode(text)
    read, position = "", 0
    for replacement in encoding.replacements:
        assert replacement.source
        assert replacement.index >= position
        end = replacement.index + len(replacement.source)
        assert text[replacement.index : end] == replacement.source
        assert set(replacement.target) <= set(tokenizer.characters)
        read += _line_ends(text[position : replacement.index]) + replacement.target
        position = end
    read += _line_ends(text[position:])
    composed = unicodedata.normalize("NFC", read)
    known = set(tokenizer.characters)
    assert "".join(c for c in composed if c in known) == encoding.text
    if tokenizer is SPANISH_TOKENIZER:
        assert composed == encoding.text


def _line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@settings(deadline=None)
@given(text=any_text)
def test_array_agrees_with_encode(text: str) -> None:
    ids, unknown = SPANISH_TOKENIZER.encode_array(text)
    encoding = SPANISH_TOKENIZER.encode(text)
    assert (unknown == 0) == (encoding.replacements == ())
    if not unknown:
        assert ids.tolist() == encoding.ids


def test_array_never_drops() -> None:
    ids, unknown = SPANISH_TOKENIZER.encode_array("a…😀ãb\r\n")
    assert unknown == 3
    assert SPANISH_TOKENIZER.decode(ids.tolist()) == "a...ab\n"
    assert ids.tolist()[4] == 0
    assert len(ids) == 8


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("“", "«"),
        ("”", "»"),
        ("„", "«"),
        ("’", "'"),
        ("‘", "'"),
        ("–", "—"),
        ("―", "—"),
        ("‑", "-"),
        ("−", "-"),
        ("…", "..."),
        ("\u00a0", " "),
        ("\u2009", " "),
        ("\u3000", " "),
        ("\t", " "),
        ("\u2028", "\n"),
        ("ã", "a"),
        ("a\u0303", "a"),
        ("Ç", "C"),
        ("ǘ", "ü"),
        ("ế", "e"),
        ("ø", "o"),
        ("ǿ", "o"),
        ("ß", "ss"),
        ("œ", "oe"),
        ("Æ", "AE"),
        ("Ü", "U"),
        ("[", "("),
        ("ª", "a"),
        ("Ａ", "A"),
        ("٣", "3"),
        ("ﬁ", "fi"),
        ("İ", "I"),
        ("q\u0303", "q"),
        ("\u200b", ""),
        ("\ufeff", ""),
        ("\ud800", ""),
        ("ж", ""),
    ],
)
def test_close_character(source: str, target: str) -> None:
    encoding = SPANISH_TOKENIZER.encode(f"e\u0301x{source}y")
    assert encoding.text == f"éx{target}y"
    # The index counts what the user wrote: é is two code points here.
    assert encoding.replacements == (Replacement(source, target, 3),)


def test_canonically_equal_text_is_no_replacement() -> None:
    encoding = SPANISH_TOKENIZER.encode("n\u0303a\r\nb\r")
    assert encoding.text == "ña\nb\n"
    assert encoding.replacements == ()


@pytest.mark.parametrize(
    ("vocabulary", "text", "expected"),
    [
        ("…a", "a...a", "a…a"),
        ("…a", "a..a", "aa"),
        ("ab", "AB", "ab"),
        ("ab", "Ã", "a"),
        ("AB", "ß", ""),
        ("SA", "ß", "SS"),
        ('"a', "“a»", '"a"'),
        ("-a", "—a–", "-a-"),
        ("½a", "½ª", "½a"),
        ("e\u0301", "é", "e"),
        ("a b", "a\nb", "a b"),
    ],
)
def test_other_vocabularies(vocabulary: str, text: str, expected: str) -> None:
    assert CharTokenizer(vocabulary).encode(text).text == expected


def test_ellipsis_is_one_replacement() -> None:
    assert CharTokenizer("…a").encode("a...").replacements == (Replacement("...", "…", 1),)


@pytest.mark.parametrize(
    "emoji", ["👨‍👩‍👧‍👦", "👍🏽", "🇪🇸", "❤️", "🏴\U000e0067\U000e0062\U000e007f"]
)
def test_emoji_is_one_replacement(emoji: str) -> None:
    encoding = SPANISH_TOKENIZER.encode(f"a{emoji} {emoji}😀b")
    assert encoding.text == "a b"
    assert [r.source for r in encoding.replacements] == [emoji, emoji, "😀"]


def test_a_mark_does_not_move_to_the_letter_before_a_dropped_one() -> None:
    tokenizer = CharTokenizer(["e", "\u0301", "é"])
    assert tokenizer.encode("eж\u0301").text == "e"


def test_long_runs_of_marks_and_jamo() -> None:
    assert SPANISH_TOKENIZER.encode("a" + "\u0327\u0301" * 2_000).text == "á"
    assert SPANISH_TOKENIZER.encode("\u1100\u1161\u11a8" * 2_000 + "a").text == "a"


def test_decode_rejects_ids_out_of_range() -> None:
    assert SPANISH_TOKENIZER.decode([0, 1, 0]) == "\n"
    for id in (-1, SPANISH_TOKENIZER.vocab_size):
        with pytest.raises(ValueError, match=f"token id {id} is outside of 0 to"):
            SPANISH_TOKENIZER.decode([id])
        with pytest.raises(ValueError, match=f"token id {id} is outside of 0 to"):
            SPANISH_TOKENIZER.piece(id)


def test_text_is_never_a_special_token() -> None:
    tokenizer = CharTokenizer("<>knu")
    assert tokenizer.encode("<unk>").text == "<unk>"
    assert tokenizer.encode_array("<unk>")[0].tolist() == [1, 5, 4, 3, 2]


def test_pieces_are_visible() -> None:
    tokenizer = CharTokenizer("\n a\t\x00\u200b\u00a0\u0301$<")
    pieces = [tokenizer.piece(id) for id in range(tokenizer.vocab_size)]
    assert pieces == [
        "<unk>",
        "↵",
        "␣",
        "a",
        r"\t",
        r"\x00",
        r"\u200b",
        r"\xa0",
        "◌\u0301",
        "$",
        "<",
    ]


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        ([], "1 to 65535 characters"),
        (["a", "a"], "twice"),
        (["ab"], "not one character"),
        ([""], "not one character"),
        (["\ud800"], "NFC"),
        (["\u212b"], "NFC"),
        ([chr(0x20000 + i) for i in range(2**16)], "65536"),
    ],
)
def test_bad_vocabulary(characters: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CharTokenizer(characters)


def _vocab(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    return lambda content: change(content["model"]["vocab"])


MALFORMED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "gap": (_vocab(lambda v: v.update(z=99)), "once each"),
    "duplicate id": (_vocab(lambda v: v.update(z=1)), "once each"),
    "negative id": (_vocab(lambda v: v.update(z=-1)), "once each"),
    "bool id": (_vocab(lambda v: v.update({"\n": True})), "not an integer"),
    "float id": (_vocab(lambda v: v.update({"\n": 1.0})), "not an integer"),
    "string id": (_vocab(lambda v: v.update({"\n": "1"})), "not an integer"),
    "long entry": (_vocab(lambda v: v.update(th=len(v))), "not one character"),
    "surrogate": (_vocab(lambda v: v.update({"\ud800": len(v)})), "NFC"),
    "no unknown": (_vocab(lambda v: v.pop("<unk>")), "once each"),
    "only unknown": (lambda c: c["model"].update(vocab={"<unk>": 0}), "1 to 65535"),
    "no vocabulary": (lambda c: c["model"].pop("vocab"), "lacks a vocabulary"),
    "list vocabulary": (lambda c: c["model"].update(vocab=["a"]), "lacks a vocabulary"),
    "unknown token": (lambda c: c["model"].update(unk_token="?"), "lacks a vocabulary"),
    "normalizer": (lambda c: c.update(normalizer={"type": "NFKC"}), "'normalizer'"),
    "pre-tokenizer": (lambda c: c.update(pre_tokenizer=None), "'pre_tokenizer'"),
    "decoder": (lambda c: c.pop("decoder"), "'decoder'"),
    "bpe": (lambda c: c["model"].update(type="BPE"), "not a byte-level BPE tokenizer"),
    "list type": (lambda c: c["model"].update(type=[]), "unsupported tokenizer type"),
    "no model": (lambda c: c.pop("model"), "unsupported tokenizer type None"),
    "model string": (lambda c: c.update(model="WordLevel"), "unsupported tokenizer type None"),
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
    with pytest.raises(ValueError, match="tokenizer"):
        CharTokenizer.from_file(path)
