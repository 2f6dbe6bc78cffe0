// SPDX-License-Identifier: Apache-2.0
// Arithmetic on integers that stand for the values of a range: QuantizedAdd, QuantizedMul,
// QuantizedBiasAdd, QuantizedRelu, QuantizedRelu6.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/quantized_range.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterRequantizeKernels(KernelRegistry& kernels);
void RegisterQuantizedNnKernels(KernelRegistry& kernels);
void RegisterQuantizedMatMulBiasKernels(KernelRegistry& kernels);

namespace {

// An int32 for each of the 256 values of an 8-bit type, indexed by its bits.
using ByteTable = std::array<int32_t, 256>;

template <typename B, typename F>
ByteTable MakeTable(F&& f) {
  ByteTable table;
  for (int64_t q = kLowestQuantized<B>; q <= kHighestQuantized<B>; ++q)
    table[static_cast<uint8_t>(q)] = f(static_cast<B>(q));
  return table;
}

int32_t WrappingAdd(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
struct AddInt32 {
  int32_t operator()(int32_t a, int32_t b) const { return WrappingAdd(a, b); }
};
struct MulInt32 {
  int32_t operator()(int32_t a, int32_t b) const {
    return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
  }
};

absl::StatusOr<Array> LookUp(KernelContext& ctx, const Array& x, const ByteTable& table) {
  WEFT_ASSIGN_OR_RETURN(Array out, ctx.AllocateTemp(kInt32, x.shape()));
  const uint8_t* in = static_cast<const uint8_t*>(x.raw_data());
  int32_t* to = out.mutable_data<int32_t>();
  ctx.ParallelFor(x.num_elements(), 0.5, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = table[in[i]];
  });
  return out;
}

// The range in inputs i and i + 1, which must not be empty.
absl::StatusOr<QuantizedRange> WideRange(KernelContext& ctx, int i, std::string_view operand) {
  const std::string low = StrCat("min_", operand), high = StrCat("max_", operand);
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange r, RangeInput(ctx, i, low, high));
  if (r.high > r.low) return r;
  return ctx.InvalidArgument(
      StrCat(high, " must be larger than ", low, ", got ", r.high, " and ", r.low));
}

// z = x + y, or x * y, of int32 numbers that the operands' bytes stand for.
absl::Status Combine(KernelContext& ctx, const ElementwiseOp& op, const ByteTable& x_table,
                     const ByteTable& y_table) {
  const Array &x = ctx.input(0), &y = ctx.input(1);
  const Shape* shapes[] = {&x.shape(), &y.shape()};
  absl::StatusOr<BroadcastPlan> plan = PlanBroadcast(shapes);
  if (!plan.ok()) return ctx.InvalidArgument(std::string(plan.status().message()));
  const int64_t smaller = std::min(x.num_elements(), y.num_elements()),
                larger = std::max(x.num_elements(), y.num_elements());
  if (smaller == 0 && larger > 1) {
    return ctx.InvalidArgument(StrCat("an operand has no elements to repeat: shapes ",
                                      x.shape().ToString(), " and ", y.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(const Array left, LookUp(ctx, x, x_table));
  WEFT_ASSIGN_OR_RETURN(const Array right, LookUp(ctx, y, y_table));
  WEFT_ASSIGN_OR_RETURN(Array * z, ctx.AllocateOutput(0, plan->output));
  RunElementwise(ctx, op, *plan, {left.raw_data(), right.raw_data()}, z->raw_data());
  return absl::OkStatus();
}

// The int32 of a range that a uint8 of another stands for. `in_steps`: one step of the uint8 is a
// whole number of steps of the int32, so that sums of many are exact; else each value is the
// nearest.
ByteTable InRange(const QuantizedRange& from, const QuantizedRange& to, bool in_steps) {
  const auto place = [&](uint8_t q) {
    return QuantizeUnclamped<int32_t>(DequantizeValue<uint8_t>(q, from), to);
  };
  if (!in_steps)
    return MakeTable<uint8_t>([&](uint8_t q) { return SaturateQuantized<int32_t>(place(q)); });
  const int64_t zero = place(0);
  const auto step =
      static_cast<int32_t>(static_cast<uint64_t>(place(1)) - static_cast<uint64_t>(zero));
  return MakeTable<uint8_t>(
      [&](uint8_t q) { return SaturateQuantized<int32_t>(SaturatedAdd(zero, int64_t{q} * step)); });
}

absl::Status QuantizedAdd(KernelContext& ctx) {
  static constexpr ElementwiseOp kOp = ElementwiseTypes<int32_t(int32_t, int32_t)>::Op(
      BinaryLoop<int32_t, int32_t, int32_t, AddInt32>, 1);
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange x, WideRange(ctx, 2, "x"));
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange y, WideRange(ctx, 4, "y"));
  // Symmetric about 0, so that adding 0 changes nothing, with room for many sums.
  const float reach =
      std::max(std::fabs(std::min(x.low, y.low)), std::fabs(std::max(x.high, y.high))) *
      static_cast<float>(1 << 14);
  const QuantizedRange z = {-reach, reach};
  // A single value that is added to many is placed exactly.
  const bool one_x = ctx.input(0).num_elements() == 1,
             one_y = !one_x && ctx.input(1).num_elements() == 1;
  WEFT_RETURN_IF_ERROR(Combine(ctx, kOp, InRange(x, z, !one_x), InRange(y, z, !one_y)));
  return SetRangeOutputs(ctx, 1, z);
}

// The integers counted from the one that stands for 0.
ByteTable FromZero(const QuantizedRange& r) {
  const auto zero = static_cast<int32_t>(QuantizeUnclamped<uint8_t>(0.f, r));
  return MakeTable<uint8_t>(
      [&](uint8_t q) { return static_cast<int32_t>(uint32_t{q} - static_cast<uint32_t>(zero)); });
}

absl::Status QuantizedMul(KernelContext& ctx) {
  static constexpr ElementwiseOp kOp = ElementwiseTypes<int32_t(int32_t, int32_t)>::Op(
      BinaryLoop<int32_t, int32_t, int32_t, MulInt32>, 1);
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange x, WideRange(ctx, 2, "x"));
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange y, WideRange(ctx, 4, "y"));
  WEFT_RETURN_IF_ERROR(Combine(ctx, kOp, FromZero(x), FromZero(y)));
  const float step = (x.high - x.low) / 255.f * ((y.high - y.low) / 255.f);
  return SetRangeOutputs(ctx, 1,
                         {step * static_cast<float>(kLowestQuantized<int32_t>),
                          step * static_cast<float>(kHighestQuantized<int32_t>)});
}

