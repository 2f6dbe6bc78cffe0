// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/tensor_array.h"

#include <atomic>
#include <limits>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/concat_copy.h"
#include "kernels/cpu/register.h"
#include "src/core/strings.h"
#include "weft/runtime/device.h"

namespace weft {
namespace {

constexpr char kContainer[] = "_tensor_arrays";
constexpr char kType[] = "TensorArray";

template <typename... Piece>
absl::Status Invalid(const Piece&... pieces) {
  return absl::InvalidArgumentError(StrCat(pieces...));
}

template <typename T>
void AddElements(KernelContext& ctx, const Array& a, const Array& b, Array* sum) {
  const T *x = a.data<T>(), *y = b.data<T>();
  T* out = sum->mutable_data<T>();
  ctx.ParallelFor(sum->num_elements(), 1, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = static_cast<T>(x[i] + y[i]);
  });
}

}  // namespace

bool AddArrays(KernelContext& ctx, const Array& a, const Array& b, Array* sum) {
  bool done = false;
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    if (a.dtype() != dtype_of<T>) return;
    AddElements<T>(ctx, a, b, sum);
    done = true;
  });
  return done;
}

absl::Status TensorArrayState::CheckOpen() const {
  if (!closed_) return absl::OkStatus();
  return Invalid("TensorArray ", name_, " has already been closed.");
}

absl::StatusOr<int32_t> TensorArrayState::Size() {
  std::lock_guard lock(mu_);
  WEFT_RETURN_IF_ERROR(CheckOpen());
  return size_;
}

absl::StatusOr<int32_t> TensorArrayState::SizeFor(int32_t wanted) {
  std::lock_guard lock(mu_);
  WEFT_RETURN_IF_ERROR(CheckOpen());
  return options_.dynamic_size ? std::max(size_, wanted) : size_;
}

absl::Status TensorArrayState::Write(KernelContext& ctx, int32_t index, Array value) {
  std::lock_guard lock(mu_);
  WEFT_RETURN_IF_ERROR(CheckOpen());
  if (index < 0 || (!options_.dynamic_size && index >= size_) ||
      index == std::numeric_limits<int32_t>::max()) {
    return Invalid("TensorArray ", name_, ": Tried to write to index ", index,
                   " but array is not resizeable and size is: ", size_);
  }
  if (!options_.element_shape.IsCompatibleWith(PartialShape(value.shape()))) {
    return Invalid("TensorArray ", name_, ": Could not write to TensorArray index ", index,
                   " because the value shape is ", value.shape().ToString(),
                   " which is incompatible with the TensorArray's inferred element shape: ",
                   options_.element_shape.ToString(), " (consider setting infer_shape=False).");
  }
  if (options_.identical_element_shapes && !options_.element_shape.IsFullyKnown())
    options_.element_shape = PartialShape(value.shape());
  Element& element = elements_[index];
  const auto refuse = [&](std::string_view why) {
    return Invalid("TensorArray ", name_, ": Could not write to TensorArray index ", index,
                   " because it has already been ", why, ".");
  };
  if (element.read) return refuse("read");
  if (element.written && !options_.aggregates) return refuse("written to");
  size_ = std::max(size_, index + 1);
  if (element.written) return Add(ctx, index, &element, value);
  element.shape = value.shape();
  element.value = std::move(value);
  element.written = true;
  return absl::OkStatus();
}

absl::Status TensorArrayState::Add(KernelContext& ctx, int32_t index, Element* element,
                                   const Array& value) {
  if (!(value.shape() == element->shape)) {
    return Invalid("TensorArray ", name_, ": Could not aggregate to TensorArray index ", index,
                   " because the existing shape is ", element->shape.ToString(),
                   " but the new input shape is ", value.shape().ToString(), ".");
  }
  if (!element->value.valid()) {  // zeros so far
    element->value = value;
    return absl::OkStatus();
  }
  Array sum = element->value;
  if (!element->value.OwnsBufferAlone()) {
    WEFT_ASSIGN_OR_RETURN(sum, ctx.AllocateTemp(options_.dtype, element->shape));
  }
  if (!AddArrays(ctx, element->value, value, &sum)) {
    return Invalid("TensorArray ", name_, ": values of dtype ", DTypeName(options_.dtype),
                   " can't be added up (index ", index, ")");
  }
  element->value = std::move(sum);
  added_up_ = true;
  return absl::OkStatus();
}

