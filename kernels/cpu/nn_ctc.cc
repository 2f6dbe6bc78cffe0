// SPDX-License-Identifier: Apache-2.0
// The loss of connectionist temporal classification, and its gradient (Graves et al.,
// "Connectionist temporal classification", ICML 2006; equations of Graves' thesis, chapter 7).
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu/log_sum.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterCtcDecoderKernels(KernelRegistry& kernels);

namespace {

using cpu::kLogZero;
using cpu::LogSum;
using Labels = std::vector<int32_t>;

// The lattice of one sequence: states are the labels with blanks between and around them, columns
// are time steps.
template <typename T>
class Lattice {
 public:
  // log_y: [time, classes] log probabilities.
  Lattice(const Labels& labels, int32_t blank, bool merge_repeated, int64_t time, int64_t classes,
          const std::vector<T>& log_y)
      : blank_(blank), merge_(merge_repeated), time_(time), classes_(classes), log_y_(log_y) {
    for (int32_t l : labels) {
      states_.push_back(blank);
      states_.push_back(l);
    }
    states_.push_back(blank);
    alpha_.assign(static_cast<size_t>(size() * time_), kLogZero<T>);
    beta_ = alpha_;
    Forward();
    Backward();
  }

  // The logarithm of the probability of all paths.
  T LogLikelihood() const {
    T sum = kLogZero<T>;
    for (int64_t u = 0; u < size(); ++u) sum = LogSum(sum, At(alpha_, u, 0) + At(beta_, u, 0));
    return sum;
  }

  // gradient(t, class) = y - share of the paths that are at this class then.
  template <typename Store>
  void Gradient(T log_likelihood, Store store) const {
    std::vector<T> paths(static_cast<size_t>(classes_));
    for (int64_t t = 0; t < time_; ++t) {
      std::fill(paths.begin(), paths.end(), kLogZero<T>);
      if (log_likelihood != kLogZero<T>) {
        for (int64_t u = 0; u < size(); ++u) {
          T& sum = paths[static_cast<size_t>(State(u))];
          sum = LogSum(sum, At(alpha_, u, t) + At(beta_, u, t));
        }
      }
      for (int64_t c = 0; c < classes_; ++c) {
        const T share = paths[static_cast<size_t>(c)] == kLogZero<T>
                            ? T(0)
                            : std::exp(paths[static_cast<size_t>(c)] - log_likelihood);
        store(t, c, std::exp(LogY(t, c)) - share);
      }
    }
  }

 private:
  int64_t size() const { return static_cast<int64_t>(states_.size()); }
  int32_t State(int64_t u) const { return states_[static_cast<size_t>(u)]; }
  T LogY(int64_t t, int64_t c) const { return log_y_[static_cast<size_t>(t * classes_ + c)]; }
  T LogState(int64_t t, int64_t u) const { return LogY(t, State(u)); }
  const T& At(const std::vector<T>& m, int64_t u, int64_t t) const {
    return m[static_cast<size_t>(t * size() + u)];
  }
  T& At(std::vector<T>& m, int64_t u, int64_t t) const {
    return m[static_cast<size_t>(t * size() + u)];
  }
  // A state may last, unless repeated labels are kept apart.
  bool Stays(int64_t u) const { return merge_ || State(u) == blank_; }
  // A path may go from state u to u + 2: not from a blank, nor between equal labels, which would
  // merge.
  bool Skips(int64_t u) const {
    return State(u) != blank_ && !(merge_ && State(u) == State(u + 2));
  }
  // States that can still be reached at time t and still reach the end: [first, last).
  int64_t First(int64_t t) const { return std::max<int64_t>(0, size() - 2 * (time_ - t)); }
  int64_t Last(int64_t t) const { return std::min<int64_t>(size(), 2 * (t + 1)); }

  // alpha(u, t): of paths that are in state u at time t, all of their steps up to t. (7.5 - 7.9)
  void Forward() {
    for (int64_t u = 0; u < std::min<int64_t>(2, size()); ++u) At(alpha_, u, 0) = LogState(0, u);
    for (int64_t t = 1; t < time_; ++t) {
      for (int64_t u = First(t); u < Last(t); ++u) {
        T sum = Stays(u) ? At(alpha_, u, t - 1) : kLogZero<T>;
        if (u > 0) sum = LogSum(sum, At(alpha_, u - 1, t - 1));
        if (u > 1 && Skips(u - 2)) sum = LogSum(sum, At(alpha_, u - 2, t - 1));
        At(alpha_, u, t) = sum + LogState(t, u);
      }
    }
  }
  // beta(u, t): of what follows after t. (7.13 - 7.15)
  void Backward() {
    for (int64_t u = std::max<int64_t>(0, size() - 2); u < size(); ++u) At(beta_, u, time_ - 1) = 0;
    for (int64_t t = time_ - 2; t >= 0; --t) {
      for (int64_t u = First(t); u < Last(t); ++u) {
        T sum = kLogZero<T>;
        const auto add = [&](int64_t to) {
          sum = LogSum(sum, At(beta_, to, t + 1) + LogState(t + 1, to));
        };
        if (Stays(u)) add(u);
        if (u + 1 < size()) add(u + 1);
        if (u + 2 < size() && Skips(u)) add(u + 2);
        At(beta_, u, t) = sum;
      }
    }
  }

