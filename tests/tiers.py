"""Long lists of cases: one of each kind runs every time, and all of them with --long."""

import pytest

_asked = False


def configure(long):
    """Whether `--long` was given: told by conftest before any test is collected."""
    global _asked
    _asked = long


def usually(what, with_long):
    """A number of examples, or whatever else a test takes more of with `--long`."""
    return with_long if _asked else what


def tiered(cases, always):
    """The cases as parameters; those that are not among `always` take `--long`."""
    cases = list(cases)
    assert set(always) < set(cases), set(always) - set(cases)
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=[] if case in always else pytest.mark.long) for case in cases
    ]