absl::StatusOr<Array> TensorArrayState::Read(KernelContext& ctx, int32_t index) {
  std::lock_guard lock(mu_);
  WEFT_RETURN_IF_ERROR(CheckOpen());
  if (index < 0 || index >= size_)
    return Invalid("Tried to read from index ", index, " but array size is: ", size_);
  Element& element = elements_[index];
  if (!element.written) {
    if (!options_.element_shape.IsFullyKnown()) {
      return Invalid(
          "TensorArray ", name_, ": Could not read from TensorArray index ", index,
          ".  Furthermore, the element shape is not fully defined: ",
          options_.element_shape.ToString(),
          ".  It is possible you are working with a resizeable TensorArray and stop_gradients is "
          "not allowing the gradients to be written.  If you set the full element_shape property "
          "on the forward TensorArray, the proper all-zeros tensor will be returned instead of "
          "incurring this error.");
    }
    element.shape = options_.element_shape.ToShape();
    element.written = true;
  }
  if (element.cleared) {
    return Invalid("TensorArray ", name_, ": Could not read index ", index,
                   " twice because it was cleared after a previous read (perhaps try setting "
                   "clear_after_read = false?).");
  }
  element.read = true;
  if (!element.value.valid()) {
    WEFT_ASSIGN_OR_RETURN(element.value, ctx.AllocateTemp(options_.dtype, element.shape));
    FillWithZero(ctx, &element.value);
  }
  if (!options_.clear_after_read) return element.value;
  element.cleared = true;
  return std::exchange(element.value, Array());
}

absl::StatusOr<PartialShape> TensorArrayState::ElementShape(const PartialShape& also) {
  std::lock_guard lock(mu_);
  WEFT_RETURN_IF_ERROR(CheckOpen());
  PartialShape merged;
  if (PartialShape::Merge(options_.element_shape, also, &merged)) return merged;
  return Invalid("TensorArray ", name_, ": elements have shape ", options_.element_shape.ToString(),
                 ", not ", also.ToString());
}

void TensorArrayState::Close() {
  std::lock_guard lock(mu_);
  closed_ = true;
  elements_.clear();
}

absl::StatusOr<std::shared_ptr<ResourceSlot>> TensorArrayState::Gradient(const std::string& source,
                                                                         const Shape& prefix) {
  std::lock_guard lock(mu_);
  WEFT_RETURN_IF_ERROR(CheckOpen());
  if (options_.aggregates) return Invalid("Wrong input container. ", name_, " holds gradients");
  std::shared_ptr<ResourceSlot>& slot = gradients_[source];
  if (slot) return slot;
  if (added_up_) {
    return Invalid("Unable to create a gradients TensorArray for ", name_,
                   ".  Perhaps you used the multiple_writes_aggregate flag on a previous write?  "
                   "Gradient calculation is impossible when multiple writes are performed to the "
                   "same index.");
  }
  options_.dynamic_size = false;  // the gradients have as many elements
  Options options;
  options.dtype = options_.dtype;
  options.element_shape = PartialShape(prefix).Concatenate(options_.element_shape);
  options.identical_element_shapes = options_.identical_element_shapes;
  options.aggregates = true;
  auto gradient = std::make_shared<TensorArrayState>(StrCat(name_, "@", source), size_, options);
  for (const auto& [index, element] : elements_) {
    if (!element.written) continue;
    Element& zeros = gradient->elements_[index];
    zeros.shape = PartialShape(prefix).Concatenate(PartialShape(element.shape)).ToShape();
    zeros.written = true;
  }
  slot = std::make_shared<ResourceSlot>();
  slot->Set(std::move(gradient));
  return slot;
}

