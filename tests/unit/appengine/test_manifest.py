from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.manifest import (
    LARGEST_FILE,
    File,
    Manifest,
    folder_warnings,
    size_problems,
)

FILES = st.lists(
    st.builds(File, st.text(max_size=3), st.just(1), st.sampled_from(["aa", "bb", "cc"])),
    unique_by=lambda file: file.path,
).map(lambda files: Manifest(tuple(sorted(files))))


@given(FILES, FILES)
def test_equal_digests_mean_equal_manifests(one: Manifest, other: Manifest) -> None:
    assert (one.digest == other.digest) == (one == other)


@given(FILES)
def test_every_content_is_there_once(manifest: Manifest) -> None:
    assert set(manifest.by_sha1) == {file.sha1 for file in manifest.files}
    assert manifest.size == len(manifest.by_sha1)


@given(FILES, st.text(max_size=3))
def test_a_file_replaces_the_one_at_its_path(manifest: Manifest, path: str) -> None:
    file = File(path, 9, "dd")
    found = manifest.with_file(file)
    assert found.files == tuple(sorted({f.path: f for f in (*manifest.files, file)}.values()))


def test_a_file_over_the_limit_is_named_with_its_size() -> None:
    manifest = Manifest((File("a/big", LARGEST_FILE + 1, "aa"), File("fits", LARGEST_FILE, "bb")))
    assert size_problems(manifest) == (
        "a/big has 33554433 bytes, more than the 33554432 of a file's limit",
    )


def test_too_many_files_are_counted_with_the_folders_that_have_most() -> None:
    many = tuple(File(f"{n // 6000}/{n:05}", 1, "aa") for n in range(10_001))
    assert size_problems(Manifest(many[:10_000])) == ()
    assert size_problems(Manifest(many)) == (
        "10001 files are more than the 10000 of a version; most: 0 (6000), 1 (4001)",
    )


def test_a_crowded_folder_is_the_server_s_to_refuse() -> None:
    crowd = tuple(File(f"{n:04}", 1, "aa") for n in range(1001))
    assert size_problems(Manifest(crowd)) == folder_warnings(Manifest(crowd[:1000])) == ()
    assert folder_warnings(Manifest(crowd)) == (
        "the top folder has 1001 files, more than the limit of 1000",
    )
