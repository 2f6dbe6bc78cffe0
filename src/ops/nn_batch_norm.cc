// SPDX-License-Identifier: Apache-2.0
// Batch normalisation in one node, local response normalisation, and their gradients.
// kernels: kernels/cpu/nn_batch_norm.cc, nn_lrn.cc   test: tests/ops/nn_batch_norm_test.cc
#include <string>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

struct Format {
  int rank, channel;
};
Format FormatOf(const std::string& text) {
  const int rank = static_cast<int>(text.size());
  return {rank, text[1] == 'C' ? 1 : rank - 1};
}

// Merges the size of the vectors first..last with `channels`.
absl::StatusOr<int64_t> CommonChannels(ShapeContext& c, int64_t channels, int first, int last) {
  for (int i = first; i <= last; ++i) {
    const PartialShape& v = c.input(i);
    if (v.known_rank() && v.rank() != 1) return c.WithRank(v, 1).status();
    WEFT_ASSIGN_OR_RETURN(channels, c.MergeDim(channels, v.dim(0)));
  }
  return channels;
}

absl::Status BatchNormShape(ShapeContext& c) {
  const Format f = FormatOf(c.Attr<std::string>("data_format"));
  WEFT_ASSIGN_OR_RETURN(PartialShape x, c.InputWithRank(0, f.rank));
  const bool uses_given =
      !c.Attr<bool>("is_training") || c.Attr<float>("exponential_avg_factor") != 1.f;
  WEFT_ASSIGN_OR_RETURN(const int64_t channels,
                        CommonChannels(c, x.dim(f.channel), 1, uses_given ? 4 : 2));
  x.set_dim(f.channel, channels);
  c.set_output(0, std::move(x));
  for (int o = 1; o < 5; ++o) c.set_output(o, PartialShape::Vector(channels));
  return absl::OkStatus();
}

absl::Status BatchNormGradShape(ShapeContext& c) {
  const Format f = FormatOf(c.Attr<std::string>("data_format"));
  WEFT_ASSIGN_OR_RETURN(PartialShape dy, c.InputWithRank(0, f.rank));
  WEFT_ASSIGN_OR_RETURN(const PartialShape x, c.InputWithRank(1, f.rank));
  WEFT_ASSIGN_OR_RETURN(int64_t channels, c.MergeDim(dy.dim(f.channel), x.dim(f.channel)));
  WEFT_ASSIGN_OR_RETURN(channels, CommonChannels(c, channels, 2, 4));
  dy.set_dim(f.channel, channels);
  c.set_output(0, std::move(dy));
  for (int o = 1; o < 3; ++o) c.set_output(o, PartialShape::Vector(channels));
  for (int o = 3; o < 5; ++o) c.set_output(o, PartialShape::Vector(0));
  return absl::OkStatus();
}

// ---- gradient -----------------------------------------------------------------------------------

// [0, 2, 3, 1] and back, as a transpose.
Tensor Transposed(GradientContext& g, Tensor x, const std::vector<int32_t>& order) {
  return g.Op("Transpose", {x, g.ConstInts(order, "transpose/perm")}, {}, "transpose");
}

// Mean and variance that were given count as constants; then the gradient is taken with channels
// last.
GradientFn BatchNormGradient(const char* grad) {
  return [grad](GradientContext& g) {
    Tensor x = g.input(0), dy = g.dy(0);
    const std::string format = g.Attr<std::string>("data_format");
    const bool training = g.Attr<bool>("is_training"), first = format[1] == 'C';
    const bool flat = format.size() == 4, turns = first && !training;
    if (turns) {
      const std::vector<int32_t> last =
          flat ? std::vector<int32_t>{0, 2, 3, 1} : std::vector<int32_t>{0, 2, 3, 4, 1};
      x = Transposed(g, x, last);
      dy = Transposed(g, dy, last);
    }
    std::vector<Tensor> inputs = {dy, x, g.input(1), training ? g.output(3) : g.input(3),
                                  training ? g.output(4) : g.input(4)};
    if (g.num_outputs() > 5) inputs.push_back(g.output(5));
    const std::string grad_format = turns ? (flat ? "NHWC" : "NDHWC") : format;
    const std::vector<Tensor> d = g.Ops(
        grad, inputs,
        {{"epsilon", g.attr("epsilon")}, {"data_format", grad_format}, {"is_training", training}});
    if (!g.ok()) return;
    const std::vector<int32_t> back =
        flat ? std::vector<int32_t>{0, 3, 1, 2} : std::vector<int32_t>{0, 4, 1, 2, 3};
    g.SetDx(0, turns ? Transposed(g, d[0], back) : d[0]);
    g.SetDx(1, d[1]);
    g.SetDx(2, d[2]);
  };
}

