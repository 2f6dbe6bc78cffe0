// SPDX-License-Identifier: Apache-2.0
// Values as serialised Summary messages.
#include <cmath>
#include <string>
#include <unordered_set>

#include "kernels/common/histogram.h"
#include "proto/weft/summary.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

absl::Status Output(KernelContext& ctx, const proto::Summary& summary) {
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  if (!summary.SerializeToString(out->mutable_data<std::string>()))
    return ctx.InvalidArgument("the summary is too large for a message (2 GiB)");
  return absl::OkStatus();
}

template <typename T>
absl::Status ScalarSummary(KernelContext& ctx) {
  const Array &tags = ctx.input(0), &values = ctx.input(1);
  if (!(tags.shape() == values.shape())) {
    const std::string tag = tags.num_elements() == 1
                                ? StrCat(" (tag '", tags.data<std::string>()[0], "')")
                                : std::string();
    return ctx.InvalidArgument(
        StrCat("tags and values are not the same shape: ", tags.shape().ToString(),
               " != ", values.shape().ToString(), tag));
  }
  proto::Summary summary;
  for (int64_t i = 0; i < values.num_elements(); ++i) {
    proto::Summary::Value* value = summary.add_value();
    value->set_tag(tags.data<std::string>()[i]);
    value->set_simple_value(static_cast<float>(values.data<T>()[i]));
  }
  return Output(ctx, summary);
}

template <typename T>
absl::Status HistogramSummary(KernelContext& ctx) {
  const Array &tag = ctx.input(0), &values = ctx.input(1);
  if (tag.rank() != 0) return ctx.InvalidArgument("tags must be scalar");
  Histogram histogram;
  for (const T& v : values.values<T>()) {
    const double x = static_cast<double>(v);
    if (std::isnan(x))
      return ctx.InvalidArgument(StrCat("Nan in summary histogram for: ", ctx.node_name()));
    if (std::isinf(x))
      return ctx.InvalidArgument(StrCat("Infinity in Histogram for: ", ctx.node_name()));
    histogram.Add(x);
  }
  proto::Summary summary;
  proto::Summary::Value* value = summary.add_value();
  value->set_tag(*tag.data<std::string>());
  proto::HistogramProto* histo = value->mutable_histo();
  histo->set_min(histogram.min());
  histo->set_max(histogram.max());
  histo->set_num(histogram.num());
  histo->set_sum(histogram.sum());
  histo->set_sum_squares(histogram.sum_squares());
  histogram.ForEachBucket([&](double limit, double count) {
    histo->add_bucket_limit(limit);
    histo->add_bucket(count);
  });
  return Output(ctx, summary);
}

absl::Status MergeSummary(KernelContext& ctx) {
  proto::Summary merged;
  std::unordered_set<std::string> tags;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    for (const std::string& bytes : ctx.input(i).values<std::string>()) {
      proto::Summary summary;
      if (!summary.ParseFromString(bytes))
        return ctx.InvalidArgument("Could not parse one of the summary inputs");
      for (proto::Summary::Value& value : *summary.mutable_value()) {
        // A TensorSummary has no tag.
        if (!value.tag().empty() && !tags.insert(value.tag()).second)
          return ctx.InvalidArgument(
              StrCat("Duplicate tag ", value.tag(), " found in summary inputs"));
        merged.add_value()->Swap(&value);
      }
    }
  }
  return Output(ctx, merged);
}

// Numbers as their bytes, whatever their number; strings one by one.
void SetTensor(const Array& array, proto::TensorProto* tensor) {
  if (!IsPlain(array.dtype())) return ArrayToProto(array, tensor);
  tensor->set_dtype(static_cast<proto::DataType>(array.dtype()));
  for (const int64_t d : array.shape().dims())
    tensor->mutable_tensor_shape()->add_dim()->set_size(d);
  tensor->mutable_tensor_shape();  // written for a scalar too
  tensor->set_tensor_content(array.raw_data(), array.num_bytes());
}

absl::Status TensorSummary(KernelContext& ctx) {
  proto::Summary summary;
  proto::Summary::Value* value = summary.add_value();
  value->set_node_name(ctx.node_name());
  SetTensor(ctx.input(0), value->mutable_tensor());
  return Output(ctx, summary);
}

absl::Status TensorSummaryV2(KernelContext& ctx) {
  const Array &tag = ctx.input(0), &metadata = ctx.input(2);
  if (tag.rank() != 0) return ctx.InvalidArgument("tag must be scalar");
  if (metadata.rank() != 0)
    return ctx.InvalidArgument("serialized_summary_metadata must be scalar");
  proto::Summary summary;
  proto::Summary::Value* value = summary.add_value();
  value->set_tag(*tag.data<std::string>());
  SetTensor(ctx.input(1), value->mutable_tensor());
  // As TensorFlow: what can't be read is left out, and no error.
  (void)value->mutable_metadata()->ParseFromString(*metadata.data<std::string>());
  return Output(ctx, summary);
}

}  // namespace

void RegisterSummaryKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    kernels.Add("ScalarSummary", kCpu, {{"T", dtype_of<T>}}, ScalarSummary<T>);
    kernels.Add("HistogramSummary", kCpu, {{"T", dtype_of<T>}}, HistogramSummary<T>);
  });
  kernels.Add("MergeSummary", kCpu, {}, MergeSummary);
  kernels.Add("TensorSummary", kCpu, {}, TensorSummary);
  kernels.Add("TensorSummaryV2", kCpu, {}, TensorSummaryV2);
}

}  // namespace weft
