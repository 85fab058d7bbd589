"""Builds: what is shown and kept, how failures are told, and that nothing outlives them."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowdeploy.config.values import BuildConfig
from flowdeploy.errors import ToolError
from flowdeploy.steps import build

Run = Callable[..., list[str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "build.log"


@pytest.fixture
def run(tmp_path: Path, log: Path) -> Run:
    """Runs commands in ``tmp_path``; gives back the lines that were shown."""

    def run(*commands: str, **environ: str) -> list[str]:
        shown: list[str] = []
        build.run_build(
            BuildConfig(commands, tmp_path, (), tmp_path),
            environ={**os.environ, **environ},
            variables={"FLOWDEPLOY_VERSION": "20200403-073034"},
            pull_request=False,
            log=log,
            echo=shown.append,
        )
        return shown

    return run


class Fifo:
    """A named pipe that tells when the last process that holds it has ended."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def is_let_go(self) -> bool:
        """Waits for the kernel to end processes that have been killed."""
        poll = select.poll()
        poll.register(self._reader, 0)
        return poll.poll(10_000) == [(self._reader, select.POLLHUP)]

    def close(self) -> None:
        os.close(self._reader)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    made = Fifo(tmp_path / "fifo")
    yield made
    made.close()


def test_commands_run_in_order_in_their_folder_and_are_shown(run: Run, log: Path) -> None:
    shown = run("echo one > made", "cat made; echo $FLOWDEPLOY_VERSION >&2")

    assert shown[:2] == ["$ echo one > made", "$ cat made; echo $FLOWDEPLOY_VERSION >&2"]
    assert shown[2:] == ["one", "20200403-073034"]
    assert log.read_text() == "".join(f"{line}\n" for line in shown)


def test_a_credential_is_not_in_the_environment(run: Run) -> None:
    (_, line) = run('echo "[$GITHUB_TOKEN][$HARMLESS]"', GITHUB_TOKEN="secret", HARMLESS="yes")

    assert line == "[][yes]"


def test_a_credential_that_the_build_prints_is_masked_where_it_is_shown(
    tmp_path: Path, log: Path
) -> None:
    shown: list[str] = []
    with pytest.raises(ToolError) as caught:
        build.run_build(
            BuildConfig(('echo "token $NPM_TOKEN"; exit 3',), tmp_path, ("NPM_TOKEN",), tmp_path),
            environ={**os.environ, "NPM_TOKEN": "npm_0123456789"},
            variables={},
            pull_request=False,
            log=log,
            echo=shown.append,
        )
    assert (shown[-1], *caught.value.details) == ("token ***", "token ***")
    assert "token npm_0123456789" in log.read_text()  # for its owner only


def test_the_first_failure_ends_it_with_its_last_lines(run: Run, tmp_path: Path, log: Path) -> None:
    numbers = [str(number) for number in range(100, 130)]

    with pytest.raises(ToolError) as caught:
        run(f"printf '%s\\n' {' '.join(numbers)}; echo broken >&2; exit 3", "touch too-far")

    assert caught.value.exit_code == 1
    assert caught.value.message.endswith("exit 3` ended with exit status 3")
    assert caught.value.details == (*numbers[-19:], "broken")
    assert str(log) in str(caught.value.hint)
    assert "100\n101\n" in log.read_text()
    assert not (tmp_path / "too-far").exists()


@pytest.mark.parametrize(
    ("command", "ending"),
    [
        ("kill -9 $$", "was ended by SIGKILL"),
        ("exit 139", "ended with exit status 139 (SIGSEGV)"),
        ("exit 255", "ended with exit status 255"),
        ("exec >&- 2>&-; exit 4", "ended with exit status 4"),
        ("kill -9 $$\nexit", "`kill -9 $$ …` was ended by SIGKILL"),
    ],
)
def test_the_failure_names_exit_status_or_signal(run: Run, command: str, ending: str) -> None:
    with pytest.raises(ToolError) as caught:
        run(command)

    assert caught.value.message.endswith(ending)


def test_a_missing_folder_is_told(tmp_path: Path, log: Path) -> None:
    gone = tmp_path / "gone"

    with pytest.raises(ToolError, match=r"cannot start `true` in .*: No such file or directory"):
        build.run_build(
            BuildConfig(("true",), gone, (), gone),
            environ=os.environ,
            variables={},
            pull_request=False,
            log=log,
            echo=print,
        )


def test_a_program_that_is_missing_is_named_by_the_shell_and_hinted_at(run: Run) -> None:
    with pytest.raises(ToolError) as caught:
        run("no-such-tool --version")

    assert "no-such-tool" in caught.value.details[-1]
    assert "not found" in caught.value.details[-1]
    assert "PATH" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (r"no newline", ["no newline"]),
        (r"a\r\nb\rc\n", ["a", "b", "c"]),
        (r"\033[1;31mred\033[0m \007bell\n", ["\x1b[1;31mred\x1b[0m \abell"]),
        (r"\303\244 \377 \303", ["ä \ufffd \ufffd"]),
        (r"\n\n", ["", ""]),
    ],
)
def test_output_becomes_lines(run: Run, output: str, lines: list[str]) -> None:
    assert run(f"printf '{output}'")[1:] == lines


def test_an_endless_line_is_cut_and_nothing_is_lost(run: Run, log: Path) -> None:
    shown = run("head -c 3000000 /dev/zero | tr '\\0' x")[1:]

    assert "".join(shown) == "x" * 3_000_000
    assert len(shown) > 10
    assert log.stat().st_size > 3_000_000


def test_a_background_process_that_holds_the_output_is_ended(run: Run, fifo: Fifo) -> None:
    assert run("sleep 300 3> fifo & echo done")[1:] == ["done"]
    assert fifo.is_let_go()


def test_a_background_process_that_never_stops_talking_is_ended(run: Run, fifo: Fifo) -> None:
    assert set(run("exec 3> fifo; while :; do echo y; sleep 0.01; done &")[1:]) <= {"y"}
    assert fifo.is_let_go()


def interrupted(line: str) -> None:
    if line == "ready":
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "trap", ["", "trap 'echo stopped > marker; exit' TERM; ", "trap '' TERM; "]
)
def test_an_interrupt_ends_the_whole_group(tmp_path: Path, fifo: Fifo, trap: str) -> None:
    command = f"exec 3> fifo; {trap}sleep 300 & echo ready; wait"

    with pytest.raises(KeyboardInterrupt):
        build.run_build(
            BuildConfig((command,), tmp_path, (), tmp_path),
            environ=os.environ,
            variables={},
            pull_request=False,
            log=tmp_path / "build.log",
            echo=interrupted,
        )

    assert fifo.is_let_go()
    assert (tmp_path / "marker").exists() == ("marker" in trap)
