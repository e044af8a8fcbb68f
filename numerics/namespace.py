"""The array namespace that stages run in: JAX's names, which are NumPy's, and erf."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import jax.scipy.special


class _Namespace:
    erf = staticmethod(jax.scipy.special.erf)

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


XP = _Namespace()
