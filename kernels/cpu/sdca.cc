// SPDX-License-Identifier: Apache-2.0
// SdcaOptimizer(V2): stochastic dual coordinate ascent for linear models (Shalev-Shwartz and Zhang,
// http://arxiv.org/abs/1211.2717), with the safe steps of CoCoA+ for parts of a loss (Ma et al.,
// http://arxiv.org/abs/1502.03508). SdcaShrinkL1, SdcaFprint.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernels/cpu/register.h"
#include "kernels/cpu/variable_access.h"
#include "src/core/fingerprint.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// ---- Losses ----

// What a step of the dual variable of one example depends on.
struct DualStep {
  double label, weight, dual, wx;
  double norm;  // |x|^2 / l2, times the number of parts of the loss

  double curvature() const { return norm * weight; }
};

// A loss of wx and a label, times the example's weight; and its convex conjugate.
class Loss {
 public:
  virtual ~Loss() = default;
  virtual double UpdatedDual(const DualStep& s) const = 0;
  virtual double Dual(double dual, double label, double weight) const = 0;
  virtual double Primal(double wx, double label, double weight) const = 0;
  virtual double Derivative(double wx, double label) const = 0;
  // The derivative changes by 1 / this at most.
  virtual double smoothness() const = 0;
  // The label as formulas have it.
  virtual absl::StatusOr<float> Label(float given) const = 0;
};

// Of two classes: labels 0 and 1 become -1 and 1.
class ClassLoss : public Loss {
 public:
  absl::StatusOr<float> Label(float given) const final {
    if (given == 0.f) return -1.f;
    if (given == 1.f) return 1.f;
    return absl::InvalidArgumentError(StrCat(
        "Only labels of 0.0 or 1.0 are supported right now. Found example with label: ", given));
  }
};

// Newton's steps from x = `from`, as many as a double needs.
template <typename F>
double Newton(double from, const F& ratio) {
  double x = from;
  for (int i = 0; i < 10; ++i) x -= ratio(x);
  return x;
}

// log(1 + exp(-y wx)).
class LogisticLoss final : public ClassLoss {
 public:
  // The dual is (1 + tanh(x)) / 2y.
  double UpdatedDual(const DualStep& s) const override {
    const double c = s.curvature();
    const double x = Newton(0, [&](double at) {
      const double t = std::tanh(at);
      const double value = -2 * s.label * at - s.wx - c * (0.5 * (1 + t) / s.label - s.dual);
      return value / (-2 * s.label - c * (1 - t * t) * 0.5 / s.label);
    });
    return 0.5 * (1 + std::tanh(x)) / s.label;
  }
  double Dual(double dual, double label, double weight) const override {
    const auto entropy = [](double p) { return p > 0 ? p * std::log(p) : 0; };
    const double p = dual * label;
    return (entropy(p) + entropy(1 - p)) * weight;
  }
  double Primal(double wx, double label, double weight) const override {
    const double margin = label * wx;
    const double loss = std::log1p(std::exp(-std::abs(margin)));
    return (margin > 0 ? loss : loss - margin) * weight;
  }
  double Derivative(double wx, double label) const override {
    return -label / (1 + std::exp(label * wx));
  }
  double smoothness() const override { return 4; }
};

// The dual of hinges is in [0, y].
double ClampDual(double candidate, double label) {
  if (label * candidate < 0) return 0;
  return label * candidate > 1 ? label : candidate;
}

// max(0, 1 - y wx).
class HingeLoss final : public ClassLoss {
 public:
  double UpdatedDual(const DualStep& s) const override {
    return ClampDual(s.dual + (s.label - s.wx) / s.curvature(), s.label);
  }
  double Dual(double dual, double label, double weight) const override {
    const double p = dual * label;
    return p < 0 || p > 1 ? std::numeric_limits<double>::max() : -p * weight;
  }
  double Primal(double wx, double label, double weight) const override {
    return std::max(0.0, 1 - label * wx) * weight;
  }
  double Derivative(double wx, double label) const override { return label * wx < 1 ? -label : 0; }
  double smoothness() const override { return 0; }
};

