from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.manifest import LARGEST_FILE, File, Findings, Manifest, check

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


def test_large_files_are_gcloud_s_to_refuse_only_for_old_runtimes() -> None:
    manifest = Manifest((File("a/big", LARGEST_FILE + 1, "aa"), File("fits", LARGEST_FILE, "bb")))
    finding = "a/big has 33554433 bytes, more than the 33554432 of a file's limit"
    assert check(manifest, "java8") == Findings(errors=(finding,))
    assert check(manifest, "java21") == Findings(warnings=(finding,))


def test_too_many_files_are_the_server_s_to_refuse() -> None:
    many = tuple(File(f"{n // 1000:02}/{n:05}", 1, "aa") for n in range(10_001))
    crowd = tuple(File(f"{n:04}", 1, "aa") for n in range(1001))
    assert check(Manifest(many[:10_000]), "java8") == Findings()
    assert check(Manifest(many), "java8").warnings == (
        "10001 files are more than the limit of 10000",
    )
    assert check(Manifest(crowd), "java8").warnings == (
        "the top folder has 1001 files, more than the limit of 1000",
    )
