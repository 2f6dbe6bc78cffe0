// SPDX-License-Identifier: Apache-2.0
// Tensors kept from one run to the next under numbers or texts: AddSparseToTensorsMap,
// AddManySparseToTensorsMap, TakeManySparseFromTensorsMap; GetSessionHandle, GetSessionTensor,
// DeleteSessionTensor.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/cpu/named_resource.h"
#include "kernels/cpu/sparse.h"
#include "weft/runtime/device.h"

namespace weft {
namespace {

// Thread-safe.
class SparseTensorsMap final : public Resource {
 public:
  explicit SparseTensorsMap(std::string name) : name_(std::move(name)) {}

  int64_t Add(SparseParts tensor) {
    std::lock_guard lock(mu_);
    tensors_.emplace(next_, std::move(tensor));
    return next_++;
  }
  // All or none.
  absl::StatusOr<std::vector<SparseParts>> Take(const Array& handles) {
    std::lock_guard lock(mu_);
    std::vector<SparseParts> taken;
    for (const int64_t handle : handles.values<int64_t>()) {
      const auto found = tensors_.find(handle);
      if (found == tensors_.end()) {
        return absl::InvalidArgumentError(
            StrCat("Unable to find SparseTensor: ", handle, " in map: ", name_));
      }
      taken.push_back(found->second);
    }
    for (const int64_t handle : handles.values<int64_t>()) tensors_.erase(handle);
    return taken;
  }
  std::string DebugString() const override { return StrCat("sparse tensors ", name_); }

 private:
  const std::string name_;
  std::mutex mu_;
  int64_t next_ = 0;
  std::unordered_map<int64_t, SparseParts> tensors_;
};

// The map that a node names by container and shared_name; the first one makes it.
class UsesMap : public Kernel {
 public:
  explicit UsesMap(KernelConstruction& c)
      : resource_(c, "SparseTensorsMap", /*by_reference=*/false) {}

 protected:
  std::shared_ptr<SparseTensorsMap> map() const {
    return std::static_pointer_cast<SparseTensorsMap>(resource_.slot().GetOrCreate(
        [this] { return std::make_shared<SparseTensorsMap>(resource_.name()); }));
  }

 private:
  const NamedResource resource_;
};

class AddSparse final : public UsesMap {
 public:
  explicit AddSparse(KernelConstruction& c) : UsesMap(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
    WEFT_RETURN_IF_ERROR(ReadShape(ctx, ctx.input(2)).status());
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
    *out->mutable_data<int64_t>() = map()->Add(
        {ctx.Persist(ctx.input(0)), ctx.Persist(ctx.input(1)), ctx.Persist(ctx.input(2))});
    return absl::OkStatus();
  }
};

class AddManySparse final : public UsesMap {
 public:
  explicit AddManySparse(KernelConstruction& c) : UsesMap(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Shape shape, SparseRowsShape(ctx));
    // Rows are what a shape claims; each takes memory until it is taken out.
    constexpr int64_t kMostRows = int64_t{1} << 22;
    if (shape.dim(0) > kMostRows + ctx.input(0).dim(0)) {
      return ctx.Error(absl::StatusCode::kResourceExhausted,
                       StrCat("there is no room for ", shape.dim(0), " rows"));
    }
    std::vector<SparseParts> rows;
    WEFT_RETURN_IF_ERROR(ForEachSparseRow(
        ctx, shape, [&](int64_t, SparseParts row) { rows.push_back(std::move(row)); }));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({shape.dim(0)})));
    const std::shared_ptr<SparseTensorsMap> all = map();
    for (size_t i = 0; i < rows.size(); ++i)
      out->mutable_data<int64_t>()[i] = all->Add(std::move(rows[i]));
    return absl::OkStatus();
  }
};

class TakeManySparse final : public UsesMap {
 public:
  explicit TakeManySparse(KernelConstruction& c) : UsesMap(c), dtype_(c.Attr<DataType>("dtype")) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& handles = ctx.input(0);
    if (handles.rank() != 1) {
      return ctx.InvalidArgument(StrCat("sparse_handles should be a vector but received shape ",
                                        handles.shape().ToString()));
    }
    if (handles.dim(0) == 0) {
      return ctx.InvalidArgument(
          "Must have at least 1 serialized SparseTensor, but input matrix has 0 rows");
    }
    absl::StatusOr<std::vector<SparseParts>> all = map()->Take(handles);
    if (!all.ok()) return WithNodeName(ctx, all.status());
    for (const SparseParts& tensor : *all) {
      if (tensor.values.dtype() == dtype_) continue;
      return ctx.InvalidArgument(StrCat("Requested SparseTensor of type ", DTypeOpName(dtype_),
                                        " but the map holds one of type ",
                                        DTypeOpName(tensor.values.dtype())));
    }
    return StackSparse(ctx, *all, handles.shape().dims());
  }

 private:
  const DataType dtype_;
};

