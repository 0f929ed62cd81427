"""Freed memory stays with the process once it was told to keep it; what lives for good is not looked through."""

import subprocess
import sys

_FAULTS = """
import resource, sys
import numpy as np
from apps.core.memory import arrays_keep_memory

if sys.argv[1] == "keep":
    assert arrays_keep_memory()
    assert arrays_keep_memory()

def work():
    arrays = [np.ones(60_000) for _ in range(20)]
    del arrays

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    found = subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_arrays_that_come_again_and_again_fault_their_pages_in_once() -> None:
    assert faults("keep") < 500 < 10_000 < faults("leave")


_HEAP = """
import gc
from apps.core.memory import heap_set_aside

kept = [[number] for number in range(50_000)]
before = len(gc.get_objects())
frozen = heap_set_aside()
assert frozen >= 50_000
# Once: what comes later is looked through as ever.
later = [[number] for number in range(1_000)]
assert heap_set_aside() == frozen
ring = []
ring.append(ring)
del ring
print(before, len(gc.get_objects()), gc.collect())
"""


def test_what_is_set_aside_is_not_looked_through_any_more() -> None:
    found = subprocess.run([sys.executable, "-c", _HEAP], capture_output=True, text=True, check=True)
    before, after, collected = map(int, found.stdout.split())
    assert before > 50_000
    assert 1_000 <= after < 5_000
    # Garbage of afterwards is still found.
    assert collected >= 1
