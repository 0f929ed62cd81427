"""How long edges last: from past episodes, some of which were not seen to their end. Pure."""

from collections.abc import Iterable
from itertools import groupby


def half_life_s(episodes: Iterable[tuple[float, bool]]) -> float | None:
    """Seconds after which half of all episodes are over, from (seconds, whether it was over then) of each.

    An episode that still runs, or that we stopped looking at, lasted at least so long: such are counted by the
    product-limit estimate, `S(t) = Π (1 - d_i/n_i)` over the moments at which d_i of n_i episodes ended (E. L. Kaplan
    and P. Meier, "Nonparametric Estimation from Incomplete Observations", JASA 53, 1958). None where fewer than half
    were seen to end."""
    ordered = sorted(episodes)
    left, alive = len(ordered), 1.0
    for seconds, group in groupby(ordered, key=_seconds):
        over = [ended for _, ended in group]
        alive *= 1 - sum(over) / left
        left -= len(over)
        # Products of fractions: half is half, whatever the last digit says.
        if alive <= 0.5 + 1e-12:
            return seconds
    return None


def _seconds(episode: tuple[float, bool]) -> float:
    return episode[0]
