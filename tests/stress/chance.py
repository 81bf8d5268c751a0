"""When a fault happens by chance, and that each happens at least once."""

import random


def happens(chance: random.Random, share: float, times_so_far: int) -> bool:
    """Whether a fault with this share of all occasions happens on this one.

    The first occasion is taken for sure, so that a run too short for its chances still meets every fault. A share of 0
    never happens.
    """
    is_drawn = chance.random() < share
    return is_drawn or (share > 0 and not times_so_far)