// (1 - y wx)^2 / 2 for y wx in [0, 1], 0 above, a straight line below.
class SmoothHingeLoss final : public ClassLoss {
 public:
  double UpdatedDual(const DualStep& s) const override {
    return ClampDual(s.dual + (s.label - s.wx - s.dual) / (s.curvature() + 1), s.label);
  }
  double Dual(double dual, double label, double weight) const override {
    const double p = dual * label;
    return p < 0 || p > 1 ? std::numeric_limits<double>::max() : (-p + 0.5 * dual * dual) * weight;
  }
  double Primal(double wx, double label, double weight) const override {
    const double margin = label * wx;
    if (margin >= 1) return 0;
    if (margin <= 0) return (0.5 - margin) * weight;
    return (1 - margin) * (1 - margin) * weight * 0.5;
  }
  double Derivative(double wx, double label) const override {
    if (label * wx >= 1) return 0;
    return label * wx <= 0 ? -label : wx - label;
  }
  double smoothness() const override { return 1; }
};

// (wx - y)^2 / 2.
class SquaredLoss final : public Loss {
 public:
  double UpdatedDual(const DualStep& s) const override {
    return s.dual + (s.label - s.dual - s.wx) / (1 + s.curvature());
  }
  double Dual(double dual, double label, double weight) const override {
    return dual * (0.5 * dual - label) * weight;
  }
  double Primal(double wx, double label, double weight) const override {
    return (wx - label) * (wx - label) * weight * 0.5;
  }
  double Derivative(double wx, double label) const override { return wx - label; }
  double smoothness() const override { return 1; }
  absl::StatusOr<float> Label(float given) const override { return given; }
};

// exp(wx) - y wx.
class PoissonLoss final : public Loss {
 public:
  // The dual is y - exp(x).
  double UpdatedDual(const DualStep& s) const override {
    const double c = s.curvature(), rest = s.label - s.dual;
    const double x = Newton(rest > 0 ? std::log(rest) : 0, [&](double at) {
      const double e = std::exp(at);
      return (at - s.wx - c * (rest - e)) / (1 + c * e);
    });
    return s.label - std::exp(x);
  }
  double Dual(double dual, double label, double weight) const override {
    const double rest = label - dual;
    if (rest == 0) return 0;
    return rest < 0 ? std::numeric_limits<double>::max() : rest * (std::log(rest) - 1) * weight;
  }
  double Primal(double wx, double label, double weight) const override {
    return (std::exp(wx) - wx * label) * weight;
  }
  double Derivative(double wx, double label) const override { return std::exp(wx) - label; }
  double smoothness() const override { return 1; }
  absl::StatusOr<float> Label(float given) const override {
    if (!(given < 0.f)) return given;
    return absl::InvalidArgumentError(
        StrCat("Only non-negative labels can be used with the Poisson log loss. Found example with "
               "label: ",
               given));
  }
};

std::unique_ptr<Loss> MakeLoss(const std::string& type) {
  if (type == "logistic_loss") return std::make_unique<LogisticLoss>();
  if (type == "hinge_loss") return std::make_unique<HingeLoss>();
  if (type == "smooth_hinge_loss") return std::make_unique<SmoothHingeLoss>();
  if (type == "poisson_loss") return std::make_unique<PoissonLoss>();
  return std::make_unique<SquaredLoss>();
}

// The proximal step of l1: towards 0 by l1 / l2.
struct Shrinkage {
  explicit Shrinkage(KernelConstruction& c) : l1(c.Attr<float>("l1")), l2(c.Attr<float>("l2")) {}

  double amount() const { return static_cast<double>(l1 / l2); }
  double operator()(double weight) const {
    const double left = std::abs(weight) - amount();
    return left > 0 ? std::copysign(left, weight) : 0;
  }

  float l1, l2;
};

// ---- The examples and the weights of one run ----