namespace {

std::string UniqueName(std::string_view name) {
  static std::atomic<int64_t> counter{0};
  return StrCat(name, "_", counter.fetch_add(1, std::memory_order_relaxed));
}

// The error, with the node's name.
absl::Status Named(const KernelContext& ctx, const absl::Status& s) {
  return s.ok() ? s : ctx.Error(s.code(), StrCat(s.message()));
}

absl::StatusOr<std::shared_ptr<TensorArrayState>> ArrayOf(KernelContext& ctx) {
  Array names = ctx.input(0);
  if (ctx.input_is_ref(0)) {
    WEFT_ASSIGN_OR_RETURN(VariableState * v, ctx.variable(0));
    names = v->Read();
  }
  if (!names.valid() || names.dtype() != kString) return ctx.resource<TensorArrayState>(0);
  if (names.num_elements() != 2)
    return ctx.InvalidArgument("Tensor array handle must be 2-element vector, but had shape: " +
                               names.shape().ToString());
  const std::string* parts = names.data<std::string>();
  auto array = std::dynamic_pointer_cast<TensorArrayState>(
      ctx.step_resources().Slot(parts[0], kType, parts[1])->Get());
  if (array) return array;
  return ctx.Error(absl::StatusCode::kNotFound,
                   StrCat("TensorArray ", parts[0], "/", parts[1], " does not exist in this run."));
}

// Output 0 is the handle, in the form of the op's version.
void HandOut(KernelContext& ctx, std::shared_ptr<ResourceSlot> slot) {
  const auto array = std::static_pointer_cast<TensorArrayState>(slot->Get());
  if (ctx.output_dtype(0) == kResource) {
    ResourceHandle handle;
    handle.device = ctx.device().name();
    handle.container = kContainer;
    handle.name = array->name();
    handle.type = kType;
    handle.slot = std::move(slot);
    return ctx.set_output(0, Array(handle));
  }
  ctx.step_resources().Slot(kContainer, kType, array->name())->Set(array);
  const Array names = Array::FromVector(std::vector<std::string>{kContainer, array->name()});
  if (!IsRef(ctx.output_dtype(0))) return ctx.set_output(0, names);
  if (!array->reference) {
    array->reference = std::make_unique<VariableState>(kString, array->name(), Shape({2}));
    array->reference->Replace(names);
  }
  ctx.set_output_ref(0, array->reference.get());
}

absl::StatusOr<int32_t> ScalarIndex(KernelContext& ctx, int i) {
  const Array& index = ctx.input(i);
  if (index.rank() == 0) return *index.data<int32_t>();
  return ctx.InvalidArgument("TensorArray index must be scalar, but had shape: " +
                             index.shape().ToString());
}

absl::Status CheckRead(const KernelContext& ctx, const TensorArrayState& array) {
  const DataType asked = ctx.output_dtype(0);
  if (asked == array.dtype()) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("TensorArray dtype is ", DTypeOpName(array.dtype()),
                                    " but Op requested dtype ", DTypeOpName(asked), "."));
}

absl::Status CheckWrite(const KernelContext& ctx, const TensorArrayState& array,
                        const Array& value) {
  if (value.dtype() == array.dtype()) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("TensorArray dtype is ", DTypeOpName(array.dtype()),
                                    " but Op is trying to write dtype ", DTypeOpName(value.dtype()),
                                    "."));
}

