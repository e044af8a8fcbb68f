"""Real pixels as inputs: the samples of a `DataSet`, in one fixed order."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import numpy as np

from theory.distributions import DataSet

PATCH = 8  #: pixels along the side of a patch


class MissingData(ValueError):
    """A data set cannot be read here, or has fewer samples than asked for; the message says which and what to do."""


@cache
def pixels(dataset: DataSet) -> np.ndarray:
    """All samples (n, d), float64, less the mean of all numbers and over their deviation; shuffled, always alike.

    Shuffled, because neighbouring patches are alike: the first n samples then stand for the set.
    """
    raw = _read(dataset).astype(float)
    shuffled = raw[np.random.default_rng(0).permutation(len(raw))]
    standard = (shuffled - raw.mean()) / raw.std()
    standard.setflags(write=False)
    return standard


def samples(dataset: DataSet, count: int | None = None) -> np.ndarray:
    """The first `count` samples; all without it.

    Raises
    ------
    MissingData
    """
    found = pixels(dataset)
    if count is not None and count > len(found):
        raise MissingData(f"{dataset.value} has {len(found)} samples, fewer than the {count} asked for")
    return found[:count]


def gram(dataset: DataSet, count: int | None = None) -> np.ndarray:
    """$XX^T/d$ of the first `count` samples: measured powers and overlaps, (n, n)."""
    x = samples(dataset, count)
    return x @ x.T / x.shape[1]


def _read(dataset: DataSet) -> np.ndarray:
    if dataset is DataSet.PORTRAIT:
        from matplotlib import cbook, image

        return _patches(np.asarray(image.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))))
    if find_spec("sklearn") is None:
        raise MissingData(f"{dataset.value} come with scikit-learn, which is not installed: pip install 'normproof[data]'")
    from sklearn import datasets

    if dataset is DataSet.DIGITS:
        return np.asarray(datasets.load_digits().data)
    return np.concatenate([_patches(photograph) for photograph in datasets.load_sample_images().images])


def _patches(photograph: np.ndarray) -> np.ndarray:
    """Patches (n, PATCH² · colours) of a photograph (height, width, colours), what is left at its edges dropped."""
    rows, columns, colours = photograph.shape[0] // PATCH, photograph.shape[1] // PATCH, photograph.shape[2]
    tiles = photograph[: rows * PATCH, : columns * PATCH].reshape(rows, PATCH, columns, PATCH, colours)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)