// Features of which an example has few: their weights are a list.
struct SparseGroup {
  const int64_t* features = nullptr;  // the places of weights
  const float* values = nullptr;      // null: all 1
  std::vector<int64_t> begins;        // example e has [begins[e], begins[e + 1])
  std::vector<int64_t> places;        // of each feature, among the weights
  const float* weights = nullptr;
  float* deltas = nullptr;

  double value(int64_t k) const { return values == nullptr ? 1.0 : values[k]; }
};
// Features of which an example has all.
struct DenseGroup {
  const float* rows = nullptr;
  int64_t width = 0;
  const float* weights = nullptr;
  float* deltas = nullptr;
};

struct Logits {
  double now = 0, before = 0;  // with and without the deltas
};

class Problem {
 public:
  std::vector<SparseGroup> sparse;
  std::vector<DenseGroup> dense;
  std::vector<double> norms;  // |x|^2 of each example

  Logits LogitsOf(int64_t e, const Shrinkage& shrink, double parts) const {
    Logits sum;
    for (const SparseGroup& g : sparse) {
      for (int64_t k = g.begins[static_cast<size_t>(e)]; k < g.begins[static_cast<size_t>(e) + 1];
           ++k) {
        Add(g.value(k), g.places[static_cast<size_t>(k)], g.weights, g.deltas, shrink, parts, &sum);
      }
    }
    for (const DenseGroup& g : dense) {
      for (int64_t i = 0; i < g.width; ++i)
        Add(g.rows[e * g.width + i], i, g.weights, g.deltas, shrink, parts, &sum);
    }
    return sum;
  }
  // The deltas grow by `step` times the example's features.
  void Step(int64_t e, double step) {
    for (SparseGroup& g : sparse) {
      for (int64_t k = g.begins[static_cast<size_t>(e)]; k < g.begins[static_cast<size_t>(e) + 1];
           ++k) {
        float& delta = g.deltas[g.places[static_cast<size_t>(k)]];
        delta = static_cast<float>(delta + g.value(k) * step);
      }
    }
    for (DenseGroup& g : dense) {
      for (int64_t i = 0; i < g.width; ++i)
        g.deltas[i] += g.rows[e * g.width + i] * static_cast<float>(step);
    }
  }

 private:
  static void Add(double value, int64_t at, const float* weights, const float* deltas,
                  const Shrinkage& shrink, double parts, Logits* sum) {
    sum->before += value * shrink(weights[at]);
    sum->now += value * shrink(weights[at] + deltas[at] * parts);
  }
};

