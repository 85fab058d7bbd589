"""The digests that a Maven repository keeps beside a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checksums:
    """Digests in lower-case hex; ``size`` in bytes.

    SHA-1 and MD5 are what the clients of a repository read. What is the same and
    what is not is decided by SHA-256.
    """

    size: int
    md5: str
    sha1: str
    sha256: str

    @classmethod
    def of(cls, chunks: Iterable[bytes]) -> Checksums:
        """Of all the chunks together, each of which is looked at once."""
        size = 0
        md5 = hashlib.md5(usedforsecurity=False)
        sha1 = hashlib.sha1(usedforsecurity=False)
        sha256 = hashlib.sha256()
        for chunk in chunks:
            size += len(chunk)
            for digest in (md5, sha1, sha256):
                digest.update(chunk)
        return cls(size, md5.hexdigest(), sha1.hexdigest(), sha256.hexdigest())

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The suffix and content of each checksum file, as Maven writes them: bare hex."""
        yield ".sha1", self.sha1.encode()
        yield ".md5", self.md5.encode()