// ---- gradient of the gradient -------------------------------------------------------------------

// Arithmetic of [.., channels] tensors and vectors of channels, in float. With s = scale, d = dy,
// r = 1 / sqrt(variance + epsilon), h = (x - mean) r, means over all but the channels:
//   dx = s r (d - mean(d) - h mean(d h)), dscale = sum(d h), doffset = sum(d).
// For v, u, w, the gradients of these three:
//   d: s r (v - mean(v) - h mean(v h)) + u h + w
//   s: r K, K = sum(v d) - n (mean(v) mean(d) + mean(v h) mean(d h))
//   x: u r D - s r^2 (h K / n + mean(d h) V + mean(v h) D),
//      V = v - mean(v) - h mean(v h), D = d - mean(d) - h mean(d h).
// With given mean and variance: d: v s r + u h + w, s: r sum(v d), x: u r d.
class SecondOrder {
 public:
  explicit SecondOrder(GradientContext& g)
      : g_(g),
        first_(g.Attr<std::string>("data_format")[1] == 'C'),
        flat_(g.Attr<std::string>("data_format").size() == 4),
        training_(g.Attr<bool>("is_training")),
        dtype_(g.input(1).dtype()) {}

  void Run() {
    const Tensor d = Wide(g_.input(0)), x = Wide(g_.input(1)), s = g_.input(2);
    const Tensor v = Wide(g_.dy(0)), u = g_.dy(1), w = g_.dy(2);
    const Tensor mean = training_ ? Mean(x) : g_.input(3);
    const Tensor centred = g_.Sub(x, mean);
    const Tensor variance = training_ ? Mean(g_.Op("Square", {centred})) : g_.input(4);
    const Tensor r = g_.Op("Rsqrt", {g_.Add(variance, Epsilon())});
    const Tensor h = g_.Mul(centred, r);
    const Tensor sr = g_.Mul(s, r);
    const Tensor direct = g_.Add(g_.Mul(h, u), w);  // what flows through dscale and doffset
    const Tensor vd = Sum(g_.Mul(v, d));
    if (!training_) {
      Set(0, g_.Add(g_.Mul(v, sr), direct));
      Set(1, g_.Mul(d, g_.Mul(u, r)));
      g_.SetDx(2, g_.Mul(r, vd));
      return;
    }
    const Tensor mean_v = Mean(v), mean_d = Mean(d), mean_vh = Mean(g_.Mul(v, h)),
                 mean_dh = Mean(g_.Mul(d, h));
    const Tensor big_v = g_.Sub(g_.Sub(v, mean_v), g_.Mul(h, mean_vh));
    const Tensor big_d = g_.Sub(g_.Sub(d, mean_d), g_.Mul(h, mean_dh));
    // K / n.
    const Tensor k =
        g_.Sub(Mean(g_.Mul(v, d)), g_.Add(g_.Mul(mean_v, mean_d), g_.Mul(mean_vh, mean_dh)));
    Set(0, g_.Add(g_.Mul(big_v, sr), direct));
    const Tensor bracket =
        g_.Add(g_.Add(g_.Mul(h, k), g_.Mul(big_v, mean_dh)), g_.Mul(big_d, mean_vh));
    Set(1, g_.Sub(g_.Mul(big_d, g_.Mul(u, r)), g_.Mul(bracket, g_.Mul(sr, r))));
    const Tensor correction =
        g_.Mul(Count(x), g_.Add(g_.Mul(mean_v, mean_d), g_.Mul(mean_vh, mean_dh)));
    g_.SetDx(2, g_.Mul(r, g_.Sub(vd, correction)));
  }

