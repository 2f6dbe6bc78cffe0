# SPDX-License-Identifier: Apache-2.0
"""Writes tests/tools/data/numpy.npz, a compressed archive of arrays, and x.npz, one of a single array.

    python3 tests/support/make_numpy_golden.py     # from the root of the project
"""
import numpy as np

grid = np.arange(6).reshape(2, 3)
np.savez_compressed(
    'tests/tools/data/numpy.npz',
    x=np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    half=np.array([0.5, -2], np.float16),
    double=np.float64(0.1),
    big_endian=grid.astype('>i4'),
    column_major=np.asfortranarray(grid.astype(np.int64)),
    column_major_3=np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)),
    complex=np.array([1 + 2j], '>c8'),
    bools=np.array([True, False]),
    bytes=np.array([b'ab', b'', b'a\0c']),
    texts=np.array(['h\u00e9llo', '\U0001f600']),
    empty=np.zeros((0, 3), np.uint8))
np.savez('tests/tools/data/x.npz', x=np.array([[1, 2, 3], [4, 5, 6]], np.float32))
