// SPDX-License-Identifier: Apache-2.0
// Activations and the ops of their gradients. float, half and bfloat16 run on vectors
// (vector_math.h).
#include <cmath>
#include <type_traits>

#include "kernels/cpu/map.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

constexpr double kSeluScale = 1.0507009873554804934193349852946;
constexpr double kSeluScaleAlpha = 1.7580993408473768599402175208123;

// Written so that NaN stays.
template <typename T>
T AtLeastZero(T x) {
  return x < T(0) ? T(0) : x;
}
template <typename T>
T Relu6Of(T x) {
  return x > T(6) ? T(6) : AtLeastZero(x);
}
template <typename T>
T SoftplusOf(T x) {
  return (x > 0 ? x : T(0)) + std::log1p(std::exp(-std::abs(x)));
}
template <typename T>
T SigmoidOf(T x) {
  const T e = std::exp(-std::abs(x));
  return (x < 0 ? e : T(1)) / (1 + e);
}
// dy times 1 or 0 and not a choice, so that an infinite or NaN dy is not hidden.
template <typename T>
T Where(bool pass, T dy) {
  return static_cast<T>(dy * static_cast<T>(pass));
}

template <typename T>
T ReluGradOf(T dy, T x) {
  return Where(x > T(0), dy);
}
template <typename T>
T Relu6GradOf(T dy, T x) {
  return Where(x > T(0) && x < T(6), dy);
}

template <VectorMath::Unary VectorMath::*kFn, auto kF, typename... T>
void Add(KernelRegistry& kernels, std::string_view op) {
  AddVectorMap<kFn>(kernels, op);
  AddMap<kF, double, T...>(kernels, op);
}
template <VectorMath::Binary VectorMath::*kFn, auto kF, typename... T>
void AddGradient(KernelRegistry& kernels, std::string_view op) {
  AddVectorPairMap<kFn, PairShapes::kSame>(kernels, op);
  AddPairMap<kF, PairShapes::kSame, double, T...>(kernels, op);
}
template <VectorMath::Unary VectorMath::*kFn, auto kF>
void AddReal(KernelRegistry& kernels, std::string_view op) {
  Add<kFn, kF, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(kernels,
                                                                                         op);
}
template <VectorMath::Binary VectorMath::*kFn, auto kF>
void AddRealGradient(KernelRegistry& kernels, std::string_view op) {
  AddGradient<kFn, kF, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(
      kernels, op);
}

template <typename T>
class LeakyReluKernel : public Kernel {
 public:
  explicit LeakyReluKernel(KernelConstruction& c) : alpha_(c.Attr<float>("alpha")) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    const T* in = x.data<T>();
    T* out = y->mutable_data<T>();
    ctx.ParallelFor(x.num_elements(), 1, [=, this](int64_t begin, int64_t end) {
      Run(in + begin, out + begin, end - begin);
    });
    return absl::OkStatus();
  }

 private:
  void Run(const T* x, T* y, int64_t n) const {
    if constexpr (kIsNarrow<T>) {
      MapNarrow(x, y, n, [this](const float* a, float* b, int64_t size) {
        Vec().leaky_relu(a, alpha_, b, size);
      });
    } else if constexpr (std::is_same_v<T, float>) {
      Vec().leaky_relu(x, alpha_, y, n);
    } else {
      const T alpha = alpha_;
      for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? x[i] : x[i] * alpha;
    }
  }
  float alpha_;
};

template <typename T>
class LeakyReluGradKernel : public Kernel {
 public:
  explicit LeakyReluGradKernel(KernelConstruction& c) : alpha_(c.Attr<float>("alpha")) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& dy = ctx.input(0);
    const Array& x = ctx.input(1);
    if (!(dy.shape() == x.shape())) {
      return ctx.InvalidArgument("inputs must have the same size and shape. Input 0: " +
                                 dy.shape().ToString() + " != input 1: " + x.shape().ToString());
    }
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.ForwardOrAllocate({0, 1}, 0, x.shape()));
    const T* gradients = dy.data<T>();
    const T* features = x.data<T>();
    T* out = dx->mutable_data<T>();
    ctx.ParallelFor(x.num_elements(), 1, [=, this](int64_t begin, int64_t end) {
      Run(gradients + begin, features + begin, out + begin, end - begin);
    });
    return absl::OkStatus();
  }

 private:
  void Run(const T* dy, const T* x, T* dx, int64_t n) const {
    if constexpr (kIsNarrow<T>) {
      PairMapNarrow(dy, x, dx, n, [this](const float* a, const float* b, float* c, int64_t size) {
        Vec().leaky_relu_grad(a, b, alpha_, c, size);
      });
    } else if constexpr (std::is_same_v<T, float>) {
      Vec().leaky_relu_grad(dy, x, alpha_, dx, n);
    } else {
      const T alpha = alpha_;
      for (int64_t i = 0; i < n; ++i) dx[i] = x[i] > 0 ? dy[i] : dy[i] * alpha;
    }
  }
  float alpha_;
};

void RegisterRelu(KernelRegistry& k) {
  AddReal<&VectorMath::relu, [](auto x) { return AtLeastZero(x); }>(k, "Relu");
  AddReal<&VectorMath::relu6, [](auto x) { return Relu6Of(x); }>(k, "Relu6");
  AddRealGradient<&VectorMath::relu_grad, [](auto dy, auto x) { return ReluGradOf(dy, x); }>(
      k, "ReluGrad");
  AddRealGradient<&VectorMath::relu6_grad, [](auto dy, auto x) { return Relu6GradOf(dy, x); }>(
      k, "Relu6Grad");
  ForTypes<half, bfloat16, float, double>([&]<typename T>() {
    k.Add<LeakyReluKernel<T>>("LeakyRelu", kCpu, {{"T", dtype_of<T>}});
    k.Add<LeakyReluGradKernel<T>>("LeakyReluGrad", kCpu, {{"T", dtype_of<T>}});
  });
}

void RegisterExponentialUnits(KernelRegistry& k) {
  Add<&VectorMath::elu, [](double x) { return x < 0 ? std::expm1(x) : x; }>(k, "Elu");
  AddGradient<&VectorMath::elu_grad, [](double dy, double y) { return y < 0 ? (y + 1) * dy : dy; }>(
      k, "EluGrad");
  Add<&VectorMath::selu,
      [](double x) { return x < 0 ? kSeluScaleAlpha * std::expm1(x) : kSeluScale * x; }>(k, "Selu");
  AddGradient<&VectorMath::selu_grad, [](double dy, double y) {
    return y < 0 ? dy * (y + kSeluScaleAlpha) : dy * kSeluScale;
  }>(k, "SeluGrad");
}

void RegisterSoftUnits(KernelRegistry& k) {
  Add<&VectorMath::softplus, [](double x) { return SoftplusOf(x); }>(k, "Softplus");
  AddGradient<&VectorMath::softplus_grad, [](double dy, double x) { return dy * SigmoidOf(x); }>(
      k, "SoftplusGrad");
  Add<&VectorMath::softsign, [](double x) { return x / (1 + std::abs(x)); }>(k, "Softsign");
  AddGradient<&VectorMath::softsign_grad, [](double dy, double x) {
    const double base = 1 + std::abs(x);
    return dy / (base * base);
  }>(k, "SoftsignGrad");
}

}  // namespace

void RegisterNnActivationKernels(KernelRegistry& kernels) {
  RegisterRelu(kernels);
  RegisterExponentialUnits(kernels);
  RegisterSoftUnits(kernels);
}

}  // namespace weft
