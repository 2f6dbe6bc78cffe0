# SPDX-License-Identifier: Apache-2.0
"""Writes golden cases of sparse matrices in compressed rows: what TensorFlow 2.15.1 computes.

    python3 tests/support/make_sparse_matrix_golden.py     # from the root of the project

Files of tests/conformance/cases/sparse, in the format of the other cases there. Only the ops that TensorFlow has a CPU
kernel for: sums, products with numbers, softmax and zeros have none.
"""
import os

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import meta_graph_pb2, named_tensor_pb2
from tensorflow.python.ops.linalg.sparse import sparse_csr_matrix_ops as csr

tf.disable_v2_behavior()
FOLDER = 'tests/conformance/cases/sparse'
DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
rng = np.random.RandomState(7)


def named(name, value):
    out = named_tensor_pb2.NamedTensorProto(name=name)
    out.tensor.CopyFrom(tf.make_tensor_proto(value))
    return out.SerializeToString()


class Case:
    """A graph with fed inputs; `with Case(name) as c: x = c.feed(value); c.fetch(...)` writes its file."""

    def __init__(self, name, gradient=False):
        self.name, self.gradient = name, gradient
        self.feeds, self.fetches, self.xs = {}, [], []

    def __enter__(self):
        self.graph = tf.Graph()
        self.scope = self.graph.as_default()
        self.scope.__enter__()
        return self

    def feed(self, value, shape=None, x=False):
        value = np.asarray(value)
        t = tf.placeholder(value.dtype, value.shape if shape is None else shape, 'x%d' % len(self.feeds))
        self.feeds[t] = value
        if x: self.xs.append(t)
        return t

    def fetch(self, *tensors):
        self.fetches += tensors

    def __exit__(self, kind, error, trace):
        if kind is not None: return False
        meta = meta_graph_pb2.MetaGraphDef()
        meta.graph_def.CopyFrom(self.graph.as_graph_def())
        meta.meta_info_def.tensorflow_version = tf.__version__
        lists = meta.collection_def
        exact = all(t.dtype.is_integer for t in self.fetches)
        double = all(t.dtype in (tf.float64, tf.complex128) or t.dtype.is_integer for t in self.fetches)
        lists['tolerance'].float_list.value.extend([0, 0] if exact else [1e-12] * 2 if double else [1e-5] * 2)
        with tf.Session() as session:
            values = session.run(self.fetches, self.feeds)
            grads = session.run(tf.gradients(self.fetches, self.xs), self.feeds) if self.gradient else []
        for t, v in self.feeds.items(): lists['feeds'].bytes_list.value.append(named(t.name, v))
        for t, v in zip(self.fetches, values):
            lists['expected'].bytes_list.value.append(named(t.name, v))
            lists['expected_shapes'].bytes_list.value.append(t.shape.as_proto().SerializeToString())
        if self.gradient:
            lists['grad_ys'].node_list.value.extend(t.name for t in self.fetches)
            lists['grad_xs'].node_list.value.extend(t.name for t in self.xs)
            for t, v in zip(self.xs, grads): lists['expected_grads'].bytes_list.value.append(named(t.name, v))
        self.scope.__exit__(None, None, None)
        with open(os.path.join(FOLDER, self.name + '.pb'), 'wb') as f:
            f.write(meta.SerializeToString(deterministic=True))
        return False


def numbers(shape, dtype):
    x = rng.uniform(-1, 1, shape)
    if np.issubdtype(dtype, np.complexfloating): x = x + 1j * rng.uniform(-1, 1, shape)
    return x.astype(dtype)


def pattern(shape, empty_row=True):
    """Places of about half of the elements, in order; row 1 of each matrix may have none."""
    there = rng.uniform(size=shape) < 0.5
    if empty_row and shape[-2] > 1: there[..., 1, :] = False
    return np.argwhere(there).astype(np.int64)


