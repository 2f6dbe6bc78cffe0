// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/numeric_check.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <string>

#include "src/core/decimal.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// The numbers of one array. A complex one counts by its real and imaginary parts.
struct Census {
  int64_t nan = 0, positive_inf = 0, negative_inf = 0;
  int64_t first_bad = -1;                  // element
  double min = HUGE_VAL, max = -HUGE_VAL;  // of the finite ones

  bool finite() const { return first_bad < 0; }
  void Add(double x, int64_t element) {
    if (std::isfinite(x)) {
      min = std::min(min, x);
      max = std::max(max, x);
      return;
    }
    if (first_bad < 0) first_bad = element;
    ++(std::isnan(x) ? nan : x > 0 ? positive_inf : negative_inf);
  }
};

bool IsFloatingOrComplex(DataType t) { return IsFloating(t) || IsComplex(t); }

// The value in host memory.
absl::StatusOr<Array> OnHost(const Array& value, Device& device) {
  if (!value.buffer() || !value.buffer()->allocator() ||
      value.buffer()->allocator()->host_accessible())
    return value;
  Array host(value.dtype(), value.shape());
  WEFT_RETURN_IF_ERROR(device.CopyToHost(value, &host));
  return host;
}

template <typename T>
void CountReal(const Array& a, Census* c) {
  const T* x = a.data<T>();
  for (int64_t i = 0; i < a.num_elements(); ++i) c->Add(static_cast<double>(x[i]), i);
}
template <typename T>
void CountComplex(const Array& a, Census* c) {
  const T* x = a.data<T>();
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    c->Add(static_cast<double>(x[i].real()), i);
    c->Add(static_cast<double>(x[i].imag()), i);
  }
}

Census Count(const Array& a) {
  Census c;
  switch (a.dtype()) {
    case kFloat32:
      CountReal<float>(a, &c);
      break;
    case kFloat64:
      CountReal<double>(a, &c);
      break;
    case kComplex64:
      CountComplex<std::complex<float>>(a, &c);
      break;
    case kComplex128:
      CountComplex<std::complex<double>>(a, &c);
      break;
    default:
      for (int64_t i = 0; i < a.num_elements(); ++i) c.Add(a.AsDouble(i), i);
  }
  return c;
}

std::string IndexText(int64_t element, const Shape& shape) {
  std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
  for (int d = shape.rank(); d-- > 0;) {
    index[static_cast<size_t>(d)] = element % shape.dim(d);
    element /= shape.dim(d);
  }
  return "[" + StrJoin(index, ",") + "]";
}

std::string Describe(const Array& value, const Census& c) {
  std::string text = StrCat(DTypeName(value.dtype()), " ", value.shape().ToString(), ", ");
  if (!c.finite()) {
    StrAppend(&text, c.nan, " NaN, ", c.positive_inf, " +Inf, ", c.negative_inf, " -Inf of ",
              value.num_elements(), " elements, the first at ",
              IndexText(c.first_bad, value.shape()));
  } else {
    text += "all finite";
  }
  if (c.min <= c.max) {
    const FloatKind kind = DTypeSize(value.dtype()) >= 8 && value.dtype() != kComplex64
                               ? FloatKind::kDouble
                               : FloatKind::kFloat;
    StrAppend(&text, c.finite() ? "" : "; finite ones", c.finite() ? ", min " : " from ",
              ScalarText(c.min, kind), c.finite() ? ", max " : " to ", ScalarText(c.max, kind));
  }
  return text;
}

std::string InputName(const PlanNode& node, size_t i) {
  const PlanEdge& e = node.inputs[i];
  // A feed is named after its tensor.
  return e.node->is_feed ? StrCat(e.node->name, " (fed)") : StrCat(e.node->name, ":", e.index);
}

std::string DescribeInputs(const ExecState& state, size_t step, bool* all_finite) {
  const PlanNode& node = *state.plan.steps[step].node;
  std::string text;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    StrAppend(&text, "\n  input ", i, " '", InputName(node, i), "': ");
    const Array& value = state.calls[step].ctx.input(static_cast<int>(i));
    if (!value.valid()) {
      text += "a reference or no value";
      continue;
    }
    const absl::StatusOr<Array> host = OnHost(value, *node.device);
    if (!host.ok() || !IsFloatingOrComplex(value.dtype())) {
      StrAppend(&text, DTypeName(value.dtype()), " ", value.shape().ToString());
      continue;
    }
    const Census c = Count(*host);
    *all_finite &= c.finite();
    text += Describe(*host, c);
  }
  return text;
}

}  // namespace

int64_t NumericCheckOf(const PlanNode& node) {
  const int64_t* mask = node.FindAttrOf<int64_t>(kNumericCheckAttr);
  return mask ? *mask : 0;
}

absl::Status CheckNumericOutputs(const ExecState& state, size_t s) {
  const PlanNode& node = *state.plan.steps[s].node;
  const int64_t mask = NumericCheckOf(node);
  for (size_t o = 0; o < node.output_types.size(); ++o) {
    if (!IsFloatingOrComplex(RemoveRef(node.output_types[o]))) continue;
    const Value& out = state.values[static_cast<size_t>(node.first_slot) + o];
    const Array value = IsRef(node.output_types[o]) && out.ref ? out.ref->Read() : out.array;
    if (out.dead || !value.valid()) continue;
    WEFT_ASSIGN_OR_RETURN(const Array host, OnHost(value, *node.device));
    const Census c = Count(host);
    const bool nan = (mask & kCheckNaN) && c.nan > 0;
    const bool inf = (mask & kCheckInf) && c.positive_inf + c.negative_inf > 0;
    if (!nan && !inf) continue;
    bool inputs_finite = true;
    const std::string inputs = DescribeInputs(state, s, &inputs_finite);
    return WithNode(
        absl::InvalidArgumentError(
            StrCat(node.op, " '", node.name, "' made ", nan ? "NaN" : "", nan && inf ? " and " : "",
                   inf ? "Inf" : "",
                   inputs_finite ? " from finite inputs" : " (not all inputs are finite)",
                   ".\n  output ", o, " '", node.name, ":", o, "': ", Describe(host, c), inputs)),
        node.name, node.op);
  }
  return absl::OkStatus();
}

}  // namespace weft
