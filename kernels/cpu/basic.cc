// SPDX-License-Identifier: Apache-2.0
// Constants, placeholders, ops that hand their input on, zeros and ones.
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/cpu/map.h"
#include "kernels/cpu/math_unary.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// Holds the value once; every run gets the same buffer.
class ConstKernel : public Kernel {
 public:
  explicit ConstKernel(KernelConstruction& c) : value_(c.Attr<Array>("value")) {
    if (value_.valid() && value_.dtype() != RemoveRef(c.output_dtype(0))) {
      c.Fail(absl::InvalidArgumentError(StrCat("attribute 'value' of Const node '", c.name(),
                                               "' is ", DTypeName(value_.dtype()),
                                               ", but 'dtype' is ", DTypeName(c.output_dtype(0)))));
    }
  }
  absl::Status Compute(KernelContext& ctx) override {
    ctx.set_output(0, value_);
    return absl::OkStatus();
  }

 private:
  Array value_;
};

class PlaceholderKernel : public Kernel {
 public:
  explicit PlaceholderKernel(KernelConstruction& c)
      : dtype_(c.Attr<DataType>("dtype")), shape_(c.AttrOr("shape", PartialShape())) {}
  absl::Status Compute(KernelContext& ctx) override {
    const std::string shape = shape_.known_rank() ? StrCat(" and shape ", shape_.ToString()) : "";
    return ctx.InvalidArgument(StrCat("You must feed a value for placeholder tensor '",
                                      ctx.node_name(), "' with dtype ", DTypeOpName(dtype_),
                                      shape));
  }

 private:
  DataType dtype_;
  PartialShape shape_;
};

absl::Status HandOn(KernelContext& ctx) {
  ctx.set_output(0, ctx.input(0));
  return absl::OkStatus();
}

class EnsureShapeKernel : public Kernel {
 public:
  explicit EnsureShapeKernel(KernelConstruction& c) : shape_(c.Attr<PartialShape>("shape")) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Shape& given = ctx.input(0).shape();
    if (!shape_.IsCompatibleWith(given)) {
      return ctx.InvalidArgument(StrCat("Shape of tensor input ", given.ToString(),
                                        " is not compatible with expected shape ",
                                        shape_.ToString(), "."));
    }
    return HandOn(ctx);
  }

 private:
  PartialShape shape_;
};

// What is wrong with some values.
struct Numerics {
  bool nan = false, positive_inf = false, negative_inf = false;
  bool any() const { return nan || positive_inf || negative_inf; }
};

template <typename T>
using BitsOf = std::conditional_t<sizeof(T) == 8, uint64_t,
                                  std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>>;

// All ones in the exponent: infinity, or NaN with more.
template <typename T>
constexpr BitsOf<T> kInfinityBits = std::is_same_v<T, double>
                                        ? static_cast<BitsOf<T>>(0x7ff0000000000000)
                                    : std::is_same_v<T, float> ? static_cast<BitsOf<T>>(0x7f800000)
                                    : std::is_same_v<T, bfloat16> ? static_cast<BitsOf<T>>(0x7f80)
                                                                  : static_cast<BitsOf<T>>(0x7c00);

template <typename T>
Numerics Inspect(const Array& a) {
  using Bits = BitsOf<T>;
  constexpr Bits kExponent = kInfinityBits<T>;
  constexpr Bits kMagnitude = static_cast<Bits>(~Bits{0}) >> 1;
  Numerics found;
  for (const T& value : a.values<T>()) {
    const Bits bits = std::bit_cast<Bits>(value);
    if ((bits & kExponent) != kExponent) [[likely]]
      continue;
    if ((bits & kMagnitude) != kExponent) {
      found.nan = true;
    } else {
      (bits == kExponent ? found.positive_inf : found.negative_inf) = true;
    }
  }
  return found;
}

std::string Describe(const Numerics& found, bool with_sign) {
  std::vector<std::string> kinds;
  if (with_sign) {
    if (found.negative_inf) kinds.push_back("-Inf");
    if (found.positive_inf) kinds.push_back("+Inf");
  } else if (found.negative_inf || found.positive_inf) {
    kinds.push_back("Inf");
  }
  if (found.nan) kinds.push_back("NaN");
  std::string text = kinds[0];
  for (size_t i = 1; i < kinds.size(); ++i) {
    const bool last = i + 1 == kinds.size();
    StrAppend(&text, !last ? ", " : kinds.size() > 2 ? ", and " : " and ", kinds[i]);
  }
  return text;
}

template <typename T, bool kWithSign>
class CheckNumericsKernel : public Kernel {
 public:
  explicit CheckNumericsKernel(KernelConstruction& c) : message_(c.Attr<std::string>("message")) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Numerics found = Inspect<T>(ctx.input(0));
    if (!found.any()) return HandOn(ctx);
    return ctx.InvalidArgument(
        StrCat(message_, " : Tensor had ", Describe(found, kWithSign), " values"));
  }

 private:
  std::string message_;
};

absl::Status ZerosLike(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
  if (IsPlain(y->dtype()) && y->num_bytes() > 0) std::memset(y->raw_data(), 0, y->num_bytes());
  return absl::OkStatus();  // fresh strings are empty
}

template <typename T>
absl::Status OnesLike(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, ctx.input(0).shape()));
  std::fill_n(y->mutable_data<T>(), y->num_elements(), T(1.0f));
  return absl::OkStatus();
}

}  // namespace

void RegisterBasicKernels(KernelRegistry& k) {
  k.Add<ConstKernel>("Const", kCpu, {});
  for (std::string_view op : {"Placeholder", "PlaceholderV2"})
    k.Add<PlaceholderKernel>(op, kCpu, {});
  for (std::string_view op : {"Identity", "Snapshot", "StopGradient", "PreventGradient",
                              "GuaranteeConst", "PlaceholderWithDefault"}) {
    k.Add(op, kCpu, {}, HandOn);
  }
  k.Add<EnsureShapeKernel>("EnsureShape", kCpu, {});
  ForTypes<half, bfloat16, float, double>([&]<typename T>() {
    k.Add<CheckNumericsKernel<T, false>>("CheckNumerics", kCpu, {{"T", dtype_of<T>}});
    k.Add<CheckNumericsKernel<T, true>>("CheckNumericsV2", kCpu, {{"T", dtype_of<T>}});
  });
  for (DataType t : {kFloat16, kBfloat16, kFloat32, kFloat64, kInt8, kInt16, kInt32, kInt64, kUint8,
                     kUint16, kUint32, kUint64, kComplex64, kComplex128, kBool, kString}) {
    k.Add("ZerosLike", kCpu, {{"T", t}}, ZerosLike);
  }
  ForTypes<half, bfloat16, float, double, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128, bool>([&]<typename T>() {
    k.Add("OnesLike", kCpu, {{"T", dtype_of<T>}}, OnesLike<T>);
  });
}

}  // namespace weft
