"""Properties are deterministic: the same examples in every run, and no deadline on a shared machine."""

import pytest
import tiers
from hypothesis import settings

settings.register_profile("normproof", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("normproof")


#: Files that take longest, in the order in which two processes get them: the short ones fill what is left.
FIRST = (
    "audit",
    "twins",
    "interruptions",
    "networks",
    "extension",
    "hostile",
    "command_line",
    "residual",
    "optimum_lemma",
    "fisher",
    "report",
)


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also what takes long: most of all twins of claims that are audited with --long")


def pytest_configure(config):
    tiers.configure(config.getoption("--long"))


def pytest_collection_modifyitems(config, items):
    order = {f"test_{name}": number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="takes long: pytest --long runs it"))
