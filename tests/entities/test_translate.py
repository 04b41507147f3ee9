"""A set carried into another language, its entities kept."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from litteragpt.cli import main
from litteragpt.entities.readers import read_tsv
from litteragpt.entities.record import record_of
from litteragpt.entities.span import entity_at
from litteragpt.entities.translate import marked, unmarked

TEXT = "A Ana vive em Lisboa & <perto> ."
RECORD = record_of(TEXT, [entity_at(TEXT, 2, 5, "NAME"), entity_at(TEXT, 14, 20, "LOC")])


def test_entities_are_marked_and_text_is_escaped() -> None:
    assert marked(RECORD) == "A <i>Ana</i> vive em <i>Lisboa</i> &amp; &lt;perto&gt;."


def test_what_is_marked_comes_back() -> None:
    found = unmarked(
        "<i>Ana</i> vive en <i>Lisboa</i> &amp; &lt;cerca&gt;.".replace("&lt;cerca&gt;", "cerca"),
        RECORD.entities,
    )
    assert found is not None
    assert found.text == "Ana vive en Lisboa & cerca."
    assert [(e.label, e.text) for e in found.entities] == [("NAME", "Ana"), ("LOC", "Lisboa")]


@pytest.mark.parametrize(
    "lost", ["Ana vive en <i>Lisboa</i>", "<i> </i> en <i>Lisboa</i>", "<i>a</i><i>b</i><i>c</i>"]
)
def test_a_sentence_with_other_marks_is_dropped(lost: str) -> None:
    assert unmarked(lost, RECORD.entities) is None


def _program(folder: Path, body: str) -> None:
    path = folder / "apertium"
    path.write_text(f"#!{sys.executable}\nimport sys\ntext = sys.stdin.read()\n{body}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str = "pt-es") -> int:
    lines = "Ana\tB-PER\nvive\tO\nem\tO\nLisboa\tB-LOC\n.\tO\n\nNada\tO\n\n"
    (tmp_path / "a.tsv").write_text(lines, "utf-8")
    out = ["--out", str(tmp_path / "b.tsv"), "--mode", mode]
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["x", "ner-translate", str(tmp_path / "a.tsv"), *out])
    return main()


def test_the_command_writes_a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, "print(text.replace(' em ', ' en '))")
    assert _run(tmp_path, monkeypatch) == 0
    first, second = read_tsv(tmp_path / "b.tsv")
    assert first.text == "Ana vive en Lisboa ."
    assert [(e.label, e.text) for e in first.entities] == [("PER", "Ana"), ("LOC", "Lisboa")]
    assert second.entities == ()


def test_a_missing_or_failing_program_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path, monkeypatch) == 2
    assert "not installed" in capsys.readouterr().err
    _program(tmp_path, "sys.exit('no such mode')")
    assert _run(tmp_path, monkeypatch) == 2
    assert "no such mode" in capsys.readouterr().err
    assert _run(tmp_path, monkeypatch, mode="../x") == 2