class SdcaOptimizer final : public Kernel {
 public:
  explicit SdcaOptimizer(KernelConstruction& c)
      : loss_(MakeLoss(c.Attr<std::string>("loss_type"))),
        shrink_(c),
        adaptive_(c.AttrOr<bool>("adaptative", c.AttrOr<bool>("adaptive", false))),
        sparse_(static_cast<int>(c.Attr<int64_t>("num_sparse_features"))),
        with_values_(static_cast<int>(c.Attr<int64_t>("num_sparse_features_with_values"))),
        dense_(static_cast<int>(c.Attr<int64_t>("num_dense_features"))),
        parts_(static_cast<double>(c.Attr<int64_t>("num_loss_partitions"))) {
    if (sparse_ + dense_ == 0)
      c.Fail(absl::InvalidArgumentError("Requires at least one feature to train."));
  }

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const int64_t n, CheckExamples(ctx));
    Problem problem;
    problem.norms.assign(static_cast<size_t>(n), 0);
    for (int i = 0; i < sparse_; ++i) WEFT_RETURN_IF_ERROR(ReadSparse(ctx, i, n, &problem));
    for (int i = 0; i < dense_; ++i) WEFT_RETURN_IF_ERROR(ReadDense(ctx, i, n, &problem));
    WEFT_ASSIGN_OR_RETURN(Array * state, ctx.AllocateOutput(0, ctx.input(StateInput()).shape()));
    float* rows = state->mutable_data<float>();
    std::copy_n(ctx.input(StateInput()).data<float>(), 4 * n, rows);
    const float *weights = ctx.input(WeightsInput()).data<float>(),
                *labels = ctx.input(WeightsInput() + 1).data<float>();
    std::vector<float> converted;
    for (int64_t e = 0; e < n; ++e) {
      const absl::StatusOr<float> label = loss_->Label(labels[e]);
      if (!label.ok()) return ctx.InvalidArgument(std::string(label.status().message()));
      converted.push_back(*label);
    }
    for (const int64_t e : Order(problem, weights, converted, rows)) {
      float* row = rows + 4 * e;
      const double dual = row[0], weight = weights[e], label = converted[static_cast<size_t>(e)];
      const Logits logits = problem.LogitsOf(e, shrink_, parts_);
      const double norm = problem.norms[static_cast<size_t>(e)] / shrink_.l2;
      const double updated = loss_->UpdatedDual({label, weight, dual, logits.now, parts_ * norm});
      problem.Step(e, (updated - dual) * weight / shrink_.l2);
      row[0] = static_cast<float>(updated);
      row[1] = static_cast<float>(loss_->Primal(logits.before, label, weight));
      row[2] = static_cast<float>(loss_->Dual(dual, label, weight));
      row[3] = static_cast<float>(weight);
    }
    return absl::OkStatus();
  }

 private:
  // Inputs: examples and features of the sparse groups, values of some of them, the dense groups;
  // weights and labels of the examples; the sparse groups' indices and weights, the dense groups'
  // weights; the state.
  int WeightsInput() const { return 2 * sparse_ + with_values_ + dense_; }
  int StateInput() const { return WeightsInput() + 2 + 2 * sparse_ + dense_; }

  // Returns their number.
  absl::StatusOr<int64_t> CheckExamples(KernelContext& ctx) const {
    const int64_t n = ctx.input(WeightsInput()).num_elements();
    const Array &labels = ctx.input(WeightsInput() + 1), &state = ctx.input(StateInput());
    if (labels.num_elements() != n) {
      return ctx.InvalidArgument(
          StrCat("Expected ", n, " example labels but got ", labels.num_elements()));
    }
    for (int i = 0; i < dense_; ++i) {
      const Array& features = ctx.input(2 * sparse_ + with_values_ + i);
      if (features.rank() == 2) continue;
      return ctx.InvalidArgument(
          StrCat("Dense features at index ", i, " must be rank 2 but is rank ", features.rank()));
    }
    if (state.rank() != 2 || state.dim(0) != n || state.dim(1) != 4) {
      return ctx.InvalidArgument(StrCat("Expected shape [", n, ",4] for example_state_data, got ",
                                        state.shape().ToString()));
    }
    return n;
  }

  absl::Status ReadSparse(KernelContext& ctx, int i, int64_t n, Problem* problem) const {
    const Array &examples = ctx.input(i), &features = ctx.input(sparse_ + i),
                &indices = ctx.input(WeightsInput() + 2 + i),
                &weights = ctx.input(WeightsInput() + 2 + sparse_ + i);
    const int64_t count = features.num_elements();
    if (examples.num_elements() != count) {
      return ctx.InvalidArgument(StrCat("Found mismatched example_indices and feature_indices [",
                                        examples.Summarize(3), "] vs [", features.Summarize(3),
                                        "]"));
    }
    SparseGroup g;
    if (i < with_values_) {
      const Array& values = ctx.input(2 * sparse_ + i);
      if (values.num_elements() != count) {
        return ctx.InvalidArgument(StrCat("Expected ", count, " values of sparse features ", i,
                                          " but got ", values.num_elements()));
      }
      g.values = values.data<float>();
    }
    if (indices.num_elements() != weights.num_elements()) {
      return ctx.InvalidArgument(
          StrCat("sparse_indices and sparse_weights must have the same length, got ",
                 indices.num_elements(), " and ", weights.num_elements()));
    }
    std::unordered_map<int64_t, int64_t> places;
    for (int64_t k = 0; k < indices.num_elements(); ++k) places[indices.data<int64_t>()[k]] = k;
    g.features = features.data<int64_t>();
    g.weights = weights.data<float>();
    WEFT_ASSIGN_OR_RETURN(g.deltas, Deltas(ctx, 1 + i, weights));
    for (int64_t k = 0; k < count; ++k) {
      const auto found = places.find(g.features[k]);
      if (found == places.end()) {
        return ctx.InvalidArgument(
            StrCat("Found sparse feature indices out of valid range: ", g.features[k]));
      }
      g.places.push_back(found->second);
    }
    WEFT_RETURN_IF_ERROR(GroupByExample(ctx, examples, n, &g, &problem->norms));
    problem->sparse.push_back(std::move(g));
    return absl::OkStatus();
  }

  static absl::Status GroupByExample(KernelContext& ctx, const Array& examples, int64_t n,
                                     SparseGroup* g, std::vector<double>* norms) {
    const int64_t* of = examples.data<int64_t>();
    int64_t next = 0;
    std::unordered_set<int64_t> seen;
    for (int64_t e = 0; e < n; ++e) {
      g->begins.push_back(next);
      seen.clear();
      for (; next < examples.num_elements() && of[next] == e; ++next) {
        if (!seen.insert(g->features[next]).second)
          return ctx.InvalidArgument("Duplicate index in sparse vector.");
        (*norms)[static_cast<size_t>(e)] += g->value(next) * g->value(next);
      }
    }
    g->begins.push_back(next);
    if (next == examples.num_elements()) return absl::OkStatus();
    return ctx.InvalidArgument(
        StrCat("example indices must rise from 0 to ", n - 1, ", but there is ", of[next]));
  }

  absl::Status ReadDense(KernelContext& ctx, int i, int64_t n, Problem* problem) const {
    const Array &features = ctx.input(2 * sparse_ + with_values_ + i),
                &weights = ctx.input(WeightsInput() + 2 + 2 * sparse_ + i);
    DenseGroup g;
    g.width = features.dim(1);
    if (features.dim(0) != n || g.width != weights.num_elements()) {
      return ctx.InvalidArgument(StrCat("Dense features at index ", i, " are of shape ",
                                        features.shape().ToString(), ", but there are ", n,
                                        " examples and ", weights.num_elements(), " weights"));
    }
    g.rows = features.data<float>();
    g.weights = weights.data<float>();
    WEFT_ASSIGN_OR_RETURN(g.deltas, Deltas(ctx, 1 + sparse_ + i, weights));
    for (int64_t e = 0; e < n; ++e) {
      float square = 0;
      for (int64_t k = 0; k < g.width; ++k)
        square += g.rows[e * g.width + k] * g.rows[e * g.width + k];
      problem->norms[static_cast<size_t>(e)] += square;
    }
    problem->dense.push_back(g);
    return absl::OkStatus();
  }

  static absl::StatusOr<float*> Deltas(KernelContext& ctx, int output, const Array& weights) {
    WEFT_ASSIGN_OR_RETURN(Array * deltas, ctx.AllocateOutput(output, weights.shape()));
    std::fill_n(deltas->mutable_data<float>(), weights.num_elements(), 0.f);
    return deltas->mutable_data<float>();
  }

  // In which examples are visited: each once, in any order; or if adaptive, those more often (and
  // others not at all) of which much is to be learnt.
  std::vector<int64_t> Order(const Problem& problem, const float* weights,
                             const std::vector<float>& labels, const float* state) {
    std::vector<int64_t> order(labels.size());
    std::iota(order.begin(), order.end(), 0);
    std::mt19937_64 random(runs_.fetch_add(1, std::memory_order_relaxed));
    if (!adaptive_) {
      for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
      return order;
    }
    std::vector<double> gains;
    for (size_t e = 0; e < labels.size(); ++e) {
      const Logits logits = problem.LogitsOf(static_cast<int64_t>(e), shrink_, parts_);
      const double residual = state[4 * e] + loss_->Derivative(logits.now, labels[e]);
      gains.push_back(weights[e] * std::sqrt(problem.norms[e] + shrink_.l2 * loss_->smoothness()) *
                      std::abs(residual));
    }
    return Sampled(gains, &random);
  }

  // As many examples as there are, drawn by their gains. One that was drawn k times is taken with a
  // probability of 10^-k only; when that fails often, those not seen yet fill the list, the best
  // first.
  static std::vector<int64_t> Sampled(const std::vector<double>& gains, std::mt19937_64* random) {
    const size_t n = gains.size();
    std::vector<int64_t> order;
    std::vector<int> drawn(n, 0);
    std::vector<double> ends;
    double total = 0;
    for (const double gain : gains) ends.push_back(total += std::isfinite(gain) ? gain : 0);
    const auto uniform = [&] {
      return static_cast<double>((*random)() >> 11) * 0x1p-53;  // 53 bits in [0, 1)
    };
    for (size_t misses = 0; total > 0 && order.size() < n && misses < n;) {
      const auto found = std::upper_bound(ends.begin(), ends.end(), uniform() * total);
      const auto e = static_cast<size_t>(
          std::min<std::ptrdiff_t>(found - ends.begin(), static_cast<std::ptrdiff_t>(n) - 1));
      if (uniform() > std::pow(0.1, drawn[e])) {
        ++misses;
        continue;
      }
      ++drawn[e];
      order.push_back(static_cast<int64_t>(e));
    }
    std::vector<int64_t> unseen;
    for (size_t e = 0; e < n; ++e)
      if (drawn[e] == 0) unseen.push_back(static_cast<int64_t>(e));
    std::stable_sort(unseen.begin(), unseen.end(), [&](int64_t a, int64_t b) {
      return gains[static_cast<size_t>(a)] > gains[static_cast<size_t>(b)];
    });
    for (const int64_t e : unseen)
      if (order.size() < n) order.push_back(e);
    return order;
  }

  const std::unique_ptr<Loss> loss_;
  const Shrinkage shrink_;
  const bool adaptive_;
  const int sparse_, with_values_, dense_;
  const double parts_;
  std::atomic<uint64_t> runs_{0};
};

