"""A Maven repository and its files as values; importing them loads no HTTP client."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from flowdeploy.config.regular_files import open_regular

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Repository:
    """A Maven repository that takes PUT with basic authentication, and our account there.

    ``api`` is the address below which Clojars answers ``<group>/<artifact>``; it is
    None for every other repository. Where it is set, the rules of Clojars hold.
    """

    url: str
    api: str | None = None
    user: str = ""
    token: str = field(default="", repr=False)

    @property
    def credentials(self) -> tuple[str, str]:
        """User name and token, without white space around them."""
        return self.user.strip(), self.token.strip()

    def address(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"


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


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """One file of a version: its path in the repository, and its bytes or their local path."""

    path: str
    content: Path | bytes
    checksums: Checksums

    def __str__(self) -> str:
        return f"{self.name} ({self.checksums.size:,} bytes)"

    @classmethod
    def of(cls, path: str, content: bytes) -> RepositoryFile:
        return cls(path, content, Checksums.of([content]))

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def open(self) -> BinaryIO:
        if isinstance(self.content, Path):
            return open_regular(self.content)
        return io.BytesIO(self.content)


def checksum_files(path: str, checksums: Checksums) -> tuple[RepositoryFile, ...]:
    """The checksum files of the file at ``path``, as Maven writes them: bare hex."""
    return (
        RepositoryFile.of(f"{path}.sha1", checksums.sha1.encode()),
        RepositoryFile.of(f"{path}.md5", checksums.md5.encode()),
    )