  const int32_t blank_;
  const bool merge_;
  const int64_t time_, classes_;
  const std::vector<T>& log_y_;
  Labels states_;
  std::vector<T> alpha_, beta_;
};

template <typename T>
class CtcLoss final : public Kernel {
 public:
  explicit CtcLoss(KernelConstruction& c)
      : collapse_(c.Attr<bool>("preprocess_collapse_repeated")),
        merge_(c.Attr<bool>("ctc_merge_repeated")),
        ignore_longer_(c.Attr<bool>("ignore_longer_outputs_than_inputs")),
        first_is_blank_(c.op() == "CTCLossV2") {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &lengths = ctx.input(3);
    WEFT_RETURN_IF_ERROR(CheckShapes(ctx));
    const int64_t batch = x.dim(1);
    std::vector<Labels> given, labels(static_cast<size_t>(batch));
    WEFT_RETURN_IF_ERROR(ReadLabels(ctx, batch, &given));
    WEFT_RETURN_IF_ERROR(CheckLengths(ctx));
    for (int64_t b = 0; b < batch; ++b) {
      const size_t i = static_cast<size_t>(b);
      WEFT_RETURN_IF_ERROR(Prepare(ctx, b, given[i], &labels[i]));
    }
    WEFT_ASSIGN_OR_RETURN(Array * loss, ctx.AllocateOutput(0, lengths.shape()));
    WEFT_ASSIGN_OR_RETURN(Array * gradient, ctx.AllocateOutput(1, x.shape()));
    std::fill_n(loss->mutable_data<T>(), batch, T(0));
    std::fill_n(gradient->mutable_data<T>(), x.num_elements(), T(0));
    const double cost = 40.0 * static_cast<double>(x.dim(0)) * static_cast<double>(x.dim(2) + 10);
    ctx.ParallelFor(batch, cost, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const size_t i = static_cast<size_t>(b);
        const int64_t time = lengths.data<int32_t>()[b];
        if (time == 0 || (ignore_longer_ && static_cast<int64_t>(given[i].size()) > time)) continue;
        OneSequence(x, b, time, labels[i], loss->mutable_data<T>() + b,
                    gradient->mutable_data<T>());
      }
    });
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckShapes(KernelContext& ctx) {
    const Array &x = ctx.input(0), &indices = ctx.input(1), &values = ctx.input(2),
                &lengths = ctx.input(3);
    if (x.rank() != 3) return ctx.InvalidArgument("inputs is not a 3-Tensor");
    if (lengths.rank() != 1) return ctx.InvalidArgument("sequence_length is not a vector");
    if (indices.rank() != 2 || indices.dim(1) != 2)
      return ctx.InvalidArgument("labels_indices is not a matrix of 2 columns");
    if (values.rank() != 1) return ctx.InvalidArgument("labels_values is not a vector");
    if (x.dim(1) != lengths.dim(0)) {
      return ctx.InvalidArgument(
          StrCat("len(sequence_length) != batch_size.  len(sequence_length):  ", lengths.dim(0),
                 " batch_size: ", x.dim(1)));
    }
    if (indices.dim(0) != values.dim(0)) {
      return ctx.InvalidArgument(StrCat(
          "labels_indices and labels_values must contain the same number of rows, but saw shapes: ",
          indices.shape().ToString(), " vs. ", values.shape().ToString()));
    }
    if (x.dim(1) == 0) return ctx.InvalidArgument("batch_size must not be 0");
    if (x.dim(0) == 0)
      return ctx.InvalidArgument("Max time or first dimension of input cannot be 0.");
    if (x.dim(2) == 0) return ctx.InvalidArgument("num_classes must not be 0");
    return absl::OkStatus();
  }