class SdcaShrinkL1 final : public Kernel {
 public:
  explicit SdcaShrinkL1(KernelConstruction& c) : shrink_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    const auto amount = static_cast<float>(shrink_.amount());
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      WEFT_ASSIGN_OR_RETURN(const VariableLock weights, VariableLock::Take(ctx, i, kFloat32));
      WEFT_ASSIGN_OR_RETURN(DenseUpdate update, DenseUpdate::Begin(ctx, *weights));
      const float* from = update.from<float>();
      float* to = update.to<float>();
      for (int64_t k = 0; k < weights->value().num_elements(); ++k) {
        const float left = std::max(std::abs(from[k]) - amount, 0.f);
        to[k] = from[k] > 0 ? left : from[k] < 0 ? -left : from[k] * left;
      }
      update.Commit();
    }
    return absl::OkStatus();
  }

 private:
  const Shrinkage shrink_;
};

absl::Status SdcaFprint(KernelContext& ctx) {
  const Array& in = ctx.input(0);
  if (in.rank() != 1) {
    return ctx.InvalidArgument(StrCat("Input must be a vector, got shape ", in.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({in.dim(0), 2})));
  int64_t* to = out->mutable_data<int64_t>();
  for (const std::string& text : in.values<std::string>()) {
    const auto [low, high] = Fingerprint128(text);
    // 0 and 1 are left to tables as marks of empty places.
    *to++ = static_cast<int64_t>(low >= 2 ? low : low + ~uint64_t{1});
    *to++ = static_cast<int64_t>(high);
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterSdcaKernels(KernelRegistry& kernels) {
  kernels.Add<SdcaOptimizer>("SdcaOptimizer", kCpu, {});
  kernels.Add<SdcaOptimizer>("SdcaOptimizerV2", kCpu, {});
  kernels.Add<SdcaShrinkL1>("SdcaShrinkL1", kCpu, {});
  kernels.Add("SdcaFprint", kCpu, {}, SdcaFprint);
}

}  // namespace weft