class MakeTensorArray final : public Kernel {
 public:
  explicit MakeTensorArray(KernelConstruction& c) {
    options_.dtype = c.Attr<DataType>("dtype");
    options_.element_shape = c.AttrOr<PartialShape>("element_shape", PartialShape::Unknown());
    options_.identical_element_shapes = c.AttrOr<bool>("identical_element_shapes", false);
    options_.dynamic_size = c.Attr<bool>("dynamic_size");
    options_.clear_after_read = c.Attr<bool>("clear_after_read");
    name_ = c.Attr<std::string>("tensor_array_name");
    if (name_.empty()) name_ = c.name();
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& size = ctx.input(0);
    if (size.rank() != 0)
      return ctx.InvalidArgument("TensorArray size must be scalar, but had shape: " +
                                 size.shape().ToString());
    const int32_t n = *size.data<int32_t>();
    if (n < 0) return ctx.InvalidArgument("Size should be >= 0.");
    auto slot = std::make_shared<ResourceSlot>();
    slot->Set(std::make_shared<TensorArrayState>(UniqueName(name_), n, options_));
    HandOut(ctx, std::move(slot));
    if (ctx.num_outputs() > 1) ctx.set_output(1, Array(0.0f));
    return absl::OkStatus();
  }

 private:
  TensorArrayState::Options options_;
  std::string name_;
};

class MakeGradient final : public Kernel {
 public:
  explicit MakeGradient(KernelConstruction& c) : source_(c.Attr<std::string>("source")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
    Shape prefix;
    if (ctx.num_inputs() > 2) {
      const Array& dims = ctx.input(2);
      if (dims.rank() != 1)
        return ctx.InvalidArgument("shape_to_prepend must be a vector, but had shape: " +
                                   dims.shape().ToString());
      std::vector<int64_t> sizes;
      for (int64_t i = 0; i < dims.num_elements(); ++i) sizes.push_back(dims.AsInt64(i));
      WEFT_ASSIGN_OR_RETURN(prefix, ShapeFromSizes(ctx, sizes));
    }
    absl::StatusOr<std::shared_ptr<ResourceSlot>> slot = array->Gradient(source_, prefix);
    if (!slot.ok()) return Named(ctx, slot.status());
    HandOut(ctx, *std::move(slot));
    if (ctx.num_outputs() > 1) ctx.set_output(1, ctx.input(1));
    return absl::OkStatus();
  }

 private:
  std::string source_;
};

absl::Status Write(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const int32_t index, ScalarIndex(ctx, 1));
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
  WEFT_RETURN_IF_ERROR(CheckWrite(ctx, *array, ctx.input(2)));
  WEFT_RETURN_IF_ERROR(Named(ctx, array->Write(ctx, index, ctx.Persist(ctx.input(2)))));
  ctx.set_output(0, ctx.input(3));
  return absl::OkStatus();
}

absl::Status Read(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const int32_t index, ScalarIndex(ctx, 1));
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
  WEFT_RETURN_IF_ERROR(CheckRead(ctx, *array));
  absl::StatusOr<Array> value = array->Read(ctx, index);
  if (!value.ok()) return Named(ctx, value.status());
  ctx.set_output(0, *std::move(value));
  return absl::OkStatus();
}

// Reads elements [0, n) or those of `indices`.
absl::StatusOr<std::vector<Array>> ReadMany(KernelContext& ctx, TensorArrayState& array,
                                            const Array* indices, int32_t n) {
  std::vector<Array> values;
  values.reserve(static_cast<size_t>(n));
  for (int32_t i = 0; i < n; ++i) {
    absl::StatusOr<Array> value = array.Read(ctx, indices ? indices->data<int32_t>()[i] : i);
    if (!value.ok()) return Named(ctx, value.status());
    values.push_back(*std::move(value));
  }
  return values;
}

absl::Status Join(KernelContext& ctx, const std::vector<Array>& values, const Shape& shape) {
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  std::vector<const Array*> parts;
  for (const Array& v : values) parts.push_back(&v);
  ConcatBlocks(ctx, parts, 1, out);
  return absl::OkStatus();
}

