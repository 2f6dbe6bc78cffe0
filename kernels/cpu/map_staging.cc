// SPDX-License-Identifier: Apache-2.0
// Staging maps: tuples on their way from one run to the next, by key. Values of a tuple may come
// one after the other; it can be taken out when it is whole.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/cpu/register.h"
#include "kernels/cpu/staging.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// By position; those that are not there yet are invalid.
using MapTuple = std::vector<Array>;

// One operation that may have to wait, and after it what was found.
struct MapRequest {
  enum class Kind { kPut, kPeek, kTake, kTakeFirst };
  Kind kind = Kind::kPut;
  int64_t key = 0;           // of kTakeFirst: what was found
  std::vector<int> indices;  // the positions of `values` in the tuple
  MapTuple values;           // to put, or what was found
};

// Keys are kept in order, which a map that need not do so may do too.
class StagingMap final : public StagingStore<MapRequest> {
 public:
  static constexpr const char* kType = "StagingMap";
  StagingMap(const StagingLimits& limits, std::string name)
      : StagingStore(limits, std::move(name)) {}

  int64_t size(bool whole) const {
    std::lock_guard lock(mu_);
    return static_cast<int64_t>(whole ? whole_.size() : incomplete_.size());
  }
  std::string DebugString() const override { return StrCat("staging map ", name_); }

 private:
  using Kind = MapRequest::Kind;

  bool Try(MapRequest& r, absl::Status* status) override {
    if (r.kind == Kind::kPut) return TryPut(r, status);
    const auto found = r.kind == Kind::kTakeFirst ? whole_.begin() : whole_.find(r.key);
    if (found == whole_.end()) return false;
    r.key = found->first;
    *status = Read(found->second, &r, /*move=*/r.kind != Kind::kPeek);
    if (!status->ok() || r.kind == Kind::kPeek) return true;
    bytes_ -= StagedBytes(r.values);
    const bool empty = std::none_of(found->second.begin(), found->second.end(),
                                    [](const Array& a) { return a.valid(); });
    if (empty) whole_.erase(found);
    return true;
  }

  absl::Status Read(MapTuple& tuple, MapRequest* r, bool move) {
    for (const int i : r->indices) {
      if (static_cast<size_t>(i) >= tuple.size()) {
        return absl::InvalidArgumentError(StrCat("Index '", i, "' for key '", r->key,
                                                 "' was out of bounds '", tuple.size(), "'."));
      }
      Array& value = tuple[static_cast<size_t>(i)];
      if (!value.valid()) {
        return absl::InvalidArgumentError(
            StrCat("Index '", i, "' for key '", r->key, "' has already been removed."));
      }
      r->values.push_back(value);
    }
    if (!move) return absl::OkStatus();
    for (const int i : r->indices) tuple[static_cast<size_t>(i)] = Array();
    return absl::OkStatus();
  }

  // Only whole tuples count against the capacity.
  bool TryPut(MapRequest& r, absl::Status* status) {
    if (!HasRoom(whole_.size(), StagedBytes(r.values))) return false;
    const auto begun = incomplete_.find(r.key);
    *status = Put(r, begun == incomplete_.end() ? MapTuple(limits_.width) : begun->second);
    r.values.clear();
    return true;
  }

  absl::Status Put(const MapRequest& r, MapTuple tuple) {
    for (size_t k = 0; k < r.indices.size(); ++k) {
      const auto i = static_cast<size_t>(r.indices[k]);
      if (i >= limits_.width) {
        return absl::InvalidArgumentError(StrCat("Index '", i, "' for key '", r.key,
                                                 "' was out of bounds '", limits_.width, "'."));
      }
      if (tuple[i].valid()) {
        return absl::InvalidArgumentError(StrCat("The tensor for index '", i, "' for key '", r.key,
                                                 "' was already initialized '", limits_.width,
                                                 "'."));
      }
      tuple[i] = r.values[k];
    }
    const bool whole =
        std::all_of(tuple.begin(), tuple.end(), [](const Array& a) { return a.valid(); });
    incomplete_.erase(r.key);
    bytes_ += StagedBytes(r.values);
    if (!whole) {
      incomplete_.emplace(r.key, std::move(tuple));
      return absl::OkStatus();
    }
    // Of two whole tuples of a key the first one stays.
    const int64_t all = StagedBytes(tuple);
    if (!whole_.emplace(r.key, std::move(tuple)).second) bytes_ -= all;
    return absl::OkStatus();
  }

