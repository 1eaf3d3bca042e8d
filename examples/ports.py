"""Two JAX ports of symmetric.c, for `exalift verify`: one is right, one counts the diagonal twice."""

import jax.numpy as jnp


def symmetric(alpha, beta, A, B, C):
    lower = jnp.tril(A)
    return alpha * (lower + jnp.tril(A, -1).T) @ B + beta * C


def careless(alpha, beta, A, B, C):
    lower = jnp.tril(A)
    return alpha * (lower + lower.T) @ B + beta * C