Shape WithRows(int64_t rows, const Shape& row) {
  std::vector<int64_t> dims{rows};
  dims.insert(dims.end(), row.dims().begin(), row.dims().end());
  return Shape(dims);
}
Shape WithoutRows(const Shape& shape) {
  std::vector<int64_t> dims(shape.dims().begin() + 1, shape.dims().end());
  return Shape(dims);
}

// Gather, and Pack, which has no indices.
class Gather final : public Kernel {
 public:
  explicit Gather(KernelConstruction& c)
      : element_shape_(c.AttrOr<PartialShape>("element_shape", PartialShape::Unknown())) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
    WEFT_RETURN_IF_ERROR(CheckRead(ctx, *array));
    const Array* indices = ctx.num_inputs() > 2 ? &ctx.input(1) : nullptr;
    if (indices && indices->rank() != 1)
      return ctx.InvalidArgument("Expected indices to be a vector, but received shape: " +
                                 indices->shape().ToString());
    absl::StatusOr<int32_t> size = array->Size();
    if (!size.ok()) return Named(ctx, size.status());
    absl::StatusOr<PartialShape> elements = array->ElementShape(element_shape_);
    if (!elements.ok()) return Named(ctx, elements.status());
    const int32_t n = indices ? static_cast<int32_t>(indices->num_elements()) : *size;
    if (n == 0) return Empty(ctx, *elements);
    WEFT_ASSIGN_OR_RETURN(const std::vector<Array> values, ReadMany(ctx, *array, indices, n));
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].shape() == values[0].shape()) continue;
      return ctx.InvalidArgument(StrCat(
          "TensorArray has inconsistent shapes.  Index 0 has shape: ", values[0].shape().ToString(),
          " but index ", i, " has shape: ", values[i].shape().ToString()));
    }
    if (!elements->IsCompatibleWith(PartialShape(values[0].shape()))) {
      return ctx.InvalidArgument(
          StrCat("TensorArray was passed element_shape ", elements->ToString(),
                 " which does not match the Tensor at index 0: ", values[0].shape().ToString()));
    }
    return Join(ctx, values, WithRows(n, values[0].shape()));
  }

 private:
  static absl::Status Empty(KernelContext& ctx, const PartialShape& elements) {
    if (!elements.IsFullyKnown()) {
      return ctx.Error(
          absl::StatusCode::kUnimplemented,
          StrCat("TensorArray has size zero, but element shape ", elements.ToString(),
                 " is not fully defined. Currently only static shapes are supported when packing "
                 "zero-size TensorArrays."));
    }
    return ctx.AllocateOutput(0, WithRows(0, elements.ToShape())).status();
  }
  PartialShape element_shape_;
};

class Concat final : public Kernel {
 public:
  explicit Concat(KernelConstruction& c)
      : rest_(c.AttrOr<PartialShape>("element_shape_except0", PartialShape::Unknown())) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
    WEFT_RETURN_IF_ERROR(CheckRead(ctx, *array));
    absl::StatusOr<int32_t> size = array->Size();
    if (!size.ok()) return Named(ctx, size.status());
    if (*size == 0) return Empty(ctx);
    WEFT_ASSIGN_OR_RETURN(const std::vector<Array> values, ReadMany(ctx, *array, nullptr, *size));
    WEFT_ASSIGN_OR_RETURN(Array * lengths, ctx.AllocateOutput(1, Shape({*size})));
    int64_t total = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const Shape& shape = values[i].shape();
      if (shape.rank() == 0) {
        return ctx.InvalidArgument(
            StrCat("Concat saw a scalar shape at index ", i,
                   " but requires at least vectors.  Did you mean to call pack?"));
      }
      if (!(WithoutRows(shape) == WithoutRows(values[0].shape()))) {
        return ctx.InvalidArgument(
            StrCat("TensorArray has inconsistent shapes.  Index 0 has (excepting dimension 0) "
                   "shape: ",
                   WithoutRows(values[0].shape()).ToString(), " but index ", i,
                   " has (excepting dimension 0) shape: ", WithoutRows(shape).ToString()));
      }
      lengths->mutable_data<int64_t>()[i] = shape.dim(0);
      total += shape.dim(0);
    }
    return Join(ctx, values, WithRows(total, WithoutRows(values[0].shape())));
  }

 private:
  absl::Status Empty(KernelContext& ctx) const {
    if (!rest_.IsFullyKnown()) {
      return ctx.Error(
          absl::StatusCode::kUnimplemented,
          StrCat("TensorArray has size zero, but element_shape_except0 ", rest_.ToString(),
                 " is not fully defined. Currently only static shapes are supported "
                 "when concatenating zero-size TensorArrays."));
    }
    WEFT_RETURN_IF_ERROR(ctx.AllocateOutput(0, WithRows(0, rest_.ToShape())).status());
    return ctx.AllocateOutput(1, Shape({0})).status();
  }
  PartialShape rest_;
};