  void RemoveAll() override {
    whole_.clear();
    incomplete_.clear();
  }

  std::map<int64_t, MapTuple> whole_, incomplete_;
};

using Map = StagingHandle<StagingMap>;

absl::StatusOr<int64_t> KeyInput(KernelContext& ctx) {
  const Array& key = ctx.input(0);
  if (key.num_elements() == 0) return ctx.InvalidArgument("key must not be empty");
  if (key.rank() == 0) return *key.data<int64_t>();
  return ctx.InvalidArgument(
      StrCat("key must be an int64 scalar, got tensor with shape: ", key.shape().ToString()));
}

// Positions in a tuple.
absl::StatusOr<std::vector<int>> IndicesInput(KernelContext& ctx, int count) {
  const Array& in = ctx.input(1);
  if (in.rank() > 1 || in.num_elements() != count) {
    return ctx.InvalidArgument(StrCat("indices must name one position for each of ", count,
                                      " values, but are of shape ", in.shape().ToString()));
  }
  std::vector<int> indices;
  for (const int32_t i : in.values<int32_t>()) {
    if (i < 0) return ctx.InvalidArgument(StrCat("indices must not be negative, got ", i));
    indices.push_back(i);
  }
  return indices;
}

// Inputs: key, positions, values.
class MapStage final : public AsyncKernel {
 public:
  explicit MapStage(KernelConstruction& c) : map_(c) {}

  void ComputeAsync(KernelContext& ctx, Done done) override {
    absl::StatusOr<MapRequest> request = Read(ctx);
    if (!request.ok()) return done(request.status());
    const std::shared_ptr<StagingMap> map = map_.Get();
    const int64_t bytes = StagedBytes(request->values);
    map->Submit(*std::move(request), bytes, ctx.cancellation(),
                [&ctx, map, done = std::move(done)](const absl::StatusOr<MapRequest>& r) {
                  done(WithNodeName(ctx, r.status()));
                });
  }

 private:
  absl::StatusOr<MapRequest> Read(KernelContext& ctx) const {
    MapRequest r;
    WEFT_ASSIGN_OR_RETURN(r.key, KeyInput(ctx));
    WEFT_ASSIGN_OR_RETURN(r.indices, IndicesInput(ctx, ctx.num_inputs() - 2));
    if (r.indices.empty()) return ctx.InvalidArgument("there are no values");
    for (int i = 2; i < ctx.num_inputs(); ++i) {
      const auto at = static_cast<size_t>(r.indices[static_cast<size_t>(i) - 2]);
      const std::vector<DataType>& dtypes = map_.dtypes();
      if (at >= dtypes.size() || dtypes[at] != ctx.input(i).dtype()) {
        return ctx.InvalidArgument(StrCat("there is no position ", at, " of ",
                                          DTypeName(ctx.input(i).dtype()), " among the ",
                                          dtypes.size(), " dtypes"));
      }
      r.values.push_back(ctx.Persist(ctx.input(i)));
    }
    return r;
  }

  const Map map_;
};

// MapPeek, MapUnstage: inputs are a key and positions. MapUnstageNoKey: positions alone, and the
// key is the first output.
class MapRead final : public AsyncKernel {
 public:
  explicit MapRead(KernelConstruction& c)
      : map_(c), has_key_(c.num_inputs() == 2), kind_(KindOf(c)) {
    for (int o = has_key_ ? 0 : 1; o < c.num_outputs(); ++o) outputs_.push_back(c.output_dtype(o));
  }

