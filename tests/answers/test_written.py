"""Answers in a model's words: what it is asked, and what is read out of what it writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from litteragpt.answers import FoundPassage
from litteragpt.answers.language import Language
from litteragpt.answers.written import checked, fit_prompt, prompt, write_answer
from litteragpt.cli import main
from litteragpt.generation.text import TextModel
from litteragpt.tokenizers import CharTokenizer
from tests.generation.fakes import scripted, uniform
from tests.tiny import save_tiny

LETTERS = CharTokenizer.from_text(
    "\n .,;:¿?[]()'0123456789abcdefghijlmnopqrstuvxyzABCDEFGHIJLMNOPQRSTUVçãõáéíóúê"
)
PASSAGES = (
    FoundPassage("A biblioteca abriu em 1902 [3].  Fica na praça.", "a.md", "", 0, 46, 0.9),
    FoundPassage("O arquivo tem mapas.", "b.md", "", 0, 20, 0.5),
)
QUESTION = "Quando abriu a biblioteca?"


def writer(script: str, passages: Sequence[FoundPassage] = PASSAGES) -> TextModel:
    """A model that writes the script after the prompt of these passages, whatever it is."""
    roomy = TextModel(uniform(LETTERS.vocab_size, 4000), LETTERS, name="roomy")
    texts = ["A biblioteca abriu em 1902 . Fica na praça.", "O arquivo tem mapas."]
    encoding, _ = fit_prompt(QUESTION, texts[: len(passages)], roomy, "pt")
    model = scripted(LETTERS.vocab_size, len(encoding.ids), LETTERS.encode(script).ids)
    model.context = 4000
    return TextModel(model, LETTERS, name="writer")


def test_an_answer_is_written_and_its_citations_are_read() -> None:
    pieces: list[str] = []
    lm = writer(" Abriu em 1902 [1]. Tem mapas [2; 1].\nPergunta: e depois?")
    written = write_answer(QUESTION, PASSAGES, lm, language="pt", report=pieces.append)
    assert written.text == "Abriu em 1902 [1]. Tem mapas [2; 1]."
    assert "".join(pieces) == written.text
    assert written.citations == (1, 2)
    assert written.uncited == ()
    assert written.unknown == ()
    assert written.passages == 2


def test_what_is_cited_wrongly_or_not_at_all_is_told() -> None:
    written = checked("Abriu em 1902 [1]. Foi bonito. Havia mapas [7][2].", 2)
    assert written.citations == (1, 2)
    assert written.unknown == (7,)
    assert written.uncited == ("Foi bonito.",)
    assert [each.citations for each in written.sentences] == [(1,), (), (2,)]
    assert written.to_dict() == {
        "text": "Abriu em 1902 [1]. Foi bonito. Havia mapas [7][2].",
        "citations": [1, 2],
        "uncited": ["Foi bonito."],
        "unknown": [7],
        "passages": 2,
    }


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("Abriu cedo. [1] Tem mapas. [2]", [(1,), (2,)]),
        ("Abriu cedo.[1][2] Tem mapas.", [(1, 2), ()]),
        ("Abriu em 1902. [1]", [(1,)]),
        ("[1] Abriu cedo.", [(1,)]),
        ("Abriu [ 1 , 2 ] cedo.", [(1, 2)]),
        ("Abriu [0] cedo [x].", [()]),
        ("[1]", [(1,)]),
    ],
)
def test_where_a_citation_stands(text: str, cited: list[tuple[int, ...]]) -> None:
    written = checked(text, 2)
    assert [each.citations for each in written.sentences] == cited
    assert all(text[each.start : each.end].strip() for each in written.sentences)


@pytest.mark.parametrize(
    "text",
    ["não encontrei", "Não encontrei.", " **Não encontrei** nada.", "No lo encontré."],
)
def test_a_model_may_say_that_nothing_fits(text: str) -> None:
    assert checked(text, 3).text is None
    assert checked(text, 3).sentences == ()


def test_an_empty_answer_is_none_and_no_passages_ask_nothing() -> None:
    assert checked(" \n", 1).text is None
    lm = TextModel(uniform(LETTERS.vocab_size), LETTERS, name="x")
    assert write_answer(QUESTION, [], lm, language="pt").text is None


@pytest.mark.parametrize("language", ["pt", "es"])
def test_the_prompt_numbers_the_passages(language: Language) -> None:
    asked = prompt(QUESTION, ["um", "dois"], language)
    assert "\n[1] um\n[2] dois\n" in asked
    assert asked.endswith(QUESTION)


def test_passages_that_have_no_room_are_left_out() -> None:
    texts = ["Um. Dois e tres. " * 20, "Quatro. " * 30]
    sizes = {}
    for context in (4000, 1200, 900, 800):
        lm = TextModel(uniform(LETTERS.vocab_size, context), LETTERS, name="x")
        encoding, used = fit_prompt(QUESTION, texts, lm, "pt")
        assert len(encoding.ids) <= 0.7 * context or len(encoding.ids) <= context - 400
        sizes[context] = used
    assert sizes == {4000: 2, 1200: 1, 900: 1, 800: 1}
    small = TextModel(uniform(LETTERS.vocab_size, 300), LETTERS, name="x")
    with pytest.raises(ValueError, match="context of 300 tokens is too small"):
        fit_prompt(QUESTION, texts, small, "pt")


def test_what_looks_like_a_citation_in_a_passage_is_not_shown_to_the_model() -> None:
    lm = writer("Abriu em 1902 [3].")
    written = write_answer(QUESTION, PASSAGES, lm, language="pt")
    assert written.unknown == (3,)
    assert written.citations == ()


def test_an_answer_can_be_stopped_and_has_a_length() -> None:
    lm = writer("Abriu em 1902 [1].")
    assert write_answer(QUESTION, PASSAGES, lm, language="pt", max_chars=5).text == "Abriu"
    stopped = write_answer(QUESTION, PASSAGES, lm, language="pt", cancel=lambda: True)
    assert stopped.text is None
    with pytest.raises(ValueError, match="max_chars"):
        write_answer(QUESTION, PASSAGES, lm, language="pt", max_chars=0)


def test_the_command_line_writes_an_answer_with_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    text = "A biblioteca municipal foi fundada em 1887 por Joaquim Nabuco, na praça maior.\n"
    (tmp_path / "docs" / "biblioteca.txt").write_text(text, "utf-8")
    model = save_tiny(tmp_path, context=4096)

    def ask(question: str, *more: str) -> str:
        arguments = ["ask", question, "--docs", str(tmp_path / "docs"), "--writer", str(model)]
        monkeypatch.setattr(sys, "argv", ["litteragpt", *arguments, *more])
        assert main() == 0
        return capsys.readouterr().out

    question = "Quando foi fundada a biblioteca?"
    found = json.loads(ask(question, "--json"))
    assert "1887" in found["answer"]
    assert set(found["written"]) == {"text", "citations", "uncited", "unknown", "passages"}
    assert found["written"]["passages"] == 1
    assert ask(question).strip() == found["written"]["text"]
    nothing = json.loads(ask("Qual é a massa do bóson de Higgs?", "--json"))
    assert nothing["written"] is None
    assert ask("Qual é a massa do bóson de Higgs?") == "não encontrei\n"