// Writes rows [begin, begin + shape.dim(0)) of a tensor, of `per_row` elements each, as one
// element.
absl::Status WritePiece(KernelContext& ctx, TensorArrayState& array, int32_t index,
                        const Array& value, int64_t first_element, const Shape& shape) {
  const Array view = ViewElements(value, first_element, value.dtype(), shape);
  WEFT_ASSIGN_OR_RETURN(Array piece, ctx.AllocateTemp(value.dtype(), shape));
  CopyElements(ctx, view, &piece);
  return Named(ctx, array.Write(ctx, index, std::move(piece)));
}

// Scatter, and Unpack, which has no indices.
absl::Status Scatter(KernelContext& ctx) {
  const bool by_indices = ctx.num_inputs() > 3;
  const Array* indices = by_indices ? &ctx.input(1) : nullptr;
  const Array& value = ctx.input(by_indices ? 2 : 1);
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
  if (indices && indices->rank() != 1)
    return ctx.InvalidArgument("Expected indices to be a vector, but received shape: " +
                               indices->shape().ToString());
  if (value.rank() == 0) {
    return ctx.InvalidArgument(
        "Input value for unpack must be at least a vector but received shape: " +
        value.shape().ToString());
  }
  WEFT_RETURN_IF_ERROR(CheckWrite(ctx, *array, value));
  const int64_t rows = value.dim(0);
  if (rows >= std::numeric_limits<int32_t>::max())
    return ctx.InvalidArgument(StrCat("a TensorArray can't have ", rows, " elements"));
  if (indices && indices->num_elements() != rows) {
    return ctx.InvalidArgument(StrCat("Expected len(indices) == values.shape[0], but saw: ",
                                      indices->num_elements(), " vs. ", rows));
  }
  int32_t greatest = static_cast<int32_t>(rows) - 1;
  for (int64_t i = 0; indices && i < rows; ++i)
    greatest =
        i == 0 ? indices->data<int32_t>()[i] : std::max(greatest, indices->data<int32_t>()[i]);
  absl::StatusOr<int32_t> size =
      array->SizeFor(greatest == std::numeric_limits<int32_t>::max() ? greatest : greatest + 1);
  if (!size.ok()) return Named(ctx, size.status());
  if (indices && rows > 0 && greatest >= *size) {
    return ctx.InvalidArgument(
        StrCat("Max scatter index must be < array size (", greatest, " vs. ", *size, ")"));
  }
  if (!indices && rows != *size) {
    return ctx.InvalidArgument(
        StrCat("Input value must have first dimension equal to the array "
               "size (",
               rows, " vs. ", *size, ")"));
  }
  const Shape row = WithoutRows(value.shape());
  for (int64_t i = 0; i < rows; ++i) {
    const int32_t index = indices ? indices->data<int32_t>()[i] : static_cast<int32_t>(i);
    WEFT_RETURN_IF_ERROR(WritePiece(ctx, *array, index, value, i * row.num_elements(), row));
  }
  ctx.set_output(0, ctx.input(by_indices ? 3 : 2));
  return absl::OkStatus();
}