  void ComputeAsync(KernelContext& ctx, Done done) override {
    absl::StatusOr<MapRequest> request = Read(ctx);
    if (!request.ok()) return done(request.status());
    const std::shared_ptr<StagingMap> map = map_.Get();
    map->Submit(*std::move(request), 0, ctx.cancellation(),
                [&ctx, this, map, done = std::move(done)](absl::StatusOr<MapRequest> r) {
                  done(r.ok() ? HandOut(ctx, *std::move(r)) : WithNodeName(ctx, r.status()));
                });
  }

 private:
  static MapRequest::Kind KindOf(KernelConstruction& c) {
    if (c.num_inputs() == 1) return MapRequest::Kind::kTakeFirst;
    return c.op().ends_with("Peek") ? MapRequest::Kind::kPeek : MapRequest::Kind::kTake;
  }

  absl::StatusOr<MapRequest> Read(KernelContext& ctx) const {
    MapRequest r;
    r.kind = kind_;
    if (has_key_) {
      WEFT_ASSIGN_OR_RETURN(r.key, KeyInput(ctx));
    }
    const Array& in = ctx.input(has_key_ ? 1 : 0);
    if (in.num_elements() == 0) return ctx.InvalidArgument("Indices are empty");
    if (in.num_elements() != static_cast<int64_t>(outputs_.size())) {
      return ctx.InvalidArgument(
          StrCat("output/indices mismatch: ", outputs_.size(), " vs. ", in.num_elements()));
    }
    for (const int32_t i : in.values<int32_t>()) {
      if (i < 0) return ctx.InvalidArgument(StrCat("indices must not be negative, got ", i));
      if (std::find(r.indices.begin(), r.indices.end(), i) != r.indices.end())
        return ctx.InvalidArgument(StrCat("the index ", i, " is there twice"));
      r.indices.push_back(i);
    }
    return r;
  }

  absl::Status HandOut(KernelContext& ctx, MapRequest r) const {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (r.values[i].dtype() == outputs_[i]) continue;
      return ctx.InvalidArgument(StrCat("the staging map '", map_.name(), "' holds ",
                                        DTypeName(r.values[i].dtype()), " at position ",
                                        r.indices[i], ", not ", DTypeName(outputs_[i])));
    }
    int o = 0;
    if (!has_key_) ctx.set_output(o++, Array(r.key));
    for (Array& value : r.values) ctx.set_output(o++, std::move(value));
    return absl::OkStatus();
  }

  const Map map_;
  const bool has_key_;
  const MapRequest::Kind kind_;
  std::vector<DataType> outputs_;
};

class MapSize final : public Kernel {
 public:
  explicit MapSize(KernelConstruction& c) : map_(c), whole_(!c.op().ends_with("IncompleteSize")) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
    *out->mutable_data<int32_t>() = static_cast<int32_t>(map_.Get()->size(whole_));
    return absl::OkStatus();
  }

 private:
  const Map map_;
  const bool whole_;
};

}  // namespace

void RegisterMapStagingKernels(KernelRegistry& kernels) {
  for (const std::string prefix : {"Map", "OrderedMap"}) {
    kernels.Add<MapStage>(prefix + "Stage", kCpu, {}, {.host_arguments = {"key", "indices"}});
    for (const char* op : {"Peek", "Unstage"})
      kernels.Add<MapRead>(prefix + op, kCpu, {}, {.host_arguments = {"key", "indices"}});
    kernels.Add<MapRead>(prefix + "UnstageNoKey", kCpu, {}, {.host_arguments = {"indices"}});
    for (const char* op : {"Size", "IncompleteSize"}) kernels.Add<MapSize>(prefix + op, kCpu, {});
    kernels.Add<ClearStaging<StagingMap>>(prefix + "Clear", kCpu, {});
  }
}

}  // namespace weft