def matrix(case, shape, dtype, x=False):
    """A sparse matrix of a fed sparse tensor."""
    indices = pattern(shape)
    return csr.sparse_tensor_to_csr_sparse_matrix(
        case.feed(indices, [None, len(shape)]), case.feed(numbers(len(indices), dtype), [None], x),
        tf.constant(shape, tf.int64))


def weighed(c, t):
    """A real tensor whose gradient is not trivial."""
    t = t * c.feed(numbers(t.shape.as_list(), t.dtype.as_numpy_dtype))
    return tf.real(t) if t.dtype.is_complex else t


def text(dtype):
    return np.dtype(dtype).name


for dtype in DTYPES:
    for rank, lead in ((2, []), (3, [3])):
        with Case('CSRSparseMatrixToDense-%s-rank%d' % (text(dtype), rank)) as c:
            m = matrix(c, lead + [4, 3], dtype)
            c.fetch(csr.csr_sparse_matrix_to_dense(m, dtype), csr.sparse_matrix_nnz(m),
                    *csr.csr_sparse_matrix_to_sparse_tensor(m, dtype))
            c.fetch(*csr.csr_sparse_matrix_components(m, c.feed(np.int32(len(lead) * 2)), dtype))
        with Case('SparseMatrixTranspose-%s-rank%d' % (text(dtype), rank)) as c:
            m = matrix(c, lead + [4, 3], dtype)
            for conjugate in (False, True):
                t = csr.sparse_matrix_transpose(m, dtype, conjugate)
                c.fetch(*csr.csr_sparse_matrix_to_sparse_tensor(t, dtype))
        with Case('DenseToCSRSparseMatrix-%s-rank%d' % (text(dtype), rank)) as c:
            shape = lead + [3, 4]
            m = csr.dense_to_csr_sparse_matrix(c.feed(numbers(shape, dtype)), c.feed(pattern(shape), [None, rank]))
            c.fetch(*csr.csr_sparse_matrix_to_sparse_tensor(m, dtype))

with Case('CSRSparseMatrixToDense-none') as c:
    for shape in ([0, 3], [3, 0], [2, 0, 3], [2, 2, 2]):
        m = csr.sparse_tensor_to_csr_sparse_matrix(
            c.feed(np.zeros([0, len(shape)], np.int64)), c.feed(np.zeros([0], np.float32)),
            tf.constant(shape, tf.int64))
        c.fetch(csr.csr_sparse_matrix_to_dense(m, tf.float32), csr.sparse_matrix_nnz(m))

TURNS = [(False, False), (True, False), (False, True)]  # transposed, adjoint
for dtype in (np.float32, np.complex128):
    for rank, lead in ((2, []), (3, [2])):
        with Case('SparseMatrixMatMul-%s-rank%d' % (text(dtype), rank)) as c:
            for ta, aa in TURNS:
                for tb, ab in TURNS:
                    for to, co in ((False, False), (True, False), (False, True), (True, True)):
                        if rank == 3 and to != co: continue
                        a = matrix(c, lead + ([4, 3] if ta or aa else [3, 4]), dtype)
                        b = c.feed(numbers(lead + ([2, 4] if tb or ab else [4, 2]), dtype))
                        c.fetch(csr.sparse_matrix_mat_mul(
                            a, b, transpose_a=ta, transpose_b=tb, adjoint_a=aa, adjoint_b=ab,
                            transpose_output=to, conjugate_output=co))
        with Case('SparseMatrixSparseMatMul-%s-rank%d' % (text(dtype), rank)) as c:
            for ta, aa in TURNS:
                for tb, ab in TURNS:
                    a = matrix(c, lead + ([4, 3] if ta or aa else [3, 4]), dtype)
                    b = matrix(c, lead + ([5, 4] if tb or ab else [4, 5]), dtype)
                    p = csr.sparse_matrix_sparse_mat_mul(
                        a, b, transpose_a=ta, transpose_b=tb, adjoint_a=aa, adjoint_b=ab, type=dtype)
                    c.fetch(*csr.csr_sparse_matrix_to_sparse_tensor(p, dtype))

