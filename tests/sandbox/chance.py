"""Randomness for tests: seeded, so that a failing draw fails again."""

import random

from agent.sandbox.rules import Draw


def seeded(seed: int = 1) -> Draw:
    chance = random.Random(seed)
    return lambda alphabet, length: "".join(chance.choices(alphabet, k=length))


def scripted(*results: str) -> Draw:
    """Gives these in order, whatever is asked for."""
    left = iter(results)
    return lambda alphabet, length: next(left)
