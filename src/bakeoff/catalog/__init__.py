"""Which local models there are, where their bytes come from, and how they are fetched, checked and found again."""

from bakeoff.catalog.entries import Entry, Model, Variant, find, load, models
from bakeoff.catalog.manifest import Problem
from bakeoff.catalog.pull import pull
from bakeoff.catalog.resolve import State, ensure, resolve, revision, state, verify

__all__ = [
    "Entry",
    "Model",
    "Problem",
    "State",
    "Variant",
    "ensure",
    "find",
    "load",
    "models",
    "pull",
    "resolve",
    "revision",
    "state",
    "verify",
]