  // Sequence by sequence; the indices must be in order.
  static absl::Status ReadLabels(KernelContext& ctx, int64_t batch, std::vector<Labels>* labels) {
    labels->resize(static_cast<size_t>(batch));
    const Array &indices = ctx.input(1), &values = ctx.input(2);
    const int64_t* at = indices.data<int64_t>();
    for (int64_t i = 0; i < indices.dim(0); ++i) {
      const int64_t b = at[2 * i], t = at[2 * i + 1];
      const auto invalid = [&](std::string_view why) {
        return ctx.InvalidArgument(StrCat("label SparseTensor is not valid: indices[", i, "] = [",
                                          b, ",", t, "] is ", why));
      };
      if (b < 0 || b >= batch || t < 0) {
        return invalid(StrCat("out of bounds: the first index must be in [0,", batch,
                              "), the second not negative"));
      }
      if (i > 0) {
        const int64_t before = at[2 * i - 2], before_t = at[2 * i - 1];
        if (b == before && t == before_t) return invalid("repeated");
        if (b < before || (b == before && t < before_t)) {
          return invalid(
              "out of order. Many sparse ops require sorted indices.\n    Use "
              "`tf.sparse.reorder` to create a correctly ordered copy.");
        }
      }
      (*labels)[static_cast<size_t>(b)].push_back(values.data<int32_t>()[i]);
    }
    return absl::OkStatus();
  }

  static absl::Status CheckLengths(KernelContext& ctx) {
    const Array& lengths = ctx.input(3);
    const int64_t time = ctx.input(0).dim(0);
    for (int64_t b = 0; b < lengths.dim(0); ++b) {
      const int32_t n = lengths.data<int32_t>()[b];
      if (n > time) return ctx.InvalidArgument(StrCat("sequence_length(", b, ") <= ", time));
      if (n < 0) return ctx.InvalidArgument(StrCat("seq_len(", b, ") < 0"));
    }
    return absl::OkStatus();
  }

  // The labels that the lattice is made of.
  absl::Status Prepare(KernelContext& ctx, int64_t b, const Labels& given, Labels* labels) const {
    const int64_t classes = ctx.input(0).dim(2), time = ctx.input(3).data<int32_t>()[b];
    if (given.empty()) return ctx.InvalidArgument(StrCat("Labels length is zero in batch ", b));
    bool finished = false;
    for (size_t i = 0; i < given.size(); ++i) {
      const int32_t label = given[i];
      if (collapse_ && i > 0 && label == given[i - 1]) continue;
      if (label < 0 || (first_is_blank_ && (label == 0 || label >= classes))) {
        return ctx.InvalidArgument(StrCat("All labels must be nonnegative integers",
                                          first_is_blank_ ? " between 0 and num_classes" : "",
                                          ", batch: ", b, " labels: ", StrJoin(given, ",")));
      }
      if (!first_is_blank_ && label >= classes - 1) {
        finished = true;
        continue;
      }
      if (finished) {
        return ctx.InvalidArgument(StrCat(
            "Saw a non-null label (index >= num_classes - 1) following a null label, batch: ", b,
            " num_classes: ", classes, " labels: ", StrJoin(given, ","),
            " labels seen so far: ", StrJoin(*labels, ",")));
      }
      labels->push_back(label);
    }
    if (!ignore_longer_ && static_cast<int64_t>(given.size()) > time) {
      return ctx.InvalidArgument(
          StrCat("Not enough time for target transition sequence (required: ", given.size(),
                 ", available: ", time, ")", b,
                 "You can turn this error into a warning by using the flag "
                 "ignore_longer_outputs_than_inputs"));
    }
    return absl::OkStatus();
  }

  void OneSequence(const Array& x, int64_t b, int64_t time, const Labels& labels, T* loss,
                   T* gradient) const {
    const int64_t batch = x.dim(1), classes = x.dim(2);
    std::vector<T> log_y(static_cast<size_t>(time * classes));
    for (int64_t t = 0; t < time; ++t) {
      const T* row = x.data<T>() + (t * batch + b) * classes;
      const T high = *std::max_element(row, row + classes);
      T sum = 0;
      for (int64_t c = 0; c < classes; ++c) sum += std::exp(row[c] - high);
      const T log_sum = high + std::log(sum);
      for (int64_t c = 0; c < classes; ++c)
        log_y[static_cast<size_t>(t * classes + c)] = row[c] - log_sum;
    }
    const int32_t blank = first_is_blank_ ? 0 : static_cast<int32_t>(classes - 1);
    const Lattice<T> lattice(labels, blank, merge_, time, classes, log_y);
    const T log_likelihood = lattice.LogLikelihood();
    *loss = -log_likelihood;
    lattice.Gradient(log_likelihood, [&](int64_t t, int64_t c, T value) {
      gradient[(t * batch + b) * classes + c] = value;
    });
  }

  const bool collapse_, merge_, ignore_longer_, first_is_blank_;
};

}  // namespace

void RegisterCtcKernels(KernelRegistry& kernels) {
  kernels.Add<CtcLoss<float>>("CTCLoss", kCpu, {{"T", kFloat32}});
  kernels.Add<CtcLoss<double>>("CTCLoss", kCpu, {{"T", kFloat64}});
  kernels.Add<CtcLoss<float>>("CTCLossV2", kCpu, {});
  RegisterCtcDecoderKernels(kernels);
}

}  // namespace weft
