// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/int_list.h"
#include "weft/graph/op_builder.h"

#include <algorithm>
#include <limits>
#include <string>

#include "src/core/status.h"
#include "src/core/strings.h"

namespace weft {

IntList::IntList(const Array& values) {
  if (values.rank() > 1 || !IsInteger(values.dtype())) {
    ThrowError(Code::kInvalidArgument,
               StrCat("a list of integers is wanted, not an Array of dtype ",
                      DTypeName(values.dtype()), " and shape ", values.shape().ToString()));
  }
  for (int64_t i = 0; i < values.num_elements(); ++i) elements_.push_back(values.AsInt64(i));
}

std::optional<std::vector<int64_t>> IntList::Known() const {
  std::vector<int64_t> values;
  if (whole_.valid()) {
    if (whole_.op().type() != "Const") return std::nullopt;
    const Array* constant = whole_.op().attr("value").Get<Array>();
    if (constant == nullptr) return std::nullopt;
    for (int64_t i = 0; i < constant->num_elements(); ++i) values.push_back(constant->AsInt64(i));
    return values;
  }
  for (const Element& e : elements_) {
    if (e.tensor.valid()) return std::nullopt;
    values.push_back(e.value);
  }
  return values;
}

Tensor IntList::AnyTensor() const {
  if (whole_.valid()) return whole_;
  for (const Element& e : elements_) {
    if (e.tensor.valid()) return e.tensor;
  }
  return Tensor();
}

Input IntList::AsInput(std::string_view name) const {
  if (whole_.valid()) return whole_;
  const auto fits = [](int64_t v) {
    return v >= std::numeric_limits<int32_t>::min() && v <= std::numeric_limits<int32_t>::max();
  };
  if (std::optional<std::vector<int64_t>> values = Known()) {
    if (!std::all_of(values->begin(), values->end(), fits)) return Array::FromVector(*values);
    // A literal: it takes int64 where other operands have it.
    return std::vector<int32_t>(values->begin(), values->end());
  }
  const DataType dtype = AnyTensor().dtype();
  const NameScope scope(name, AnyTensor().graph());
  std::vector<Input> parts;
  for (size_t i = 0; i < elements_.size(); ++i) {
    const Element& e = elements_[i];
    parts.push_back(e.tensor.valid() ? e.tensor : AsTensor(e.value, dtype, std::to_string(i)));
  }
  return OpBuilder("Pack", scope.name()).InList(parts).Output();
}

}  // namespace weft
