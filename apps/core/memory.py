"""Keeping memory that is needed again at once."""

import ctypes
import functools
import gc
import logging

logger = logging.getLogger(__name__)

# mallopt(3), the parameters' numbers from <malloc.h>.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MIB = 1 << 20
# The largest that glibc allows on 64 bits (DEFAULT_MMAP_THRESHOLD_MAX).
_LARGEST_IN_HEAP = 32 * _MIB
# New objects between two rounds of the garbage collector.
_ROUND_AFTER = 20_000


@functools.cache
def arrays_keep_memory(spare_mib: int = 64) -> bool:
    """Let this process keep up to `spare_mib` MiB that it has freed; answers whether it does.

    Work that makes and drops some tens of arrays of half a megabyte several times a second otherwise gets every page of
    them from the kernel anew (glibc gives freed memory back beyond 128 KiB), which costs as much as the arithmetic on
    them. Source of the limits: `man 3 mallopt`. Does nothing with other C libraries."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = (
        (_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP),
        (_M_TRIM_THRESHOLD, spare_mib * _MIB),
        (_M_TOP_PAD, spare_mib * _MIB // 4),
    )
    kept = all(mallopt(parameter, value) == 1 for parameter, value in wanted)
    if not kept:
        logger.warning("The C library does not take memory settings: scans are slower than they could be.")
    return kept


@functools.cache
def heap_set_aside() -> int:
    """Take everything this process holds by now out of the garbage collector's rounds, once; how many objects.

    What the imports made lives as long as the process. Every full collection walks it all the same: some 200,000
    objects, 0.1 s, in the middle of whatever is measured in milliseconds. And order books are tens of thousands of
    objects without any cycle: looking through them after every 700 new ones finds nothing. Source: `gc.freeze`,
    `gc.set_threshold`."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ROUND_AFTER)
    return gc.get_freeze_count()
