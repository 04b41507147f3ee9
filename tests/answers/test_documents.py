"""Documents: each format's text, passages by their offsets, and files that mean harm."""

from __future__ import annotations

import io
import itertools
import os
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.answers import DocumentError, read_document
from litteragpt.answers.documents import document_paths, read_file
from litteragpt.answers.passages import cut
from tests.answers.samples import FAQ, OCEAN, SPANISH, UNIVERSITY, docx_bytes, pdf_bytes


def bomb(size: int = 300 * 2**20) -> bytes:
    """A small archive with a member that unfolds to `size` bytes."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/document.xml", "w") as member,
    ):
        for _ in range(size // 2**20):
            member.write(bytes(2**20))
    return out.getvalue()


def lying_bomb() -> bytes:
    """The same, whose directory says that it unfolds to ten bytes."""
    data = bytearray(bomb(2**21))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    return bytes(data)


def test_plain_text_and_markdown_are_their_text() -> None:
    read = read_document("a.txt", OCEAN.encode())
    assert read.text == OCEAN.strip()
    assert (read.language, len(read.sha256), read.size) == ("pt", 64, len(OCEAN.encode()))
    assert read_document("b.md", SPANISH.encode()).language == "es"
    assert read_document("colado", b"Um texto colado sem nome de arquivo.").passages


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_old_encodings_are_read(encoding: str) -> None:
    assert read_document("a.txt", "A ação não é só minha.".encode(encoding)).text == (
        "A ação não é só minha."
    )


def test_decomposed_accents_and_foreign_line_ends_become_plain() -> None:
    text = unicodedata.normalize("NFD", "A canção.\r\n\r\nO fim é já.\rSim.")
    assert read_document("a.txt", text.encode()).text == "A canção.\n\nO fim é já.\nSim."


def test_a_pdf_gives_its_text_layer() -> None:
    read = read_document("a.pdf", pdf_bytes("A sede fica em Brasília.", "O ano foi 1960."))
    assert "A sede fica em Brasília." in read.text
    assert "O ano foi 1960." in read.text


def test_a_docx_gives_paragraphs_headings_and_tables() -> None:
    data = docx_bytes(
        heading="Regras", paragraphs=("A multa é de dez reais.",), row=("ano", "1990")
    )
    read = read_document("a.docx", data)
    assert read.text == "# Regras\n\nA multa é de dez reais.\n\nano | 1990"
    assert {passage.heading for passage in read.passages} == {"Regras"}


def test_a_faq_is_a_passage_a_line_with_its_reply() -> None:
    for text in (FAQ, FAQ.replace("pergunta,resposta", "Pregunta,Respuesta")):
        read = read_document("faq.csv", text.encode())
        replies = [read.text[x.reply : x.end] for x in read.passages if x.reply is not None]
        assert replies == [
            "Abra o menu Conta, escolha Segurança e clique em Trocar senha.",
            "Entregamos em até 10 dias úteis.",
        ]
        assert read.text[read.passages[1].start :].startswith("Qual é o prazo")
    odd = "resposta;pergunta;nota\nNão.;Posso?;x\n;sem resposta;\nsó\n"
    read = read_document("faq.csv", odd.encode())
    assert read.text == "Posso?\nNão."


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"", "a.txt is empty"),
        ("a.txt", b" \n\n\t ", "a.txt is empty"),
        ("a.txt", bytes(range(32)) * 40, "a.txt is not text"),
        ("a.exe", b"MZ", "a.exe: files of this kind are not read"),
        ("a.pdf", b"no pdf at all", "a.pdf is not a readable PDF"),
        ("a.pdf", pdf_bytes("x")[:200], "a.pdf is not a readable PDF|a.pdf h"),
        ("a.pdf", pdf_bytes("segredo", password="abc"), "a.pdf is encrypted"),
        ("a.pdf", pdf_bytes(""), "a.pdf holds no text"),
        ("a.docx", b"PK\x03\x04 broken", "a.docx is not a readable DOCX"),
        ("a.docx", docx_bytes(paragraphs=("x",))[:-40], "a.docx is not a readable DOCX"),
        ("a.csv", b"a,b\n1,2\n", "a.csv needs the columns pergunta and resposta"),
        ("a.csv", b'pergunta,resposta\n"aberto,\n', "a.csv is not valid CSV"),
        ("a.csv", b"pergunta,resposta\n", "a.csv is empty"),
    ],
)
def test_a_broken_file_is_one_sentence(name: str, data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        read_document(name, data)
    assert "\n" not in str(caught.value)


def test_bombs_do_not_unfold() -> None:
    with pytest.raises(DocumentError, match="unfolds to far more"):
        read_document("a.docx", bomb())
    with pytest.raises(DocumentError, match="not a readable DOCX"):
        read_document("a.docx", lying_bomb())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(6_000):
            archive.writestr(f"{number}", b"")
    with pytest.raises(DocumentError, match="unfolds to far more"):
        read_document("a.docx", out.getvalue())


def test_entities_of_a_docx_are_not_expanded() -> None:
    """The billion laughs."""
    source = io.BytesIO(docx_bytes(paragraphs=("MARCA",)))
    out = io.BytesIO()
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == "word/document.xml":
                text = data.decode().split("?>", 1)[1]
                text = f'<!DOCTYPE d [<!ENTITY l0 "ha">{laughs}]>' + text.replace("MARCA", "&l9;")
                data = text.encode()
            new.writestr(member, data)
    try:
        read = read_document("a.docx", out.getvalue())
    except DocumentError:
        return
    assert len(read.text) < 1000


def test_a_folder_gives_its_documents_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "fora.txt").write_text("segredo", "utf-8")
    for name in ("b.txt", "sub/a.md", ".oculto.txt", "~$a.docx", "foto.png"):
        (folder / name).write_text("texto", "utf-8")
    os.symlink(tmp_path / "fora.txt", folder / "elo.txt")
    assert list(document_paths(folder)) == ["b.txt", "sub/a.md"]
    assert read_file(folder / "b.txt", "b.txt").modified > 0
    with pytest.raises(DocumentError, match="missing"):
        read_file(folder / "z.txt", "z.txt")
    with pytest.raises(ValueError, match="is not a folder"):
        document_paths(tmp_path / "nada")


def test_passages_end_with_paragraphs_and_know_their_heading() -> None:
    text = read_document("u.md", UNIVERSITY.encode()).text
    passages = cut(text)
    assert [passage.heading for passage in passages] == [
        "Universidade do Vale",
        "Biblioteca",
        "Alimentação",
    ]
    first, second, _ = (text[passage.start : passage.end] for passage in passages)
    assert first.startswith("# Universidade")
    assert first.endswith("Mato Grosso do Sul.")
    assert second.startswith("## Biblioteca")
    assert second.endswith("por dia.")


def test_a_long_paragraph_is_cut_at_sentences_that_overlap() -> None:
    text = " ".join(f"A frase número {n} tem algumas palavras." for n in range(100))
    passages = cut(text, 300, 90)
    pieces = [text[passage.start : passage.end] for passage in passages]
    assert all(len(piece) <= 300 and piece.startswith("A frase") for piece in pieces)
    assert all(piece.endswith(".") for piece in pieces)
    pairs = list(itertools.pairwise(passages))
    assert all(later.start < earlier.end <= later.end for earlier, later in pairs)
    assert passages[-1].end == len(text)


@given(st.text(alphabet="aB .\n#é?", max_size=600), st.integers(50, 120))
def test_passages_cover_the_text_in_bounds(text: str, length: int) -> None:
    covered: set[int] = set()
    last = -1
    for passage in cut(text, length, length // 3):
        assert 0 <= passage.start < passage.end <= len(text)
        assert passage.start > last
        last = passage.start
        covered |= set(range(passage.start, passage.end))
    assert all(place in covered for place, sign in enumerate(text) if not sign.isspace())


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    passages = cut("x" * 100_000, 1000)
    assert max(passage.end - passage.start for passage in passages) <= 1000
    assert passages[-1].end == 100_000