 private:
  // Float, with channels last.
  Tensor Wide(Tensor t) {
    t = g_.Cast(t, kFloat32);
    if (!first_) return t;
    return Transposed(
        g_, t, flat_ ? std::vector<int32_t>{0, 2, 3, 1} : std::vector<int32_t>{0, 2, 3, 4, 1});
  }
  void Set(int i, Tensor t) {
    if (first_)
      t = Transposed(
          g_, t, flat_ ? std::vector<int32_t>{0, 3, 1, 2} : std::vector<int32_t>{0, 4, 1, 2, 3});
    g_.SetDx(i, g_.Cast(t, dtype_));
  }
  Tensor Axes(std::string_view name) {
    return g_.ConstInts(flat_ ? std::vector<int32_t>{0, 1, 2} : std::vector<int32_t>{0, 1, 2, 3},
                        name);
  }
  Tensor Mean(Tensor t) {
    return g_.Op("Mean", {t, Axes("Mean/reduction_indices")}, {{"keep_dims", false}});
  }
  Tensor Sum(Tensor t) { return g_.Sum(t, Axes("Sum/reduction_indices")); }
  // The number of elements of a channel.
  Tensor Count(Tensor x) { return Sum(g_.OnesLike(x)); }
  Tensor Epsilon() { return g_.ConstOf(kFloat32, g_.Attr<float>("epsilon"), "add/y"); }

  GradientContext& g_;
  const bool first_, flat_, training_;
  const DataType dtype_;
};

void BatchNormGradGradient(GradientContext& g) { SecondOrder(g).Run(); }

// ---- schemas ------------------------------------------------------------------------------------

OpDefBuilder&& ForwardArgs(OpDefBuilder&& op, const std::string& vectors) {
  std::move(op).Input("x: T");
  for (const char* name : {"scale", "offset", "mean", "variance"})
    std::move(op).Input(StrCat(name, ": ", vectors));
  std::move(op).Output("y: T");
  for (const char* name : {"batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"})
    std::move(op).Output(StrCat(name, ": ", vectors));
  return std::move(op);
}
OpDefBuilder&& GradInputs(OpDefBuilder&& op, const std::string& scale, const std::string& vectors,
                          int reserved) {
  std::move(op).Input("y_backprop: T").Input("x: T").Input(StrCat("scale: ", scale));
  for (int i = 1; i <= reserved; ++i)
    std::move(op).Input(StrCat("reserve_space_", i, ": ", vectors));
  std::move(op).Output("x_backprop: T");
  for (const char* name : {"scale_backprop", "offset_backprop"})
    std::move(op).Output(StrCat(name, ": ", vectors));
  for (int i = reserved + 1; i <= reserved + 2; ++i)
    std::move(op).Output(StrCat("reserve_space_", i, ": ", vectors));
  return std::move(op);
}
constexpr const char* kFlatFormats = "data_format: {'NHWC', 'NCHW'} = 'NHWC'";
constexpr const char* kAllFormats = "data_format: {'NHWC', 'NCHW', 'NDHWC', 'NCDHW'} = 'NHWC'";
constexpr const char* kTypes = "T: {half, bfloat16, float}";

OpDefBuilder&& ForwardAttrs(OpDefBuilder&& op, const char* formats) {
  return std::move(op)
      .Attr("epsilon: float = 0.0001")
      .Attr("exponential_avg_factor: float = 1.0")
      .Attr(formats)
      .Attr("is_training: bool = true")
      .Shape(BatchNormShape);
}
OpDefBuilder&& GradAttrs(OpDefBuilder&& op, const char* formats) {
  return std::move(op)
      .Attr("epsilon: float = 0.0001")
      .Attr(formats)
      .Attr("is_training: bool = true")
      .Shape(BatchNormGradShape)
      .Gradient(BatchNormGradGradient);
}