// ---- Tensors of a session ----

// The values that a session keeps for later runs. Thread-safe.
class SessionTensors final : public Resource {
 public:
  // Of the session that runs this node.
  static std::shared_ptr<SessionTensors> Of(KernelContext& ctx) {
    return std::static_pointer_cast<SessionTensors>(
        ctx.resources().Slot("", "SessionTensors", "all")->GetOrCreate([] {
          return std::make_shared<SessionTensors>();
        }));
  }

  // Returns the handle: "<node>;<number>;<device>".
  std::string Add(const std::string& node, const std::string& device, Array value) {
    std::lock_guard lock(mu_);
    std::string handle = StrCat(node, ";", next_++, ";", device);
    tensors_.emplace(handle, std::move(value));
    return handle;
  }
  absl::StatusOr<Array> Find(const std::string& handle) {
    std::lock_guard lock(mu_);
    const auto found = tensors_.find(handle);
    if (found != tensors_.end()) return found->second;
    return Missing(handle);
  }
  absl::Status Delete(const std::string& handle) {
    std::lock_guard lock(mu_);
    return tensors_.erase(handle) > 0 ? absl::OkStatus() : Missing(handle);
  }

 private:
  static absl::Status Missing(const std::string& handle) {
    return absl::InvalidArgumentError(
        StrCat("The tensor with handle '", handle, "' is not in the session store."));
  }

  std::mutex mu_;
  int64_t next_ = 1;
  std::unordered_map<std::string, Array> tensors_;
};

absl::Status GetSessionHandle(KernelContext& ctx) {
  const std::string text =
      SessionTensors::Of(ctx)->Add(ctx.node_name(), ctx.device().name(), ctx.Persist(ctx.input(0)));
  if (ctx.output_dtype(0) == kString) {
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
    *out->mutable_data<std::string>() = text;
    return absl::OkStatus();
  }
  ResourceHandle handle;
  handle.device = ctx.device().name();
  handle.container = ctx.resources().default_container();
  handle.name = text;
  handle.type = "TensorHandle";
  ctx.set_output(0, Array(handle));
  return absl::OkStatus();
}

absl::StatusOr<std::string> HandleText(KernelContext& ctx) {
  const Array& handle = ctx.input(0);
  if (handle.rank() == 0) return *handle.data<std::string>();
  return ctx.InvalidArgument(
      StrCat("handle must be scalar, but is of shape ", handle.shape().ToString()));
}

class GetSessionTensor final : public Kernel {
 public:
  explicit GetSessionTensor(KernelConstruction& c) : dtype_(c.Attr<DataType>("dtype")) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const std::string handle, HandleText(ctx));
    absl::StatusOr<Array> value = SessionTensors::Of(ctx)->Find(handle);
    if (!value.ok()) return WithNodeName(ctx, value.status());
    if (value->dtype() != dtype_) {
      return ctx.InvalidArgument(StrCat("the tensor with handle '", handle, "' is of type ",
                                        DTypeName(value->dtype()), ", not ", DTypeName(dtype_)));
    }
    ctx.set_output(0, *std::move(value));
    return absl::OkStatus();
  }

 private:
  const DataType dtype_;
};

absl::Status DeleteSessionTensor(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::string handle, HandleText(ctx));
  return WithNodeName(ctx, SessionTensors::Of(ctx)->Delete(handle));
}

}  // namespace

void RegisterSparseTensorsMapKernels(KernelRegistry& kernels) {
  kernels.Add<AddSparse>("AddSparseToTensorsMap", kCpu, {});
  kernels.Add<AddManySparse>("AddManySparseToTensorsMap", kCpu, {});
  kernels.Add<TakeManySparse>("TakeManySparseFromTensorsMap", kCpu, {});
  kernels.Add("GetSessionHandle", kCpu, {}, GetSessionHandle);
  kernels.Add("GetSessionHandleV2", kCpu, {}, GetSessionHandle);
  kernels.Add<GetSessionTensor>("GetSessionTensor", kCpu, {});
  kernels.Add("DeleteSessionTensor", kCpu, {}, DeleteSessionTensor);
}

}  // namespace weft
