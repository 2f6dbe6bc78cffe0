# SPDX-License-Identifier: Apache-2.0
"""Writes tests/ops/data/linalg.golden, of graph_golden.h: the nodes that TensorFlow 2.15.1 adds for tf.linalg's functions.

    python3 tests/support/make_linalg_golden.py     # from the root of the project
"""
import numpy as np
from graph_text import section, tf, tf2, write


def ph(shape, dtype=tf.float32, name='x'):
    return tf.placeholder(dtype, shape, name)


@section
def adjoints():
    tf.linalg.adjoint(ph([2, 3], tf.complex64))
    tf.linalg.adjoint(ph([4, 2, 3]), name='turned')
    tf.linalg.matrix_transpose(ph([2, 3, 4]))
    tf.linalg.matrix_transpose(ph(None), name='any', conjugate=True)


@section
def solutions():
    tf.linalg.cholesky_solve(ph([3, 3]), ph([3, 2]))
    tf2.linalg.banded_triangular_solve(ph([2, 4]), ph([4, 1]), lower=False, adjoint=True)
    tf2.linalg.eig(ph([3, 3]))
    tf2.linalg.eigvals(ph([2, 3, 3], tf.complex128), name='values')
    tf.linalg.logm(ph([2, 2], tf.complex64))


@section
def least_squares():
    tf.linalg.lstsq(ph([4, 3]), ph([4, 2]))
    tf.linalg.lstsq(ph([3, 4], tf.float64), ph([3, 2], tf.float64), l2_regularizer=0.5)
    tf.linalg.lstsq(ph([2, 4, 3]), ph([2, 4, 2]), l2_regularizer=0.5)
    tf.linalg.lstsq(ph([4, 3]), ph([4, 2]), fast=False, name='slow')


@section
def least_squares_of_unknown_shape():
    tf.linalg.lstsq(ph([None, 3]), ph([None, 2]))


@section
def ranks_and_pseudo_inverses():
    tf.linalg.matrix_rank(ph([4, 3]))
    tf.linalg.matrix_rank(ph([2, 4, 3]), tol=0.5)
    tf.linalg.pinv(ph([4, 3]))
    tf.linalg.pinv(ph([2, 3, 4], tf.float64), rcond=0.1)


@section
def ranks_of_unknown_shape():
    tf.linalg.matrix_rank(ph([None, 3]))
    tf.linalg.pinv(ph([None, 3]))


@section
def traces():
    tf.linalg.trace(ph([3, 3]))
    tf.linalg.trace(ph([2, 3, 3]), name='sums')


@section
def norms():
    x = ph([2, 3])
    tf.linalg.norm(x)
    tf.linalg.norm(x, axis=1)
    tf.linalg.norm(x, ord=1)
    tf.linalg.norm(x, ord=np.inf, axis=0)
    tf.linalg.norm(x, ord=3, axis=-1, keepdims=True)
    tf.linalg.norm(ph([2, 3], tf.complex64), axis=1)


@section
def norms_of_matrices():
    x = ph([4, 2, 3])
    tf.linalg.norm(x, ord='fro', axis=[1, 2])
    tf.linalg.norm(x, ord=1, axis=[-2, -1])
    tf.linalg.norm(x, ord=np.inf, axis=[-2, -1])


@section
def normalised():
    tf.linalg.normalize(ph([2, 3]), axis=1)
    tf.linalg.normalize(ph([2, 3], tf.complex64), ord=1, name='of_sum_one')


@section
def lu():
    tf.linalg.lu_solve(ph([3, 3]), ph([3], tf.int32), ph([3, 2]))
    tf.linalg.lu_reconstruct(ph([3, 3]), ph([3], tf.int32))


@section
def lu_inverse():
    tf.linalg.lu_matrix_inverse(ph([3, 3]), ph([3], tf.int32))


@section
def lu_of_stacks():
    tf.linalg.lu_solve(ph([4, 3, 3]), ph([4, 3], tf.int32), ph([4, 3, 2]))


@section
def tridiagonal():
    tf.linalg.tridiagonal_matmul(ph([3, 4]), ph([4, 2]))
    tf.linalg.tridiagonal_matmul([ph([4]), ph([4]), ph([4])], ph([4, 2]), diagonals_format='sequence')
    tf.linalg.tridiagonal_matmul(ph([4, 4]), ph([4, 2]), diagonals_format='matrix')


@section
def tridiagonal_solutions():
    tf.linalg.tridiagonal_solve(ph([3, 4]), ph([4]))
    tf.linalg.tridiagonal_solve(ph([3, 4]), ph([2, 4]), transpose_rhs=True, partial_pivoting=False)
    tf.linalg.tridiagonal_solve([ph([3]), ph([4]), ph([3])], ph([4, 2]), diagonals_format='sequence')
    tf.linalg.tridiagonal_solve(ph([4, 4]), ph([4, 1]), diagonals_format='matrix', conjugate_rhs=True)


@section
def exponential():
    tf.linalg.expm(ph([2, 2]))


write('tests/ops/data/linalg.golden')
