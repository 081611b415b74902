"""README.md is a front page, and the site builds without a warning and without the network."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.conftest import ROOT
from tests.docs.markdown import PAGES

README = ROOT / "README.md"
OTHERS = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / n / "README.md" for n in ("demo", "configs/deploy", "tests/benchmarks", "weights")),
]


def test_the_readme_is_a_front_page() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert "pip install . && reid-track demo/pedestrians.mp4" in text
    assert "pip install -e '.[dev]' && python -m pytest" in text


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Links within the repository, those of README.md as GitHub follows them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / unquote(name)).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(path), f"{page.name} links to {target}"


def anchors(path: Path) -> set[str]:
    """Return the names by which the headings of a page can be linked to."""
    headings = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_the_table_of_faults_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 80
    for file, test in named:
        assert re.search(rf"\bdef {test}\(", (ROOT / file).read_text(encoding="utf-8")), test
    text = (ROOT / "docs" / "operations" / "faults.md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if re.match(r"\| (?!Fault|---)", row)]
    tests = (ROOT / "tests" / "cli" / "test_faults.py").read_text(encoding="utf-8")
    for row in rows:
        for test in re.findall(r"`(\w+)`", row.rsplit("|", 2)[1]):
            assert f"def test_{test}(" in tests, test


@pytest.mark.slow
def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    built = sorted(tmp_path.rglob("*.html"))
    assert len(built) > 20
    for page in built:
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(
            r"<(?:script|img|link)[^>]*?\s(?:src|href)=\"?(https?://[^\s\">]+)", html
        )
        assert not [url for url in loaded if "canonical" not in url], page
        text = unescape(re.sub(r"<[^>]+>", "", html))
        assert not re.search(r"8 ?< ?--", text), f"{page} does not show a file that it includes"
