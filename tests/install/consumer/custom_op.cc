// SPDX-License-Identifier: Apache-2.0
// An op of a program's own, y = limit tanh(x / limit): its schema, shape rule, kernels and gradient
// are registered as the library's are, and its nodes are used beside those of the library.
#include <weft/framework/gradient_checker.h>
#include <weft/graph/op_builder.h>
#include <weft/graph/op_def.h>
#include <weft/raw.h>
#include <weft/runtime/kernel.h>
#include <weft/weft.h>

#include <cmath>
#include <cstdio>

namespace wf = weft;

absl::Status SoftClipShape(wf::ShapeContext& c) {
  if (c.Attr<float>("limit") <= 0) return absl::InvalidArgumentError("limit must be positive");
  return wf::shape::SameAsInput(c);
}

// dx = dy (1 - (y / limit)^2).
void SoftClipGradient(wf::GradientContext& g) {
  const wf::Tensor y = g.output(0);
  const wf::Tensor ratio = g.Div(y, g.ConstLike(g.Attr<float>("limit"), y));
  const wf::Tensor slope = g.Sub(g.ConstLike(1, y), g.Op("Square", {ratio}));
  g.SetDx(0, g.Mul(g.dy(0), slope));
}

template <typename T>
class SoftClip : public wf::Kernel {
 public:
  explicit SoftClip(wf::KernelConstruction& c) : limit_(static_cast<T>(c.Attr<float>("limit"))) {}

  absl::Status Compute(wf::KernelContext& ctx) override {
    const wf::Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(wf::Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    const T* from = x.data<T>();
    T* to = y->mutable_data<T>();
    ctx.ParallelFor(x.num_elements(), /*cost_ns=*/20, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = limit_ * std::tanh(from[i] / limit_);
    });
    return absl::OkStatus();
  }

 private:
  const T limit_;
};

void Register() {
  wf::OpRegistry::Global()
      .Add("SoftClip")
      .Summary("limit tanh(x / limit).")
      .Attr("T: {float, double}")
      .Attr("limit: float = 1.0")
      .Input("x: T")
      .Output("y: T")
      .Shape(SoftClipShape)
      .Gradient(SoftClipGradient);
  wf::KernelRegistry& kernels = wf::KernelRegistry::Global();
  kernels.Add<SoftClip<float>>("SoftClip", wf::kCpu, {{"T", wf::kFloat32}});
  kernels.Add<SoftClip<double>>("SoftClip", wf::kCpu, {{"T", wf::kFloat64}});
}

wf::Tensor Clip(const wf::Input& x, float limit, const wf::NameOptions& name = {}) {
  return wf::OpBuilder("SoftClip", name).In(x).Attr("limit", limit).Output();
}

int main() {
  Register();
  const wf::Tensor x = wf::Placeholder(wf::kFloat32, {2}, "x");
  const wf::Tensor y = Clip(x, 2.f, "clip");
  const wf::Tensor twice = wf::raw::Mul(y, 2.f, "twice");
  const wf::Tensor slope = wf::Gradients({twice}, {x})[0].tensor();
  wf::Session session;
  const wf::Feeds feeds = {{x, wf::Array({0.f, 2.f})}};
  const wf::Array values = session.Run(twice, feeds);
  std::printf("%s %.4f %.4f\n", twice.name().c_str(), values.data<float>()[0],
              values.data<float>()[1]);
  const wf::Array slopes = session.Run(slope, feeds);
  std::printf("slope: %.4f %.4f\n", slopes.data<float>()[0], slopes.data<float>()[1]);

  const wf::Tensor precise = wf::Placeholder(wf::kFloat64, {3});
  const wf::test::GradientError error =
      wf::test::ComputeGradientError({Clip(precise, 0.5f)}, {precise});
  std::printf("agrees with differences: %s\n", error.relative < 1e-7 ? "yes" : "no");

  try {
    Clip(x, -1.f, "bad");
  } catch (const wf::InvalidArgumentError& e) {
    std::printf("refused: %s '%s'\n", e.op_type().c_str(), e.op_name().c_str());
  }
}
