// SPDX-License-Identifier: Apache-2.0
// Variables by handle: handles, reads and gathers. Assignments: dense_update.cc.
#include <memory>
#include <string>
#include <utility>

#include "kernels/cpu/gather.h"
#include "kernels/cpu/variable_access.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// A variable of this shared_name belongs to one node alone.
constexpr std::string_view kAnonymous = "cd2c89b7-88b7-44c8-ad83-06c2a9158347";

class VarHandle final : public Kernel {
 public:
  explicit VarHandle(KernelConstruction& c) {
    ResourceHandle h;
    h.container = c.AttrOr<std::string>("container", "");
    if (h.container.empty()) h.container = c.resources().default_container();
    h.name = c.AttrOr<std::string>("shared_name", "");
    h.type = "Variable";
    h.slot = h.name == kAnonymous ? std::make_shared<ResourceSlot>()
                                  : c.resources().Slot(h.container, h.type, h.name);
    handle_ = Array(std::move(h));
  }

  absl::Status Compute(KernelContext& ctx) override {
    ctx.set_output(0, handle_);
    return absl::OkStatus();
  }

 private:
  Array handle_;
};

// The handle that input 0 holds.
absl::StatusOr<const ResourceHandle*> HandleOf(KernelContext& ctx) {
  const Array& handles = ctx.input(0);
  if (handles.dtype() != kResource || handles.num_elements() < 1) {
    return ctx.InvalidArgument("input 0 is no resource handle");
  }
  return handles.data<ResourceHandle>();
}

// A snapshot of the variable behind input 0.
absl::StatusOr<Array> ReadInput(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(VariableState * v, ctx.variable(0));
  Array value = v->Read();
  if (!value.valid()) {
    return ctx.Error(absl::StatusCode::kFailedPrecondition,
                     StrCat("Attempting to use uninitialized value ", v->name()));
  }
  return value;
}

class ReadVariable final : public Kernel {
 public:
  explicit ReadVariable(KernelConstruction& c) : dtype_(c.Attr<DataType>("dtype")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const absl::StatusOr<Array> value = ReadInput(ctx);
    if (!value.ok()) return Missing(ctx, value.status());
    if (value->dtype() != dtype_) {
      return ctx.InvalidArgument(StrCat("Trying to read variable with wrong dtype. Expected ",
                                        DTypeOpName(dtype_), " got ", DTypeOpName(value->dtype())));
    }
    ctx.set_output(0, *value);
    return absl::OkStatus();
  }

 private:
  static absl::Status Missing(KernelContext& ctx, const absl::Status& cause) {
    WEFT_ASSIGN_OR_RETURN(const ResourceHandle* handle, HandleOf(ctx));
    if (cause.code() == absl::StatusCode::kInvalidArgument) return cause;
    return ctx.Error(
        absl::StatusCode::kFailedPrecondition,
        StrCat("Could not find variable ", handle->name,
               ". This could mean that the variable has been deleted. In TF1, it can also mean the "
               "variable is uninitialized. Debug info: container=",
               handle->container));
  }

  const DataType dtype_;
};

absl::Status VarIsInitialized(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const ResourceHandle* handle, HandleOf(ctx));
  const std::shared_ptr<Resource> any = handle->slot ? handle->slot->Get() : nullptr;
  auto* const v = dynamic_cast<VariableState*>(any.get());
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<bool>() = v != nullptr && v->Read().valid();
  return absl::OkStatus();
}

template <typename T>
absl::Status VariableShape(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const Array value, ReadInput(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({value.rank()})));
  for (int i = 0; i < value.rank(); ++i) {
    const T size = static_cast<T>(value.dim(i));
    if (static_cast<int64_t>(size) != value.dim(i)) {
      return ctx.InvalidArgument(StrCat("Shape output type is 32-bit  but dim ", i, " is ",
                                        value.dim(i), ": use out_type int64"));
    }
    out->mutable_data<T>()[i] = size;
  }
  return absl::OkStatus();
}

class DestroyResource final : public Kernel {
 public:
  explicit DestroyResource(KernelConstruction& c)
      : ignore_missing_(c.AttrOr<bool>("ignore_lookup_error", true)) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const ResourceHandle* handle, HandleOf(ctx));
    if (handle->slot && handle->slot->Get()) {
      handle->slot->Set(nullptr);
      return absl::OkStatus();
    }
    if (ignore_missing_) return absl::OkStatus();
    return ctx.Error(absl::StatusCode::kNotFound,
                     StrCat("Resource ", handle->container, "/", handle->name, "/", handle->type,
                            " does not exist."));
  }

 private:
  const bool ignore_missing_;
};

class ResourceGather final : public Kernel {
 public:
  explicit ResourceGather(KernelConstruction& c)
      : batch_dims_(c.AttrOr<int64_t>("batch_dims", 0)) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Array params, ReadInput(ctx));
    return GatherAlong(ctx, params, ctx.input(1), /*axis=*/batch_dims_, batch_dims_);
  }

 private:
  const int64_t batch_dims_;
};

absl::Status ResourceGatherNd(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const Array params, ReadInput(ctx));
  return GatherTuples(ctx, params, ctx.input(1));
}

absl::Status DisableCopyOnRead(KernelContext& ctx) { return ctx.variable(0).status(); }

}  // namespace

void RegisterVariableKernels(KernelRegistry& kernels) {
  kernels.Add<VarHandle>("VarHandleOp", kCpu, {});
  kernels.Add<ReadVariable>("ReadVariableOp", kCpu, {});
  kernels.Add("VarIsInitializedOp", kCpu, {}, VarIsInitialized);
  kernels.Add("VariableShape", kCpu, {{"out_type", kInt32}}, VariableShape<int32_t>);
  kernels.Add("VariableShape", kCpu, {{"out_type", kInt64}}, VariableShape<int64_t>);
  kernels.Add<DestroyResource>("DestroyResourceOp", kCpu, {});
  kernels.Add<ResourceGather>("ResourceGather", kCpu, {});
  kernels.Add("ResourceGatherNd", kCpu, {}, ResourceGatherNd);
  kernels.Add("DisableCopyOnRead", kCpu, {}, DisableCopyOnRead);
}

}  // namespace weft
