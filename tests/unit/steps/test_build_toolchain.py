"""What is named as missing is certainly missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.steps.toolchain import missing_tools


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with npm, make, find, env and apt-get alone."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("npm", "make", "find", "env", "apt-get"):
        (folder / name).touch(mode=0o755)
    return folder


@pytest.mark.parametrize(
    ("commands", "missing"),
    [
        (["npm ci && npm run build", "mvn package"], ("mvn",)),
        (["mvn package", "lein build; mvn verify | tee log"], ("mvn", "lein", "tee")),
        (["CI=1 OPTS='-x -y' mvn package > log 2>&1"], ("mvn",)),
        (["cd GAE && mvn package"], ("mvn",)),
        (["(mvn package)"], ("mvn",)),
        (["make &> log && zip -r a.zip ."], ("zip",)),
        (["./gradlew build"], ("./gradlew",)),
        (["bin/make all"], ()),
        (["make", "./made-by-make"], ()),
        (["cd GAE && ./mvnw package"], ()),
        (["echo 'mvn; lein' \"| zip\" \\; npm"], ()),
        (["find . -exec lein {} \\; -print"], ()),
        (["make -DargLine='a; lein b' --x=\"c && lein d\""], ()),
        (["if true; then mvn package; fi"], ()),
        (["test -x /usr/bin/mvn && mvn package"], ()),
        (["mvn package || make"], ()),
        (["f() { lein build; }; f"], ()),
        (["for tool in a b; do $tool; done"], ()),
        (["cat <<END\nmvn\nEND"], ()),
        (["make # not; mvn"], ()),
        (["make $((1 + 2))"], ()),
        (["PATH=$PWD/node_modules/.bin:$PATH; gulp"], ()),
        ([". ./env.sh; mvn package"], ()),
        (["$MVN package", "`tool`", '"$TOOL" x'], ("tool",)),
        (["apt-get install -y maven && mvn package", "lein build"], ()),
        (["echo 'unbalanced; mvn"], ()),
    ],
)
def test_missing_tools(
    tools: Path, tmp_path: Path, commands: list[str], missing: tuple[str, ...]
) -> None:
    assert missing_tools(commands, tmp_path, str(tools)) == missing


@given(st.lists(st.text(" \n'\"\\;&|<>(){}$`#=/.ab01-", max_size=30), max_size=3))
def test_any_text_can_be_looked_at(commands: list[str]) -> None:
    for name in missing_tools(commands, Path("/nonexistent"), "/nonexistent"):
        assert name in "".join(commands)
