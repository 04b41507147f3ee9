"""An order is a permutation, drawn or computed."""

from __future__ import annotations

import numpy as np
import pytest

from litteragpt.training.order import Order


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 63, 64, 65, 1000, 4097])
def test_a_computed_order_is_a_permutation(size: int) -> None:
    order = Order(size, generator(1), held=0)
    assert sorted(order[place] for place in range(size)) == list(range(size))


def test_a_drawn_order_is_numpys() -> None:
    order = Order(100, generator(1))
    assert [order[place] for place in range(100)] == generator(1).permutation(100).tolist()


def test_a_computed_order_is_shuffled_and_depends_on_the_seed() -> None:
    size = 10**12
    one, same, other = (Order(size, generator(seed)) for seed in (1, 1, 2))
    places = [one[place] for place in range(2000)]
    assert places == [same[place] for place in range(2000)]
    assert places != [other[place] for place in range(2000)]
    # Spread over the whole range, and neighbours come far apart.
    assert np.histogram(places, 10, (0, size))[0].min() > 120
    assert np.abs(np.corrcoef(places[:-1], places[1:])[0, 1]) < 0.1
