// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/register_run.h"

#include <algorithm>
#include <iterator>
#include <utility>

// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/register_run.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/vector_part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D d;

// As in tile_loops.cc: NaN in either operand is the result.
HWY_INLINE V MaximumOf(V a, V b) {
  return hn::IfThenElse(hn::Or(hn::IsNaN(a), hn::Gt(a, b)), a, b);
}
HWY_INLINE V MinimumOf(V a, V b) {
  return hn::IfThenElse(hn::Or(hn::IsNaN(a), hn::Lt(a, b)), a, b);
}

// kVectors vectors that all steps go through before the next ones are read: enough of them to hide
// how long an instruction takes, few enough for the registers of all instruction sets.
template <int kVectors>
struct Values {
  V v[kVectors];

  // Written out by the compiler's front end, so that the vectors are variables and no array.
  using AllVectors = std::make_integer_sequence<int, kVectors>;
  template <class F, int... k>
  HWY_INLINE void Each(F f, std::integer_sequence<int, k...>) {
    ((v[k] = f(v[k], k)), ...);
  }
  template <class F>
  HWY_INLINE void All(F f) {
    Each([f](V a, int) HWY_ATTR { return f(a); }, AllVectors());
  }
  // `operand(k)`: of vector k.
  template <class F, class Operand>
  HWY_INLINE void All(F f, Operand operand) {
    Each([f, operand](V a, int k) HWY_ATTR { return f(a, operand(k)); }, AllVectors());
  }

  template <class Operand>
  HWY_INLINE void With(RegisterOp op, Operand operand) {
    switch (op) {
      case RegisterOp::kAdd:
        return All([](V a, V b) HWY_ATTR { return hn::Add(a, b); }, operand);
      case RegisterOp::kSubtract:
        return All([](V a, V b) HWY_ATTR { return hn::Sub(a, b); }, operand);
      case RegisterOp::kSubtractFrom:
        return All([](V a, V b) HWY_ATTR { return hn::Sub(b, a); }, operand);
      case RegisterOp::kMultiply:
        return All([](V a, V b) HWY_ATTR { return hn::Mul(a, b); }, operand);
      case RegisterOp::kDivide:
        return All([](V a, V b) HWY_ATTR { return hn::Div(a, b); }, operand);
      case RegisterOp::kDivideInto:
        return All([](V a, V b) HWY_ATTR { return hn::Div(b, a); }, operand);
      case RegisterOp::kMaximum:
        return All([](V a, V b) HWY_ATTR { return MaximumOf(a, b); }, operand);
      case RegisterOp::kMaximumOf:
        return All([](V a, V b) HWY_ATTR { return MaximumOf(b, a); }, operand);
      case RegisterOp::kMinimum:
        return All([](V a, V b) HWY_ATTR { return MinimumOf(a, b); }, operand);
      case RegisterOp::kMinimumOf:
        return All([](V a, V b) HWY_ATTR { return MinimumOf(b, a); }, operand);
      case RegisterOp::kSquaredDifference:
      case RegisterOp::kSquaredDifferenceFrom: {
        const bool from = op == RegisterOp::kSquaredDifferenceFrom;
        return All(
            [from](V a, V b) HWY_ATTR {
              const V difference = from ? hn::Sub(b, a) : hn::Sub(a, b);
              return hn::Mul(difference, difference);
            },
            operand);
      }
      default:
        return;
    }
  }

  HWY_INLINE void Alone(RegisterOp op) {
    const V zero = hn::Zero(d);
    switch (op) {
      case RegisterOp::kTwice:
        return All([](V a) HWY_ATTR { return hn::Add(a, a); });
      case RegisterOp::kSquare:
        return All([](V a) HWY_ATTR { return hn::Mul(a, a); });
      case RegisterOp::kAbs:
        return All([](V a) HWY_ATTR { return hn::Abs(a); });
      case RegisterOp::kNegate:
        return All([](V a) HWY_ATTR { return hn::Neg(a); });
      case RegisterOp::kRelu:  // NaN stays
        return All([zero](V a) HWY_ATTR { return hn::IfThenElse(hn::Lt(a, zero), zero, a); });
      case RegisterOp::kRelu6: {
        const V six = hn::Set(d, 6.0f);
        return All([zero, six](V a) HWY_ATTR {
          const V low = hn::IfThenElse(hn::Lt(a, zero), zero, a);
          return hn::IfThenElse(hn::Gt(low, six), six, low);
        });
      }
      case RegisterOp::kSqrt:
        return All([](V a) HWY_ATTR { return hn::Sqrt(a); });
      case RegisterOp::kReciprocal: {
        const V one = hn::Set(d, 1.0f);
        return All([one](V a) HWY_ATTR { return hn::Div(one, a); });
      }
      default:
        return;
    }
  }

