from __future__ import annotations

import pytest

from litteragpt.corpora.books import SourceError
from litteragpt.corpora.markup import conllu_documents, html_paragraphs, tei_paragraphs

TEI = """<?xml version="1.0"?>
<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><p>não</p></teiHeader><text>
<front><p>capa</p></front>
<body><div><head>I</head><p>Era <hi>uma</hi>
  vez<note>nota <p>dentro</p></note> um rei<ref target="#n"/>.</p><lg><l>Um verso</l></lg><p/></div>
</body><back><p>fim</p></back></text></TEI>"""


def test_tei() -> None:
    assert tei_paragraphs(TEI.encode(), "x") == ["I", "Era uma vez um rei.", "Um verso"]


def test_tei_that_is_none() -> None:
    with pytest.raises(SourceError, match=r"livro is not well-formed XML"):
        tei_paragraphs(b"<TEI><p>", "livro")


def test_tei_with_entities_that_grow() -> None:
    levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE t [<!ENTITY a0 "aaaaaaaaaa">{levels}]><TEI><p>&a11;</p></TEI>'
    with pytest.raises(SourceError, match="not well-formed"):
        tei_paragraphs(bomb.encode(), "livro")


def test_html() -> None:
    page = """<body><p>Cookies</p><div id="a" class="x chapter"><h3>Um <a> *</a></h3>
    <div><p>Olá &amp;<br>adeus, <a>Assembleia</a>.</p></div><script>no</script><p>Fim</div>
    <div><p>Rodapé</p></div></body>"""
    assert html_paragraphs(page) == ["Um", "Olá & adeus, Assembleia.", "Fim"]


def test_conllu() -> None:
    text = (
        "# newdoc id = A\n# text = Um.\n1\tUm\n\n# text = Dois.\n\n# newdoc id = B\n# text = C.\n"
    )
    assert list(conllu_documents(text)) == [("A", ["Um.", "Dois."]), ("B", ["C."])]
    assert list(conllu_documents("# text = Um.\n")) == [("", ["Um."])]