template <typename Q>
absl::Status QuantizedBiasAdd(KernelContext& ctx) {
  using B = QuantizedBase<Q>;
  const Array &x = ctx.input(0), &bias = ctx.input(1);
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange x_range, RangeInput(ctx, 2, "min_input", "max_input"));
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange b_range, RangeInput(ctx, 4, "min_bias", "max_bias"));
  if (x.rank() < 2) {
    return ctx.InvalidArgument(
        StrCat("Input tensor must be at least 2D, got shape ", x.shape().ToString()));
  }
  if (bias.rank() != 1)
    return ctx.InvalidArgument(StrCat("Biases must be 1D, got shape ", bias.shape().ToString()));
  const int64_t channels = x.dim(x.rank() - 1);
  if (bias.dim(0) != channels) {
    return ctx.InvalidArgument(
        StrCat("Must provide as many biases as the last dimension of the input tensor: ",
               bias.shape().ToString(), " vs. ", x.shape().ToString()));
  }
  if (channels == 0) return ctx.InvalidArgument("Must provide at least 1 bias");

  const float reach = std::max({x_range.high, -x_range.low, b_range.high, -b_range.low}) *
                      static_cast<float>(1 << 17);
  const QuantizedRange total = {-reach, reach};
  const FastQuantizer<int32_t> place(total);
  const FastDequantizer<B> x_value(x_range), b_value(b_range);
  const auto zero = QuantizeValue<int32_t>(0.f, total);
  const ByteTable x_table = MakeTable<B>([&](B q) { return place(x_value(q)); });
  const ByteTable b_table = MakeTable<B>([&](B q) { return WrappingAdd(place(b_value(q)), zero); });

  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
  const uint8_t* in = static_cast<const uint8_t*>(x.raw_data());
  const uint8_t* b = static_cast<const uint8_t*>(bias.raw_data());
  int32_t* out = static_cast<int32_t*>(y->raw_data());
  ctx.ParallelFor(x.num_elements() / channels, 1.0 * static_cast<double>(channels),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin * channels; i < end * channels; i += channels) {
                      for (int64_t c = 0; c < channels; ++c)
                        out[i + c] = WrappingAdd(x_table[in[i + c]], b_table[b[c]]);
                    }
                  });
  return SetRangeOutputs(ctx, 1, total);
}

template <typename Q, bool kHasTop>
absl::Status QuantizedRelu(KernelContext& ctx) {
  using B = QuantizedBase<Q>;
  const Array& x = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(const QuantizedRange r, RangeInput(ctx, 1, "min_input", "max_input"));
  const B bottom = QuantizeValue<B>(0.f, r);
  const B top = kHasTop ? QuantizeValue<B>(6.f, r) : static_cast<B>(kHighestQuantized<B>);
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
  const B* in = static_cast<const B*>(x.raw_data());
  B* out = static_cast<B*>(y->raw_data());
  ctx.ParallelFor(x.num_elements(), 0.2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = std::min(std::max(in[i], bottom), top);
  });
  return SetRangeOutputs(ctx, 1, r);
}

}  // namespace

void RegisterQuantizedMathKernels(KernelRegistry& kernels) {
  const KernelConstraints bytes = {{"T1", kQuint8}, {"T2", kQuint8}, {"Toutput", kQint32}};
  kernels.Add("QuantizedAdd", kCpu, bytes, QuantizedAdd);
  kernels.Add("QuantizedMul", kCpu, bytes, QuantizedMul);
  ForTypes<qint8, quint8>([&]<typename Q>() {
    kernels.Add("QuantizedBiasAdd", kCpu,
                {{"T1", dtype_of<Q>}, {"T2", dtype_of<Q>}, {"out_type", kQint32}},
                QuantizedBiasAdd<Q>);
  });
  ForTypes<quint8, qint32>([&]<typename Q>() {
    const KernelConstraints types = {{"Tinput", dtype_of<Q>}, {"out_type", dtype_of<Q>}};
    kernels.Add("QuantizedRelu", kCpu, types, QuantizedRelu<Q, false>);
    kernels.Add("QuantizedRelu6", kCpu, types, QuantizedRelu<Q, true>);
  });
  RegisterRequantizeKernels(kernels);
  RegisterQuantizedNnKernels(kernels);
  RegisterQuantizedMatMulBiasKernels(kernels);
}

}  // namespace weft
