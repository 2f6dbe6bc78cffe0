// SPDX-License-Identifier: Apache-2.0
// TensorArray: a list of tensors that lives as long as one run.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "weft/core/handle.h"
#include "weft/runtime/kernel.h"

namespace weft {

// *sum = a + b, element by element; all are of one dtype and shape, and *sum may be a. False if
// there is no sum of elements of this dtype.
bool AddArrays(KernelContext& ctx, const Array& a, const Array& b, Array* sum);

class TensorArrayState final : public Resource {
 public:
  struct Options {
    DataType dtype = kInvalidType;
    PartialShape element_shape;
    bool identical_element_shapes = false;
    bool dynamic_size = false;
    bool clear_after_read = true;
    // Several writes to one element add up: of gradients.
    bool aggregates = false;
  };
  TensorArrayState(std::string name, int32_t size, Options options)
      : name_(std::move(name)), size_(size), options_(std::move(options)) {}

  DataType dtype() const { return options_.dtype; }
  const std::string& name() const { return name_; }

  // All return InvalidArgument if the list is closed.
  absl::StatusOr<int32_t> Size();
  // The size, if the list may not grow; at least `wanted`, to which it may grow, otherwise.
  absl::StatusOr<int32_t> SizeFor(int32_t wanted);
  // `value` is the list's own (KernelContext::Persist).
  absl::Status Write(KernelContext& ctx, int32_t index, Array value);
  absl::StatusOr<Array> Read(KernelContext& ctx, int32_t index);
  // What is known of the elements' shape, by the list and by `also`.
  absl::StatusOr<PartialShape> ElementShape(const PartialShape& also);
  void Close();

  // The list of gradients of this name: as many elements, zeros of the shapes of this list's
  // elements with `prefix` in front.
  absl::StatusOr<std::shared_ptr<ResourceSlot>> Gradient(const std::string& source,
                                                         const Shape& prefix);

  // What a reference to this list refers to (the first version's handle).
  std::unique_ptr<VariableState> reference;

 private:
  struct Element {
    Array value;  // invalid: zeros of `shape`
    Shape shape;
    bool written = false, read = false, cleared = false;
  };
  absl::Status CheckOpen() const;
  absl::Status Add(KernelContext& ctx, int32_t index, Element* element, const Array& value);

  const std::string name_;
  std::mutex mu_;
  bool closed_ = false;
  bool added_up_ = false;  // an element was written twice: the list has no gradient
  int32_t size_;
  Options options_;
  std::unordered_map<int32_t, Element> elements_;
  std::map<std::string, std::shared_ptr<ResourceSlot>> gradients_;
};

}  // namespace weft
