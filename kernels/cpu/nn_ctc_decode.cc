// SPDX-License-Identifier: Apache-2.0
// Decoders of connectionist temporal classification: the best path, and a beam of prefixes (Graves'
// thesis, section 7.5; Hannun et al., "First-pass large vocabulary continuous speech recognition",
// 2014).
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "kernels/cpu/log_sum.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using cpu::kLogZero;
using cpu::LogSum;
using Sequence = std::vector<int64_t>;

class DecoderKernel : public Kernel {
 public:
  explicit DecoderKernel(KernelConstruction& c)
      : merge_repeated_(c.Attr<bool>("merge_repeated")),
        paths_(c.AttrOr<int64_t>("top_paths", 1)) {}

 protected:
  bool merge_repeated() const { return merge_repeated_; }
  int64_t paths() const { return paths_; }

  static absl::Status Check(KernelContext& ctx) {
    const Array &x = ctx.input(0), &lengths = ctx.input(1);
    if (x.rank() != 3) return ctx.InvalidArgument("inputs is not a 3-Tensor");
    if (x.num_elements() == 0) return ctx.InvalidArgument("inputs must not be empty");
    if (lengths.rank() != 1) return ctx.InvalidArgument("sequence_length is not a vector");
    if (x.dim(1) != lengths.dim(0)) {
      return ctx.Error(absl::StatusCode::kFailedPrecondition,
                       StrCat("len(sequence_length) != batch_size.  len(sequence_length):  ",
                              lengths.dim(0), " batch_size: ", x.dim(1)));
    }
    for (int64_t b = 0; b < x.dim(1); ++b) {
      if (lengths.data<int32_t>()[b] > x.dim(0)) {
        return ctx.Error(absl::StatusCode::kFailedPrecondition,
                         StrCat("sequence_length(", b, ") <= ", x.dim(0)));
      }
    }
    if (x.dim(2) > std::numeric_limits<int32_t>::max())
      return ctx.InvalidArgument("num_classes cannot exceed max int");
    return absl::OkStatus();
  }

  // decoded[b][p] is path p of sequence b. Outputs: the indices of all paths, their values, their
  // shapes.
  absl::Status Store(KernelContext& ctx, const std::vector<std::vector<Sequence>>& decoded) const {
    for (int64_t p = 0; p < paths_; ++p) {
      int64_t count = 0, longest = 0;
      for (const auto& of : decoded) {
        const auto size = static_cast<int64_t>(of[static_cast<size_t>(p)].size());
        count += size;
        longest = std::max(longest, size);
      }
      const int o = static_cast<int>(p), n = static_cast<int>(paths_);
      WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(o, Shape({count, 2})));
      WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(n + o, Shape({count})));
      WEFT_ASSIGN_OR_RETURN(Array * shape, ctx.AllocateOutput(2 * n + o, Shape({2})));
      int64_t *to = indices->mutable_data<int64_t>(), *value = values->mutable_data<int64_t>();
      for (size_t b = 0; b < decoded.size(); ++b) {
        const Sequence& path = decoded[b][static_cast<size_t>(p)];
        for (size_t t = 0; t < path.size(); ++t) {
          *to++ = static_cast<int64_t>(b);
          *to++ = static_cast<int64_t>(t);
          *value++ = path[t];
        }
      }
      shape->mutable_data<int64_t>()[0] = static_cast<int64_t>(decoded.size());
      shape->mutable_data<int64_t>()[1] = longest;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<Array*> LogProbabilities(KernelContext& ctx) const {
    return ctx.AllocateOutput(static_cast<int>(3 * paths_), Shape({ctx.input(0).dim(1), paths_}));
  }

 private:
  const bool merge_repeated_;
  const int64_t paths_;
};

