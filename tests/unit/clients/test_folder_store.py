"""Records in a folder keep to the same contract as those in a bucket."""

from __future__ import annotations

import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.errors import ServiceError

NAME = "releases/20200403-073034.json"


def files(store: FolderStore) -> list[str]:
    return sorted(p.name for p in store.root.rglob("[!.]*") if p.is_file())


def test_what_is_written_is_read_as_it_is(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "home/records")
    assert store.read(NAME) is None
    generation = store.write(NAME, b"one\n", 0)
    found = store.read(NAME)
    assert found
    assert (found.content, found.generation) == (b"one\n", generation)
    assert found.age >= 0
    assert (store.root / NAME).read_bytes() == b"one\n"
    assert files(store) == ["20200403-073034.json"]


def test_a_write_needs_the_generation_that_is_there(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    first = store.write(NAME, b"one", 0)
    assert first
    assert store.write(NAME, b"two", 0) is None
    second = store.write(NAME, b"two", first)
    assert second
    assert second > first
    assert store.write(NAME, b"three", first) is None
    assert store.write("another", b"three", first) is None
    found = store.read(NAME)
    assert found
    assert found.content == b"two"


def test_generations_grow_though_the_clock_stands(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write(NAME, b"one", 0)
    future = 4_000_000_000_000_000_000
    os.utime(tmp_path / NAME, ns=(future, future))
    assert store.write(NAME, b"two", future) == future + 1
    found = store.read(NAME)
    assert found
    assert (found.generation, found.age) == (future + 1, 0.0)


def test_a_delete_needs_the_generation_too(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    generation = store.write(NAME, b"one", 0)
    assert generation
    store.delete(NAME, generation - 1)
    assert files(store)
    store.delete(NAME, generation)
    store.delete(NAME, generation)
    store.delete(NAME, 0)
    assert store.read(NAME) is None


def test_of_many_who_write_at_once_one_succeeds(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda n: store.write(NAME, str(n).encode(), 0), range(32)))
    (winner,) = (n for n, generation in enumerate(written) if generation is not None)
    found = store.read(NAME)
    assert found
    assert found.content == str(winner).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.lists(st.tuples(st.binary(max_size=9), st.booleans()), max_size=8))
def test_only_the_last_generation_writes(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[bytes, bool]]
) -> None:
    store = FolderStore(tmp_path_factory.mktemp("records"))
    generation, content = 0, None
    for new, up_to_date in writes:
        written = store.write(NAME, new, generation if up_to_date else generation - 1)
        assert (written is not None) == up_to_date
        generation, content = (written, new) if written else (generation, content)
    found = store.read(NAME)
    assert (found.content if found else None) == content


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FolderStore(tmp_path / "file")
    for use in (lambda: store.read("x"), lambda: store.write("x", b"", 0)):
        with pytest.raises(ServiceError) as error:
            use()
        assert str(tmp_path / "file") in error.value.message
        assert error.value.hint == "FLOWDEPLOY_HOME names a folder that can be written to."


def test_a_disk_without_room_is_told_with_the_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(ServiceError, match=f"the records in {tmp_path} cannot be used"):
            store.write("runs/a/plan", b"x" * 2000, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.objects("runs/a/") == ()


def test_a_write_is_later_than_all_before_it_though_the_clock_was_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    first = store.write("index/a", b"", 0)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    again = store.write("index/b", b"", 0)
    assert first is not None
    assert again is not None
    assert again > first
    assert [each.name for each in store.objects("index/")] == ["index/a", "index/b"]