for dtype in DTYPES:
    for rank, lead in ((2, []), (3, [2])):
        with Case('SparseMatrixSparseCholesky-%s-rank%d' % (text(dtype), rank)) as c:
            # Diagonally dominant; only the lower triangle is read.
            n = 6
            x = numbers(lead + [n, n], dtype) * (rng.uniform(size=lead + [n, n]) < 0.35)
            x = x + np.conj(np.swapaxes(x, -1, -2)) + 6 * np.eye(n)
            x = x.astype(dtype)
            indices = np.argwhere(x != 0).astype(np.int64)
            m = csr.sparse_tensor_to_csr_sparse_matrix(
                c.feed(indices, [None, rank]), c.feed(x[tuple(indices.T)], [None]), tf.constant(x.shape, tf.int64))
            amd = csr.sparse_matrix_ordering_amd(m)
            given = np.broadcast_to(np.array([3, 0, 5, 1, 4, 2], np.int32), lead + [n])
            c.fetch(amd)
            for order in (amd, c.feed(given)):
                factor = csr.sparse_matrix_sparse_cholesky(m, order, dtype)
                c.fetch(*csr.csr_sparse_matrix_to_sparse_tensor(factor, dtype))

for size in (30, 200):
    with Case('SparseMatrixOrderingAMD-%d' % size) as c:
        # A grid's neighbours and a few far ones.
        pairs = [(i, i) for i in range(size)] + [(i, i - d) for d in (1, 7) for i in range(d, size)]
        pairs += [tuple(sorted(p, reverse=True)) for p in rng.randint(0, size, (size // 5, 2))]
        indices = np.array(sorted(set(pairs)), np.int64)
        m = csr.sparse_tensor_to_csr_sparse_matrix(
            c.feed(indices, [None, 2]), c.feed(np.ones(len(indices), np.float32), [None]),
            tf.constant([size, size], tf.int64))
        c.fetch(csr.sparse_matrix_ordering_amd(m))

for dtype in (np.float64, np.complex128):
    with Case('DenseToCSRSparseMatrix-gradient-%s' % text(dtype), gradient=True) as c:
        shape = [2, 3, 3]
        m = csr.dense_to_csr_sparse_matrix(c.feed(numbers(shape, dtype), x=True), c.feed(pattern(shape), [None, 3]))
        dense = csr.csr_sparse_matrix_to_dense(m, dtype)
        c.fetch(weighed(c, dense))
    for rank, lead in ((2, []), (3, [2])):
        # Each matrix is used once: no CPU kernel adds gradients. All elements are there, since TensorFlow's way to
        # pick those of an operand reads beyond the end where its gradient lacks the last.
        shape = lead + [3, 3]
        full = np.argwhere(np.ones(shape)).astype(np.int64)

        def operand(c):
            return csr.dense_to_csr_sparse_matrix(c.feed(numbers(shape, dtype), x=True), c.feed(full, [None, rank]))

        with Case('SparseMatrixSparseMatMul-gradient-%s-rank%d' % (text(dtype), rank), gradient=True) as c:
            for ta, aa in TURNS:
                for tb, ab in TURNS:
                    if ta or tb: continue  # needs the conjugate, which has no CPU kernel
                    p = csr.sparse_matrix_sparse_mat_mul(operand(c), operand(c), adjoint_a=aa, adjoint_b=ab, type=dtype)
                    dense = csr.csr_sparse_matrix_to_dense(csr.sparse_matrix_transpose(p, dtype, True), dtype)
                    c.fetch(weighed(c, dense))
        with Case('SparseMatrixMatMul-gradient-%s-rank%d' % (text(dtype), rank), gradient=True) as c:
            for adjoint in (False, True):
                for out in (False, True):
                    b = c.feed(numbers(shape, dtype), x=True)
                    p = csr.sparse_matrix_mat_mul(operand(c), b, adjoint_a=True, adjoint_b=adjoint,
                                                  transpose_output=out, conjugate_output=out)
                    c.fetch(weighed(c, p))