// The likeliest class at each time step.
template <typename T>
class GreedyDecoder final : public DecoderKernel {
 public:
  explicit GreedyDecoder(KernelConstruction& c)
      : DecoderKernel(c), blank_index_(c.Attr<int64_t>("blank_index")) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(Check(ctx));
    const Array &x = ctx.input(0), &lengths = ctx.input(1);
    const int64_t batch = x.dim(1), classes = x.dim(2);
    const int64_t blank = blank_index_ < 0 ? blank_index_ + classes : blank_index_;
    if (blank < 0 || blank >= classes) {
      return ctx.InvalidArgument(StrCat("blank_index expected to be between ", -classes, " and ",
                                        classes - 1, " but was ", blank_index_));
    }
    WEFT_ASSIGN_OR_RETURN(Array * log_probability, LogProbabilities(ctx));
    std::vector<std::vector<Sequence>> decoded(static_cast<size_t>(batch),
                                               std::vector<Sequence>(1));
    const double cost = static_cast<double>(x.dim(0)) * static_cast<double>(classes);
    ctx.ParallelFor(batch, cost, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        T sum = 0;
        int64_t before = -1;
        for (int64_t t = 0; t < lengths.data<int32_t>()[b]; ++t) {
          const T* row = x.data<T>() + (t * batch + b) * classes;
          const int64_t best = std::max_element(row, row + classes) - row;
          sum -= row[best];
          if (best != blank && !(merge_repeated() && best == before))
            decoded[static_cast<size_t>(b)][0].push_back(best);
          before = best;
        }
        log_probability->mutable_data<T>()[b] = sum;
      }
    });
    return Store(ctx, decoded);
  }

 private:
  const int64_t blank_index_;
};

// ---- beam search --------------------------------------------------------------------------------

// A prefix of labels: its parent's, and one more. Probabilities are those of all paths that give
// this prefix, by how they end.
template <typename T>
struct Prefix {
  struct Probability {
    T total = kLogZero<T>, blank = kLogZero<T>, label = kLogZero<T>;
  };
  Prefix* parent = nullptr;
  int64_t last = -1;
  Probability before, now;  // up to the time step before, and with this one
  std::map<int64_t, Prefix*> children;
  bool active() const { return now.total != kLogZero<T>; }
};

template <typename T>
class Beam {
 public:
  Beam(int64_t classes, int64_t width) : classes_(classes), width_(static_cast<size_t>(width)) {
    Prefix<T>& root = all_.emplace_back();
    root.now.total = root.now.blank = 0;
    Push(&root);
  }

  // One time step of unnormalised log probabilities; the last class is the blank.
  void Step(const T* x) {
    const T high = *std::max_element(x, x + classes_);
    T sum = 0;
    for (int64_t c = 0; c < classes_; ++c) sum += std::exp(x[c] - high);
    const T norm = high + std::log(sum);
    const T blank = x[classes_ - 1] - norm;
    const std::vector<Prefix<T>*> branches = Sorted();
    for (Prefix<T>* b : branches) b->before = b->now;
    beam_.clear();
    for (Prefix<T>* b : branches) {
      Extend(b, x, norm, blank);
      Push(b);
    }
    for (Prefix<T>* b : branches) {
      if (!IsCandidate(b->before.total)) continue;
      for (int64_t c = 0; c + 1 < classes_; ++c) Grow(b, c, x[c] - norm);
    }
  }

  size_t size() const { return beam_.size(); }
  // The prefixes in the beam, the likeliest first.
  std::vector<Prefix<T>*> Sorted() const {
    std::vector<Prefix<T>*> sorted = beam_;
    std::stable_sort(sorted.begin(), sorted.end(), Likelier);
    return sorted;
  }

 private:
  static bool Likelier(const Prefix<T>* a, const Prefix<T>* b) {
    return a->now.total > b->now.total;
  }
  // beam_ is a heap with the least likely prefix in front.
  void Push(Prefix<T>* p) {
    beam_.push_back(p);
    std::push_heap(beam_.begin(), beam_.end(), Likelier);
  }
  bool IsCandidate(T total) const {
    return total > kLogZero<T> && (beam_.size() < width_ || total > beam_.front()->now.total);
  }