absl::Status Split(KernelContext& ctx) {
  const Array& value = ctx.input(1);
  const Array& lengths = ctx.input(2);
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
  if (lengths.rank() != 1)
    return ctx.InvalidArgument("Expected lengths to be a vector, received shape: " +
                               lengths.shape().ToString());
  if (value.rank() == 0)
    return ctx.InvalidArgument("Expected value to be at least a vector, but received shape: " +
                               value.shape().ToString());
  const int64_t rows = value.dim(0);
  int64_t total = 0;
  for (const int64_t length : lengths.values<int64_t>()) {
    if (length < 0 || length > rows)
      return ctx.InvalidArgument(
          StrCat("a length is ", length, "; they must be in [0, ", rows, "]"));
    total += length;
  }
  if (total != rows) {
    return ctx.InvalidArgument(
        StrCat("Expected sum of lengths to be equal to values.shape[0], but "
               "sum of lengths is ",
               total, " and value's shape is: ", value.shape().ToString()));
  }
  const int64_t n = lengths.num_elements();
  absl::StatusOr<int32_t> size = array->SizeFor(
      static_cast<int32_t>(std::min<int64_t>(n, std::numeric_limits<int32_t>::max())));
  if (!size.ok()) return Named(ctx, size.status());
  if (*size != n) {
    return ctx.InvalidArgument(StrCat("TensorArray's size is not equal to the size of lengths (",
                                      *size, " vs. ", n,
                                      "), and the TensorArray is not marked as dynamically "
                                      "resizeable"));
  }
  WEFT_RETURN_IF_ERROR(CheckWrite(ctx, *array, value));
  const Shape row = WithoutRows(value.shape());
  int64_t begin = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t length = lengths.data<int64_t>()[i];
    WEFT_RETURN_IF_ERROR(WritePiece(ctx, *array, static_cast<int32_t>(i), value,
                                    begin * row.num_elements(), WithRows(length, row)));
    begin += length;
  }
  ctx.set_output(0, ctx.input(3));
  return absl::OkStatus();
}

absl::Status Size(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
  absl::StatusOr<int32_t> size = array->Size();
  if (!size.ok()) return Named(ctx, size.status());
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<int32_t>() = *size;
  return absl::OkStatus();
}

absl::Status Close(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<TensorArrayState> array, ArrayOf(ctx));
  array->Close();
  return absl::OkStatus();
}

}  // namespace

void RegisterTensorArrayKernels(KernelRegistry& kernels) {
  for (const char* suffix : {"", "V2", "V3"}) {
    const auto op = [suffix](const char* name) { return StrCat("TensorArray", name, suffix); };
    kernels.Add<MakeTensorArray>(op(""), kCpu, {});
    kernels.Add<MakeGradient>(op("Grad"), kCpu, {});
    kernels.Add(op("Write"), kCpu, {}, Write);
    kernels.Add(op("Read"), kCpu, {}, Read);
    kernels.Add<Gather>(op("Gather"), kCpu, {});
    kernels.Add(op("Scatter"), kCpu, {}, Scatter);
    kernels.Add<Concat>(op("Concat"), kCpu, {});
    kernels.Add(op("Split"), kCpu, {}, Split);
    kernels.Add(op("Size"), kCpu, {}, Size);
    kernels.Add(op("Close"), kCpu, {}, Close);
  }
  kernels.Add<MakeGradient>("TensorArrayGradWithShape", kCpu, {});
  kernels.Add<Gather>("TensorArrayPack", kCpu, {});
  kernels.Add("TensorArrayUnpack", kCpu, {}, Scatter);
  RegisterStackKernels(kernels);
}

}  // namespace weft
