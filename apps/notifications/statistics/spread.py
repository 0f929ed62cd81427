"""How long things took, as counts in logarithmic buckets: spreads of hours add up to the spread of a month.

The buckets are those of DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
Relative-Error Guarantees", PVLDB 12(12), 2019, section 2): bucket i holds what lies in (g^(i-1), g^i] with
g = (1+a)/(1-a), and its middle 2g^i/(g+1) is within the fraction a of everything in it. With a = 1 % the times from a
microsecond to a month share 1,430 buckets, of which an hour of one provider fills some dozens."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The largest relative error of a percentile.
ERROR: Final = 0.01
_GAMMA: Final = (1 + ERROR) / (1 - ERROR)
LN_GAMMA: Final = math.log(_GAMMA)
_PAIR: Final = struct.Struct("<HI")


def bucket_of(microseconds: int) -> int:
    """The bucket that a time belongs to; what took less than a microsecond shares the first one."""
    return math.ceil(math.log(max(1, microseconds)) / LN_GAMMA)


@dataclass(slots=True)
class Spread:
    """Whole microseconds. Count, sum (and so the mean), least and most are exact; percentiles are within ERROR.

    Adding only remembers the other's packed buckets: they are summed once, by those who ask for a percentile."""

    count: int = 0
    sum_us: int = 0
    min_us: int | None = None
    max_us: int | None = None
    parts: list[bytes] = field(default_factory=list)

    def take(self, bucket: int, count: int, *, sum_us: int, min_us: int, max_us: int) -> None:
        """Add `count` times that all belong to one bucket."""
        self.add(Spread(count, sum_us, min_us, max_us, [_PAIR.pack(bucket, count)]))

    def add(self, other: "Spread") -> None:
        """Add another spread's times."""
        if other.min_us is None or other.max_us is None:
            return
        self.count += other.count
        self.sum_us += other.sum_us
        self.min_us = other.min_us if self.min_us is None else min(self.min_us, other.min_us)
        self.max_us = other.max_us if self.max_us is None else max(self.max_us, other.max_us)
        self.parts += other.parts

    @property
    def mean_us(self) -> float | None:
        """Exact; None of nothing."""
        return self.sum_us / self.count if self.count else None

    def percentiles_us(self, *shares: float) -> list[float | None]:
        """The times below which these shares (0 to 1) lie: of n sorted times the one at place floor(share · (n - 1)),
        as `numpy.percentile(…, method="lower")`. All None of nothing."""
        if self.min_us is None or self.max_us is None:
            return [None for _ in shares]
        passed = self._summed().cumsum()
        places = [math.floor(share * (self.count - 1)) for share in shares]
        buckets = passed.searchsorted(places, side="right").tolist()
        middles = (2 * math.exp(bucket * LN_GAMMA) / (_GAMMA + 1) for bucket in buckets)
        return [min(max(middle, float(self.min_us)), float(self.max_us)) for middle in middles]

    def exact(self) -> dict[str, int]:
        """What is exact, as JSON; nothing is an empty object."""
        if self.min_us is None or self.max_us is None:
            return {}
        return {"count": self.count, "sum_us": self.sum_us, "min_us": self.min_us, "max_us": self.max_us}

    def packed(self) -> bytes:
        """The buckets that are filled: for each its number (uint16) and its count (uint32), little-endian."""
        summed = self._summed()
        return b"".join(_PAIR.pack(bucket, int(summed[bucket])) for bucket in summed.nonzero()[0].tolist())

    @classmethod
    def of(cls, exact: Mapping[str, int], packed: bytes) -> Self:
        """What `exact` and `packed` gave."""
        return cls(**exact, parts=[bytes(packed)]) if exact else cls()

    def _summed(self) -> "NDArray[np.int64]":
        """How many times there are in each bucket, from bucket 0 on."""
        # Only for those who ask: most processes that know this module never count.
        import numpy as np

        pairs = np.frombuffer(b"".join(self.parts), dtype=[("bucket", "<u2"), ("count", "<u4")])
        # Sums of floats are exact up to 2^53.
        return np.bincount(pairs["bucket"], weights=pairs["count"]).astype(np.int64)