  // The prefix stays as it is: by a blank, by its last label again, or by that label after its
  // parent.
  void Extend(Prefix<T>* b, const T* x, T norm, T blank) const {
    if (b->parent) {
      if (b->parent->active()) {
        const auto& p = b->parent->before;
        b->now.label = LogSum(b->now.label, b->last == b->parent->last ? p.blank : p.total);
      }
      b->now.label += x[b->last] - norm;
    }
    b->now.blank = b->before.total + blank;
    b->now.total = LogSum(b->now.blank, b->now.label);
  }

  void Grow(Prefix<T>* b, int64_t label, T log_probability) {
    Prefix<T>*& child = b->children[label];
    if (!child) {
      child = &all_.emplace_back();
      child->parent = b;
      child->last = label;
    }
    if (child->active()) return;
    const T previous = label == b->last ? b->before.blank : b->before.total;
    child->now.blank = kLogZero<T>;
    child->now.label = child->now.total = log_probability + previous;
    if (!IsCandidate(child->now.total)) {
      child->before = child->now = {};
      return;
    }
    if (beam_.size() == width_) {
      beam_.front()->now = {};  // no longer in the beam
      std::pop_heap(beam_.begin(), beam_.end(), Likelier);
      beam_.pop_back();
    }
    Push(child);
  }

  const int64_t classes_;
  const size_t width_;
  std::deque<Prefix<T>> all_;
  std::vector<Prefix<T>*> beam_;
};

template <typename T>
class BeamSearchDecoder final : public DecoderKernel {
 public:
  explicit BeamSearchDecoder(KernelConstruction& c)
      : DecoderKernel(c), width_(c.Attr<int64_t>("beam_width")) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(Check(ctx));
    if (paths() > width_) return ctx.InvalidArgument("requested more paths than the beam width.");
    const Array &x = ctx.input(0), &lengths = ctx.input(1);
    const int64_t batch = x.dim(1), classes = x.dim(2);
    WEFT_ASSIGN_OR_RETURN(Array * log_probability, LogProbabilities(ctx));
    std::vector<std::vector<Sequence>> decoded(static_cast<size_t>(batch));
    for (int64_t b = 0; b < batch; ++b) {
      Beam<T> beam(classes, width_);
      for (int64_t t = 0; t < lengths.data<int32_t>()[b]; ++t)
        beam.Step(x.data<T>() + (t * batch + b) * classes);
      if (static_cast<int64_t>(beam.size()) < paths())
        return ctx.InvalidArgument("Less leaves in the beam search than requested.");
      const std::vector<Prefix<T>*> best = beam.Sorted();
      for (int64_t p = 0; p < paths(); ++p) {
        const Prefix<T>* prefix = best[static_cast<size_t>(p)];
        decoded[static_cast<size_t>(b)].push_back(LabelsOf(prefix));
        log_probability->mutable_data<T>()[b * paths() + p] = prefix->now.total;
      }
    }
    return Store(ctx, decoded);
  }

 private:
  Sequence LabelsOf(const Prefix<T>* p) const {
    Sequence labels;
    int64_t behind = -1;
    for (; p->parent; p = p->parent) {
      if (!merge_repeated() || p->last != behind) labels.push_back(p->last);
      behind = p->last;
    }
    std::reverse(labels.begin(), labels.end());
    return labels;
  }
  const int64_t width_;
};

}  // namespace

void RegisterCtcDecoderKernels(KernelRegistry& kernels) {
  ForTypes<float, double>([&]<typename T>() {
    kernels.Add<GreedyDecoder<T>>("CTCGreedyDecoder", kCpu, {{"T", dtype_of<T>}});
    kernels.Add<BeamSearchDecoder<T>>("CTCBeamSearchDecoder", kCpu, {{"T", dtype_of<T>}});
  });
}

}  // namespace weft