void RegisterForward(OpRegistry& ops) {
  constexpr const char* kSummary =
      "scale (x - m) / sqrt(v + epsilon) + offset for each channel, with mean and variance of the "
      "batch or those that are given.";
  ops.Add("FusedBatchNorm")
      .Summary(kSummary)
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& { return ForwardArgs(std::move(op), "T"); })
      .Attr("T: {float}")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return ForwardAttrs(std::move(op), kFlatFormats);
      })
      .Gradient(BatchNormGradient("FusedBatchNormGrad"));
  ops.Add("FusedBatchNormV2")
      .Summary(kSummary)
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& { return ForwardArgs(std::move(op), "U"); })
      .Attr(kTypes)
      .Attr("U: {float}")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return ForwardAttrs(std::move(op), kFlatFormats);
      })
      .Gradient(BatchNormGradient("FusedBatchNormGradV2"));
  ops.Add("FusedBatchNormV3")
      .Summary(kSummary)
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& { return ForwardArgs(std::move(op), "U"); })
      .Output("reserve_space_3: U")
      .Attr(kTypes)
      .Attr("U: {bfloat16, float}")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return ForwardAttrs(std::move(op), kAllFormats);
      })
      .Gradient(BatchNormGradient("FusedBatchNormGradV3"));
}

void RegisterGrad(OpRegistry& ops) {
  ops.Add("FusedBatchNormGrad")
      .Summary("The gradients of FusedBatchNorm.")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return GradInputs(std::move(op), "T", "T", 2);
      })
      .Attr("T: {float}")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return GradAttrs(std::move(op), kFlatFormats);
      });
  ops.Add("FusedBatchNormGradV2")
      .Summary("The gradients of FusedBatchNormV2.")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return GradInputs(std::move(op), "float", "U", 2);
      })
      .Attr(kTypes)
      .Attr("U: {float}")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return GradAttrs(std::move(op), kFlatFormats);
      });
  ops.Add("FusedBatchNormGradV3")
      .Summary("The gradients of FusedBatchNormV3.")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return GradInputs(std::move(op), "float", "U", 3);
      })
      .Attr(kTypes)
      .Attr("U: {float}")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return GradAttrs(std::move(op), kAllFormats);
      });
}

// ---- local response normalisation ---------------------------------------------------------------

OpDefBuilder&& LrnAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("depth_radius: int = 5")
      .Attr("bias: float = 1.0")
      .Attr("alpha: float = 1.0")
      .Attr("beta: float = 0.5")
      .Attr("T: {half, bfloat16, float} = DT_FLOAT");
}

void RegisterLrn(OpRegistry& ops) {
  ops.Add("LRN")
      .Summary("input / (bias + alpha sum of squares of the channels within depth_radius)^beta.")
      .Input("input: T")
      .Output("output: T")
      .Apply(LrnAttrs)
      .Shape([](ShapeContext& c) -> absl::Status {
        WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 4));
        c.set_output(0, std::move(out));
        return absl::OkStatus();
      })
      .Gradient([](GradientContext& g) {
        g.SetDx(0, g.Op("LRNGrad", {g.dy(0), g.input(0), g.output(0)},
                        {{"depth_radius", g.attr("depth_radius")},
                         {"bias", g.attr("bias")},
                         {"alpha", g.attr("alpha")},
                         {"beta", g.attr("beta")}}));
      });
  ops.Add("LRNGrad")
      .Summary("The gradient of LRN.")
      .Input("input_grads: T")
      .Input("input_image: T")
      .Input("output_image: T")
      .Output("output: T")
      .Apply(LrnAttrs)
      .Shape([](ShapeContext& c) -> absl::Status {
        WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 4));
        WEFT_ASSIGN_OR_RETURN(out, c.Merge(out, c.input(1)));
        WEFT_ASSIGN_OR_RETURN(out, c.Merge(out, c.input(2)));
        c.set_output(0, std::move(out));
        return absl::OkStatus();
      });
}

}  // namespace

void RegisterNormalizationOps(OpRegistry& ops) {
  RegisterForward(ops);
  RegisterGrad(ops);
  RegisterLrn(ops);
}

}  // namespace weft
