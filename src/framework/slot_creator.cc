// SPDX-License-Identifier: Apache-2.0
#include "src/framework/slot_creator.h"

#include <optional>

#include "src/core/strings.h"
#include "src/framework/variable_store.h"
#include "weft/ops/array.h"

namespace weft::internal {
namespace {

// While it lives, the scope makes whole variables.
class WithoutPartitioner {
 public:
  explicit WithoutPartitioner(VarScope scope)
      : scope_(std::move(scope)), partitioner_(scope_.defaults().partitioner) {
    scope_.set_partitioner({});
  }
  ~WithoutPartitioner() { scope_.set_partitioner(partitioner_); }

 private:
  VarScope scope_;
  Partitioner partitioner_;
};

// The slot's part is where the primary's is, in the dimensions that it has.
void SetSlice(const Variable& primary, const Variable& slot) {
  const std::optional<SaveSliceInfo>& whole = primary.save_slice_info();
  if (!whole) return;
  const PartialShape& shape = slot.shape();
  if (shape.known_rank() && shape.rank() == 0) return;
  SaveSliceInfo part = *whole;
  part.full_name += slot.op_name().substr(primary.op_name().size());
  if (shape.known_rank()) {
    const auto rank = static_cast<size_t>(shape.rank());
    for (std::vector<int64_t>* list : {&part.full_shape, &part.var_offset, &part.var_shape})
      list->resize(std::min(list->size(), rank));
  }
  slot.set_save_slice_info(std::move(part));
}

Variable MakeSlot(const Primary& primary, const Initializer& initializer,
                  std::optional<Shape> shape, DataType dtype, bool validate_shape,
                  const std::string& name, const SlotOptions& o) {
  const Graph graph = primary.graph();
  const GraphScope use(graph);
  const VariableScope scope =
      VariableScope::Unique(StrCat(primary.tensor().op().name(), "/", name), {}, graph);
  std::optional<ColocateWith> colocate;
  if (o.colocate_with_primary) colocate.emplace(primary.tensor().op());
  const WithoutPartitioner whole(scope.scope());
  GetVariableOptions options{.dtype = dtype,
                             .initializer = initializer,
                             .trainable = false,
                             .validate_shape = validate_shape};
  if (primary.variable().valid()) options.use_resource = primary.variable().is_resource();
  const Variable slot = GetVariableInScope("", std::move(shape), options);
  if (primary.variable().valid()) SetSlice(primary.variable(), slot);
  return slot;
}

}  // namespace

Variable CreateSlot(const Primary& primary, const Tensor& value, const std::string& name,
                    const SlotOptions& options) {
  return MakeSlot(primary, Initializer(value), std::nullopt, kInvalidType,
                  value.shape().IsFullyKnown(), name, options);
}

Variable CreateSlotWithInitializer(const Primary& primary, const Initializer& initializer,
                                   const Shape& shape, DataType dtype, const std::string& name,
                                   const SlotOptions& options) {
  return MakeSlot(primary, initializer, shape, dtype, true, name, options);
}

Variable CreateSlotWithFunction(const Primary& primary, const std::function<Tensor()>& make_value,
                                const std::string& name, const SlotOptions& options) {
  return MakeSlot(primary, Initializer(make_value), std::nullopt, kInvalidType,
                  primary.shape().IsFullyKnown(), name, options);
}

Variable CreateZerosSlot(const Primary& primary, const std::string& name, DataType given,
                         const SlotOptions& options) {
  const DataType dtype = given == kInvalidType ? primary.dtype() : RemoveRef(given);
  if (primary.shape().IsFullyKnown())
    return CreateSlotWithInitializer(primary, ZerosInitializer(), primary.shape().ToShape(), dtype,
                                     name, options);
  const GraphScope use(primary.graph());
  const Tensor sizes = ShapeOf(primary.variable().valid() ? primary.variable().initialized_value()
                                                          : primary.tensor());
  return CreateSlot(primary, Zeros(sizes, dtype), name, options);
}

}  // namespace weft::internal
