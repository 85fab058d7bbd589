"""Traffic splits: how a service's requests are divided among its versions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

# API reference, TrafficSplit.allocations: two decimals by IP, three by cookie.
UNITS = {"COOKIE": 1000}
FEWEST_UNITS = 100
SAME = 1e-6  # tolerance for shares; rounding errors of floating-point sums are smaller


@dataclass(frozen=True, slots=True)
class Split:
    """A traffic split: version ids → shares in (0, 1] that sum to 1 (none: no versions yet).

    ``shard_by`` is the Admin API's ``TrafficSplit.shardBy``: UNSPECIFIED, COOKIE, IP or RANDOM.
    """

    allocations: Mapping[str, float]
    shard_by: str = "UNSPECIFIED"

    @classmethod
    def all_to(cls, version: str) -> Split:
        """All traffic to one version. Like gcloud's promote, without a shardBy."""
        return cls({version: 1.0})

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Split:
        """The split that `as_json` wrote."""
        return cls(dict(document["allocations"]), document["shard_by"])

    @property
    def only(self) -> str | None:
        """The version that has all traffic, if any."""
        return next((version for version in self.live if self.serves_only(version)), None)

    @property
    def live(self) -> tuple[str, ...]:
        """The versions that get traffic, in alphabetical order."""
        return tuple(sorted(v for v, share in self.allocations.items() if share > 0))

    def serves(self, version: str) -> bool:
        return self.allocations.get(version, 0) > 0

    def serves_only(self, version: str) -> bool:
        """Whether all traffic goes to ``version``, however it is sharded."""
        return math.isclose(self.allocations.get(version, 0), 1.0)

    def same_as(self, other: Split) -> bool:
        """Whether the splits are the same to users: equal shares, sharded in the same way.

        With a single version, sharding does not matter. Only then is it UNSPECIFIED: the
        Admin API requires a shardBy for all other splits.
        """
        versions = {*self.live, *other.live}
        if any(abs(self.share(v) - other.share(v)) > SAME for v in versions):
            return False
        return self.shard_by == other.shard_by or len(versions) < 2

    def towards(self, version: str, percent: float, shard_by: str) -> Split:
        """The split with ``percent`` (over 0, up to 100) of the traffic on ``version``.

        The other live versions share the rest in their present proportion. Shares are
        multiples of what the API can express: a thousandth by COOKIE, a hundredth by IP.
        ``percent`` is rounded to that, but never to zero or to all; another version's share
        may round to zero. The present share of ``version`` does not matter, and may shrink.
        Without other live versions, or for 100 percent, it gets all traffic, without a shardBy.
        """
        others = {v: Fraction(self.share(v)) for v in self.live if v != version}
        if percent >= 100 or not others:
            return Split.all_to(version)
        units = UNITS.get(shard_by, FEWEST_UNITS)
        given = min(max(round(Fraction(str(percent)) * units / 100), 1), units - 1)
        parts = {version: given, **_apportion(units - given, others)}
        return Split({v: part / units for v, part in parts.items() if part}, shard_by)

    def share(self, version: str) -> float:
        """The version's part of the traffic, from 0 to 1."""
        return self.allocations.get(version, 0.0)

    def as_json(self) -> dict[str, Any]:
        return {"allocations": dict(self.allocations), "shard_by": self.shard_by}

    def __str__(self) -> str:
        """``VERSION``, or ``VERSION 10 %, VERSION 90 %``."""
        if self.only:
            return self.only
        return ", ".join(f"{v} {self.allocations[v] * 100:g} %" for v in self.live) or "nothing"


def _apportion(units: int, weights: Mapping[str, Fraction]) -> dict[str, int]:
    """``units`` whole units, divided in proportion to the weights.

    The largest remainders are rounded up; of equal ones, the first in alphabetical order.
    """
    total = sum(weights.values())
    exact = {name: units * weight / total for name, weight in weights.items()}
    parts = {name: math.floor(part) for name, part in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (parts[name] - exact[name], name))
    for name in by_remainder[: units - sum(parts.values())]:
        parts[name] += 1
    return parts
