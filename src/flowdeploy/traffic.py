"""How a service's requests are divided among its versions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Split:
    """A traffic split: version ids → shares in (0, 1] that sum to 1 (none: no versions yet).

    ``shard_by`` is the Admin API's ``TrafficSplit.shardBy``: UNSPECIFIED, COOKIE, IP or RANDOM.
    """

    allocations: Mapping[str, float]
    shard_by: str = "UNSPECIFIED"

    @classmethod
    def all_to(cls, version: str) -> Split:
        """The immediate, complete switch; gcloud's promote sends it with no shardBy too."""
        return cls({version: 1.0})

    @property
    def live(self) -> tuple[str, ...]:
        """The versions that get traffic, in alphabetical order."""
        return tuple(sorted(v for v, share in self.allocations.items() if share > 0))

    def serves(self, version: str) -> bool:
        return self.allocations.get(version, 0) > 0

    def serves_only(self, version: str) -> bool:
        """Whether all traffic goes to ``version``. How it is sharded then makes no difference."""
        return math.isclose(self.allocations.get(version, 0), 1.0)

    def as_json(self) -> dict[str, Any]:
        return {"allocations": dict(self.allocations), "shard_by": self.shard_by}
