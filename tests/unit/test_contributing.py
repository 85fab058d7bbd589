"""CONTRIBUTING.md: the files and functions that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "flowdeploy"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_promotion_walk_names_files_and_functions_that_exist() -> None:
    section = TEXT.split("## Follow a promotion")[1].split("\n## ")[0]
    stops = re.findall(
        r"^\d+\. `([\w/]+\.py)`: (.+?)(?=^\d+\. |\Z)", section, re.MULTILINE | re.DOTALL
    )
    assert 1 <= len(stops) <= 12
    for path, text in stops:
        code = (SOURCE / path).read_text(encoding="utf-8")
        for name in re.findall(r"`([A-Za-z_.]+)`", text):
            assert all(re.search(rf"\b{part}\b", code) for part in name.split(".")), (path, name)


def test_the_table_lists_every_entry_of_the_source() -> None:
    entries = {
        path.name + "/" * path.is_dir()
        for path in SOURCE.iterdir()
        if not path.name.startswith("_") and path.suffix in ("", ".py")
    }
    assert {each for each in entries if f"`{each}`" not in TEXT} == set()
