"""Random networks in JAX: what is measured, and never what is predicted.

Forward passes run in float32, products included on every device; statistics accumulate in float64.
"""

import jax

jax.config.update("jax_enable_x64", True)