  // `load(p, k)`: vector k of what begins at p.
  template <class Load>
  HWY_INLINE void Run(std::span<const RegisterStep> steps, int64_t at, Load load) {
    for (const RegisterStep& step : steps) {
      if (step.op >= RegisterOp::kTwice) {
        Alone(step.op);
      } else if (step.operand == nullptr) {
        const V b = hn::Set(d, step.number);
        With(step.op, [b](int) HWY_ATTR { return b; });
      } else {
        const float* const p = step.operand + at;
        With(step.op, [p, load](int k) HWY_ATTR { return load(p, k); });
      }
    }
  }
};

}  // namespace

void RunSteps(const float* v, bool uniform, std::span<const RegisterStep> steps, float* out,
              int64_t n, bool past_caches) {
  constexpr int kVectors = 8;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V same = uniform ? hn::Set(d, *v) : hn::Zero(d);
  // At most a vector, from element i on.
  const auto some = [=](int64_t i, int64_t count) HWY_ATTR {
    const VectorPart<D> part(d, static_cast<size_t>(count));
    Values<1> value;
    value.v[0] = uniform ? same : part.Load(v + i);
    value.Run(steps, i, [&part](const float* p, int) HWY_ATTR { return part.Load(p); });
    part.Store(value.v[0], out + i);
  };
  int64_t i = 0;
  if (past_caches) {  // such stores take whole vectors that don't cross a cache line
    const auto bytes = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(out) % 64);
    const int64_t head = std::min(n, bytes / static_cast<int64_t>(sizeof(float)));
    for (; i < head; i += std::min(lanes, head - i)) some(i, std::min(lanes, head - i));
  }
  const auto whole = [lanes](const float* p, int k)
                         HWY_ATTR { return hn::LoadU(d, p + k * lanes); };
  for (; i + kVectors * lanes <= n; i += kVectors * lanes) {
    Values<kVectors> values;
    if (uniform)
      values.All([same](V) HWY_ATTR { return same; });
    else
      values.All([](V, V loaded) HWY_ATTR { return loaded; },
                 [p = v + i, whole](int k) HWY_ATTR { return whole(p, k); });
    values.Run(steps, i, whole);
    const auto store = [=, to = out + i](V a, int k) HWY_ATTR {
      if (past_caches)
        hn::Stream(a, d, to + k * lanes);
      else
        hn::StoreU(a, d, to + k * lanes);
      return a;
    };
    values.Each(store, typename Values<kVectors>::AllVectors());
  }
  for (; i < n; i += lanes) some(i, std::min(lanes, n - i));
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft {
namespace {

struct Entry {
  std::string_view type;
  RegisterOp first, second, both;  // by which operand the value so far is
};
using enum RegisterOp;

// By type, for a binary search. Ops of one operand have it first.
constexpr Entry kEntries[] = {
    {"Abs", kAbs, kNone, kNone},
    {"Add", kAdd, kAdd, kTwice},
    {"AddN", kAdd, kAdd, kTwice},
    {"AddV2", kAdd, kAdd, kTwice},
    {"BiasAdd", kAdd, kNone, kNone},
    {"Div", kDivide, kDivideInto, kNone},
    {"Inv", kReciprocal, kNone, kNone},
    {"Maximum", kMaximum, kMaximumOf, kNone},
    {"Minimum", kMinimum, kMinimumOf, kNone},
    {"Mul", kMultiply, kMultiply, kSquare},
    {"Neg", kNegate, kNone, kNone},
    {"RealDiv", kDivide, kDivideInto, kNone},
    {"Reciprocal", kReciprocal, kNone, kNone},
    {"Relu", kRelu, kNone, kNone},
    {"Relu6", kRelu6, kNone, kNone},
    {"Sqrt", kSqrt, kNone, kNone},
    {"Square", kSquare, kNone, kNone},
    {"SquaredDifference", kSquaredDifference, kSquaredDifferenceFrom, kNone},
    {"Sub", kSubtract, kSubtractFrom, kNone},
};
static_assert(std::ranges::is_sorted(kEntries, {}, &Entry::type));

}  // namespace

RegisterOp RegisterOpOf(std::string_view type, ValueIs value) {
  const auto* at = std::ranges::lower_bound(kEntries, type, {}, &Entry::type);
  if (at == std::end(kEntries) || at->type != type) return kNone;
  return value == ValueIs::kFirst ? at->first : value == ValueIs::kSecond ? at->second : at->both;
}

void RunInRegisters(const float* v, bool uniform, std::span<const RegisterStep> steps, float* out,
                    int64_t n, bool past_caches) {
  WEFT_CHOOSE_SIMD(RunSteps)(v, uniform, steps, out, n, past_caches);
}

}  // namespace weft
#endif
