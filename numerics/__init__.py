"""Random networks in JAX: what is measured, and never what is predicted.

Forward passes run in float32, products included on every device; statistics accumulate in float64.
"""

import jax
import scipy.linalg  # noqa: F401 - the LAPACK that JAX calls on a CPU, loaded so that it can be limited
import threadpoolctl

jax.config.update("jax_enable_x64", True)
# Many small factorisations: LAPACK's own threads, spinning beside XLA's, can make them fifty times slower on a busy machine.
threadpoolctl.threadpool_limits(1, user_api="blas")
