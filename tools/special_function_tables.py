#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Computes the Chebyshev series of kernels/common/special_function_tables.h.

Each table approximates one smooth function on one interval; `t` in [-1, 1] is the argument after the linear map
of the interval. Series are computed with 60 digits from mpmath's own functions and cut where the rest is
below 1e-17 of the largest value, so that what is left is the rounding of double.

  pip install mpmath && python3 tools/special_function_tables.py > kernels/common/special_function_tables.h
"""
import mpmath as mp

mp.mp.dps = 60
TAIL = mp.mpf("1e-17")


def chebyshev(f, lo, hi, nodes=96):
    """Coefficients c of sum c[k] T_k(t), t = (2 x - lo - hi) / (hi - lo), cut at TAIL."""
    lo, hi = mp.mpf(lo), mp.mpf(hi)
    points = [mp.cos(mp.pi * (j + mp.mpf(1) / 2) / nodes) for j in range(nodes)]
    values = [f((lo + hi) / 2 + (hi - lo) / 2 * t) for t in points]
    scale = max(abs(v) for v in values)
    c = []
    for k in range(nodes):
        s = mp.fsum(v * mp.cos(mp.pi * k * (j + mp.mpf(1) / 2) / nodes) for j, v in enumerate(values))
        c.append(s * 2 / nodes)
    c[0] /= 2
    rest = mp.mpf(0)
    while len(c) > 1 and rest + abs(c[-1]) < TAIL * scale:
        rest += abs(c.pop())
    assert len(c) < nodes - 2, "the series does not converge"
    return c


def limit_at_zero(f, value):
    return lambda u: mp.mpf(value) if abs(u) < mp.mpf("1e-45") else f(u)


def bessel_tables():
    yield ("kI0Small", "exp(-x) I0(x), x in [0, 8]", chebyshev(lambda x: mp.exp(-x) * mp.besseli(0, x), 0, 8))
    yield ("kI0Large", "sqrt(x) exp(-x) I0(x), 8 / x in (0, 1]",
           chebyshev(lambda u: mp.sqrt(8 / u) * mp.exp(-8 / u) * mp.besseli(0, 8 / u), 0, 1))
    yield ("kI1Small", "exp(-x) I1(x) / x, x in [0, 8]",
           chebyshev(lambda x: mp.exp(-x) * mp.besseli(1, x) / x, 0, 8))
    yield ("kI1Large", "sqrt(x) exp(-x) I1(x), 8 / x in (0, 1]",
           chebyshev(lambda u: mp.sqrt(8 / u) * mp.exp(-8 / u) * mp.besseli(1, 8 / u), 0, 1))
    yield ("kK0Small", "K0(x) + log(x / 2) I0(x), x^2 in [0, 4]",
           chebyshev(lambda s: mp.besselk(0, mp.sqrt(s)) + mp.log(mp.sqrt(s) / 2) * mp.besseli(0, mp.sqrt(s)), 0, 4))
    yield ("kK0Large", "sqrt(x) exp(x) K0(x), 2 / x in (0, 1]",
           chebyshev(lambda u: mp.sqrt(2 / u) * mp.exp(2 / u) * mp.besselk(0, 2 / u), 0, 1))
    yield ("kK1Small", "x (K1(x) - log(x / 2) I1(x)), x^2 in [0, 4]",
           chebyshev(lambda s: mp.sqrt(s) * (mp.besselk(1, mp.sqrt(s)) -
                                             mp.log(mp.sqrt(s) / 2) * mp.besseli(1, mp.sqrt(s))), 0, 4))
    yield ("kK1Large", "sqrt(x) exp(x) K1(x), 2 / x in (0, 1]",
           chebyshev(lambda u: mp.sqrt(2 / u) * mp.exp(2 / u) * mp.besselk(1, 2 / u), 0, 1))


def erfinv_of_w(w):
    """erfinv(x) / x where w = -log(1 - x^2)."""
    if w < mp.mpf("1e-40"):
        return mp.sqrt(mp.pi) / 2
    x = mp.sqrt(-mp.expm1(-w))
    # erfc(y) = 1 - x without cancellation; Newton on log(erfc) from the leading term of the tail.
    tail = mp.exp(-w) / (1 + x)
    y = mp.sqrt(w) * mp.mpf("0.9") if w > 1 else x * mp.mpf("0.88")
    for _ in range(200):
        step = (mp.log(mp.erfc(y)) - mp.log(tail)) * mp.erfc(y) * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
        y += step
        if abs(step) < mp.mpf("1e-50") * abs(y):
            break
    return y / x


def erfinv_tables():
    yield ("kErfinvCentral", "erfinv(x) / x, w = -log(1 - x^2) in [0, 6.25]", chebyshev(erfinv_of_w, 0, "6.25"))
    for name, lo, hi in (("Near", "2.5", 4), ("Mid", 4, 8), ("Far", 8, 28)):
        yield ("kErfinv" + name, f"erfinv(x) / x, sqrt(-log(1 - x^2)) in [{lo}, {hi}]",
               chebyshev(lambda s: erfinv_of_w(s * s), lo, hi))


def digamma_tables():
    root = mp.findroot(mp.digamma, mp.mpf("1.46"))
    yield ("kDigammaNearRoot", "digamma(x) / (x - root), x in [1, 2]",
           chebyshev(lambda x: mp.digamma(x) / (x - root), 1, 2))


def dawson(x):
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def dawson_tables():
    yield ("kDawsonSmall", "F(x) / x, x^2 in [0, 1]",
           chebyshev(limit_at_zero(lambda s: dawson(mp.sqrt(s)) / mp.sqrt(s), 1), 0, 1))
    yield ("kDawsonMid", "F(x), x in [1, 3]", chebyshev(dawson, 1, 3))
    yield ("kDawsonUpper", "F(x), x in [3, 5]", chebyshev(dawson, 3, 5))
    yield ("kDawsonLarge", "2 x F(x), 25 / x^2 in (0, 1]",
           chebyshev(lambda u: 2 * mp.sqrt(25 / u) * dawson(mp.sqrt(25 / u)), 0, 1))


def expint_tables():
    yield ("kExpintSmall", "(Ei(x) - euler - log(x)) / x, x in [0, 6]",
           chebyshev(lambda x: (mp.ei(x) - mp.euler - mp.log(x)) / x, 0, 6))
    for name, lo, hi in (("Mid", 6, 12), ("Upper", 12, 24), ("High", 24, 48)):
        yield ("kExpint" + name, f"x exp(-x) Ei(x), x in [{lo}, {hi}]",
               chebyshev(lambda x: x * mp.exp(-x) * mp.ei(x), lo, hi))
    yield ("kExpintLarge", "x exp(-x) Ei(x), 48 / x in (0, 1]",
           chebyshev(lambda u: 48 / u * mp.exp(-48 / u) * mp.ei(48 / u), 0, 1))


def fresnel_f(x):
    phase = mp.pi * x * x / 2
    return ((mp.mpf(1) / 2 - mp.fresnels(x)) * mp.cos(phase) - (mp.mpf(1) / 2 - mp.fresnelc(x)) * mp.sin(phase))


def fresnel_g(x):
    phase = mp.pi * x * x / 2
    return ((mp.mpf(1) / 2 - mp.fresnelc(x)) * mp.cos(phase) + (mp.mpf(1) / 2 - mp.fresnels(x)) * mp.sin(phase))


def fresnel_tables():
    def root(q):
        return mp.sqrt(mp.sqrt(q))
    yield ("kFresnelSinSmall", "S(x) / x^3, x^4 in [0, 6.5536] (x up to 1.6)",
           chebyshev(limit_at_zero(lambda q: mp.fresnels(root(q)) / root(q) ** 3, mp.pi / 6), 0, "6.5536"))
    yield ("kFresnelCosSmall", "C(x) / x, x^4 in [0, 6.5536]",
           chebyshev(limit_at_zero(lambda q: mp.fresnelc(root(q)) / root(q), 1), 0, "6.5536"))
    # Both in 2.56 / x^2: the auxiliary functions have no branch there.
    yield ("kFresnelF", "pi x f(x), 2.56 / x^2 in (0, 1]",
           chebyshev(lambda u: mp.pi * mp.sqrt(mp.mpf("2.56") / u) * fresnel_f(mp.sqrt(mp.mpf("2.56") / u)),
                     0, 1))
    yield ("kFresnelG", "pi^2 x^3 g(x), 2.56 / x^2 in (0, 1]",
           chebyshev(lambda u: mp.pi ** 2 * mp.sqrt(mp.mpf("2.56") / u) ** 3 *
                     fresnel_g(mp.sqrt(mp.mpf("2.56") / u)), 0, 1))


def main():
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Chebyshev series of special functions, made by tools/special_function_tables.py (don't edit).")
    print("// The argument is the quantity that the comment names, mapped linearly to [-1, 1].")
    print("#pragma once\n\nnamespace weft::special {\n")
    for tables in (bessel_tables, digamma_tables, erfinv_tables, dawson_tables, expint_tables, fresnel_tables):
        for name, what, c in tables():
            print(f"// {what}.")
            print(f"inline constexpr double {name}[] = {{")
            row = ""
            for v in c:
                text = mp.nstr(v, 17, min_fixed=0, max_fixed=0) + ", "
                if len(row) + len(text) > 92:
                    print("    " + row.rstrip())
                    row = ""
                row += text
            print("    " + row.rstrip() + "\n};")
    print("\n}  // namespace weft::special")


main()
