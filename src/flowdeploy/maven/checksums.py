"""The checksums that a Maven repository stores with a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checksums:
    """Digests in lower-case hex; ``size`` in bytes.

    Clients of a repository read SHA-1 and MD5; flowdeploy compares files by SHA-256.
    """

    size: int
    md5: str
    sha1: str
    sha256: str

    @classmethod
    def of(cls, chunks: Iterable[bytes]) -> Checksums:
        """Compute the checksums of all chunks together, in one pass."""
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
