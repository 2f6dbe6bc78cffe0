# SPDX-License-Identifier: Apache-2.0
"""Writes array_print.golden beside this file: arrays and what numpy 1.26 prints for them.

A case is a line `dtype shape hex-of-elements` and the printed lines, each after a bar. The elements of strings are
`hex` each, joined by commas.
"""
import os

import numpy as np

rng = np.random.default_rng(20240229)


def floats(n, dtype):
    kind = rng.integers(0, 9)
    if kind == 0: v = rng.normal(size=n)
    elif kind == 1: v = rng.integers(-5, 100, size=n).astype(float)
    elif kind == 2: v = rng.normal(size=n) * 10.0 ** rng.integers(-12, 12)
    elif kind == 3: v = np.exp(rng.normal(size=n) * 8)
    elif kind == 4: v = rng.integers(-50, 50, size=n) / rng.choice([2, 4, 10, 100, 1000, 1e5, 3])
    elif kind == 5: v = 2.0 ** rng.integers(-140, 127, size=n)
    elif kind == 6: v = 10.0 ** rng.integers(-10, 12, size=n)
    elif kind == 7: v = rng.random(n)
    else: v = rng.integers(0, 3, size=n) * rng.normal(size=n) * rng.choice([1, 1e7, 1e8, 1e-4, 1e-3])
    special = rng.integers(0, 10)
    if n and special < 4:
        v[rng.integers(0, n)] = [np.nan, np.inf, -np.inf, 0][special]
    elif special == 4:
        v[:] = rng.choice([np.nan, np.inf, -np.inf, 0, -0.0], size=n)
    with np.errstate(all='ignore'):
        return v.astype(dtype)


def random_case(dtype):
    shape = tuple(int(x) for x in rng.integers(1, rng.choice([2, 4, 5]), size=rng.integers(0, 5)))
    n = int(np.prod(shape))
    if issubclass(dtype, np.floating): a = floats(n, dtype)
    elif issubclass(dtype, np.complexfloating):
        part = np.float32 if dtype == np.complex64 else np.float64
        a = np.zeros(n, dtype)
        a.real, a.imag = floats(n, part), floats(n, part)
    elif dtype == np.bool_: a = rng.integers(0, 2, size=n).astype(bool)
    elif rng.integers(0, 2): a = np.frombuffer(rng.bytes(n * dtype().itemsize), dtype)
    else: a = rng.integers(0, 100, size=n).astype(dtype)
    return a.reshape(shape)


def strings(shape):
    alphabet = np.frombuffer(b"ab'\"\\\n\x00\xff\t z~\x7f\r", np.uint8)
    n = int(np.prod(shape))
    values = [rng.choice(alphabet, size=rng.integers(0, 20)).tobytes() for _ in range(n)]
    a = np.empty(n, object)
    a[:] = values
    return a.reshape(shape)


def cases():
    dtypes = [np.float32, np.float64, np.float16] * 4 + [
        np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.bool_, np.complex64,
        np.complex128]
    for i in range(480):
        yield random_case(dtypes[i % len(dtypes)])
    for shape in [(), (3,), (2, 2), (12,), (0,)]:
        yield strings(shape)
    # Over 1000 elements: the middle is left out. Values are small to keep the file small.
    yield np.arange(1001, dtype=np.uint8)
    yield np.arange(1000, dtype=np.uint8)
    yield (np.arange(1200) % 7).astype(np.float16).reshape(3, 20, 20) / np.float16(4)
    yield (np.arange(1100) % 2).astype(bool).reshape(11, 100)
    yield np.zeros((2, 0, 3), np.float32)
    yield np.zeros((1, 1, 1, 1, 1, 1, 1, 1), np.int32)
    yield np.array([[1.5, 2, 3]], np.float32)


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'array_print.golden')
    with open(path, 'w') as f:
        for a in cases():
            is_string = a.dtype == object
            dims = ','.join(str(d) for d in a.shape) or '-'
            if is_string:
                # A zero-dimensional array holds its element itself.
                data = ','.join(x.hex() for x in (a.ravel() if a.ndim else [a.item()])) or '-'
            else:
                data = a.tobytes().hex() or '-'
            f.write('%s %s %s\n' % ('string' if is_string else a.dtype.name, dims, data))
            for line in str(a if a.ndim else a[()]).split('\n'):
                f.write('|%s\n' % line)


if __name__ == '__main__':
    main()
