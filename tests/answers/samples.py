"""Documents of every format, made on the fly, and a small collection."""

from __future__ import annotations

import io

import docx
from pypdf import PdfWriter

from litteragpt.answers import Document, Index, read_document

UNIVERSITY = """# Universidade do Vale

A Universidade do Vale foi fundada em 1962 pelo governador João Ponciano de Arruda. Sua sede
fica em Campo Grande, no estado do Mato Grosso do Sul.

## Biblioteca

A biblioteca central guarda 85 mil livros e abre às 8 horas. Os estudantes podem levar até cinco
livros por duas semanas. Quem atrasa a devolução paga multa de dois reais por dia.

## Alimentação

O restaurante universitário serve 1.200 refeições por dia. A cozinha usa verduras plantadas por
agricultores da região.
"""

OCEAN = """O oceano cobre cerca de 71% da superfície da Terra. A fossa das Marianas, com 10.984
metros, é o lugar mais fundo que se conhece.

As baleias jubarte migram todos os anos da Antártida para o litoral da Bahia, onde nascem os
filhotes. A pesca da baleia foi proibida no Brasil em 1987.
"""

SPANISH = """El hidalgo don Quijote vivía en un lugar de la Mancha con una sobrina y un ama.
Su escudero, Sancho Panza, era un labrador vecino suyo.

La novela fue publicada en Madrid en 1605 por el impresor Juan de la Cuesta.
"""

FAQ = """pergunta,resposta
Como faço para trocar a senha?,"Abra o menu Conta, escolha Segurança e clique em Trocar senha."
Qual é o prazo de entrega?,Entregamos em até 10 dias úteis.
"""


def document(name: str, text: str) -> Document:
    return read_document(name, text.encode())


def collection() -> Index:
    return Index(
        [
            document("universidade.md", UNIVERSITY),
            document("oceano.txt", OCEAN),
            document("quijote.txt", SPANISH),
            document("faq.csv", FAQ),
        ]
    )


def docx_bytes(
    *, heading: str = "", paragraphs: tuple[str, ...], row: tuple[str, ...] = ()
) -> bytes:
    made = docx.Document()
    if heading:
        made.add_heading(heading)
    for paragraph in paragraphs:
        made.add_paragraph(paragraph)
    if row:
        table = made.add_table(1, len(row))
        for cell, text in zip(table.rows[0].cells, row, strict=True):
            cell.text = text
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def pdf_bytes(*lines: str, password: str = "") -> bytes:
    """A PDF of one page with a text layer."""
    shown = " T* ".join(f"({line}) Tj" for line in lines)
    content = f"BT /F1 12 Tf 14 TL 40 700 Td {shown} ET".encode("cp1252")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    body = b"%PDF-1.4\n"
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    body_end = len(body)
    body += b"xref\n0 6\n0000000000 65535 f \n" + table
    body += b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % body_end
    if not password:
        return body
    writer = PdfWriter(clone_from=io.BytesIO(body))
    writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
