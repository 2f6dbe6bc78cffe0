// SPDX-License-Identifier: Apache-2.0
// Sums of products a_1^T b_1 + a_2^T b_2 + ...: the gradient of a weight matrix that is used
// several times. All rows of the a's, and of the b's, are put under one another, and one product of
// tall matrices is the sum of all: instead of many products of few rows, each of which must write
// the whole result, and of sums that read them again.
//
// The plan's passes (src/runtime/fuse_products.cc, loop_products.cc) make
//   _SumOfProducts   of a_1, ..., a_n, b_1, ..., b_n; with the attribute `parts` each a is so many
//                    inputs, whose columns stand side by side
//   _BeginProducts   of the value that a sum begins with (attribute `zero`: it is zeros): a list of
//                    products
//   _CollectProduct  of that list, a and b: the list with a^T b more
//   _EndProducts     of that list: the sum
// Attribute `names`: the MatMul nodes they were, for messages.
#include <algorithm>
#include <any>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/rows.h"
#include "src/core/strings.h"
#include "weft/core/handle.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// Rows that one product takes: enough for it to run at full speed.
constexpr int64_t kRowsAtOnce = 1024;
// Operands with as many rows are multiplied where they are.
constexpr int64_t kManyRows = 256;

// The sum of products with m x n elements, of which as many as fit are kept as rows.
class ProductSum {
 public:
  // `c`: where the sum is made; `empty`: it has no value yet.
  ProductSum(Array c, bool empty) : c_(std::move(c)), empty_(empty) {}

  const Array& sum() const { return c_; }
  int64_t m() const { return c_.dim(0); }
  int64_t n() const { return c_.dim(1); }

  // Adds another sum.
  void Add(const ProductSum& more) {
    const std::span<float> sum = c_.mutable_values<float>();
    std::transform(sum.begin(), sum.end(), more.c_.data<float>(), sum.begin(), std::plus<float>());
  }

  // Memory for `rows` rows, as far as they are kept at once.
  absl::Status Reserve(KernelContext& ctx, int64_t rows) {
    rows = std::min(rows, kRowsAtOnce);
    if (rows <= capacity_) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(Array a, ctx.AllocateTemp(kFloat32, Shape({rows, m()})));
    WEFT_ASSIGN_OR_RETURN(Array b, ctx.AllocateTemp(kFloat32, Shape({rows, n()})));
    Copy(ctx, Elements(a_), rows_ * m(), a.mutable_data<float>());
    Copy(ctx, Elements(b_), rows_ * n(), b.mutable_data<float>());
    a_ = std::move(a);
    b_ = std::move(b);
    capacity_ = rows;
    return absl::OkStatus();
  }

  // Of the columns of the `a` side by side [.., m] and of b [.., n], rows [begin, end).
  absl::Status Add(KernelContext& ctx, std::span<const Array* const> a, const Array& b,
                   int64_t begin, int64_t end) {
    const int64_t rows = end - begin;
    const float* const b_rows = b.data<float>() + begin * n();
    const auto rows_of = [&](const Array& part) {
      return part.data<float>() + begin * part.dim(1);
    };
    if (rows >= kManyRows || IsQuickAtOnce(rows)) {
      float* c = c_.mutable_data<float>();
      for (const Array* part : a) {
        Multiply(ctx, rows, part->dim(1), rows_of(*part), b_rows, c);
        c += part->dim(1) * n();
      }
      empty_ = false;
      return absl::OkStatus();
    }
    if (rows_ + rows > kRowsAtOnce) Flush(ctx);
    if (rows_ + rows > capacity_)
      WEFT_RETURN_IF_ERROR(Reserve(ctx, std::max({8 * rows, 2 * (rows_ + rows), expected_})));
    float* to = a_.mutable_data<float>() + rows_ * m();
    if (a.size() == 1) {
      Copy(ctx, rows_of(*a[0]), rows * m(), to);
    } else {
      for (const Array* part : a) {
        CopyColumns(rows_of(*part), rows, part->dim(1), to);
        to += part->dim(1);
      }
    }
    Copy(ctx, b_rows, rows * n(), b_.mutable_data<float>() + rows_ * n());
    rows_ += rows;
    added_ += rows;
    return absl::OkStatus();
  }

  // Does a product of so many rows stay in a core's caches, and do they outweigh that it reads and
  // writes the sum? Then nothing is gained by keeping the rows.
  static bool IsQuickAtOnce(int64_t m, int64_t n, int64_t rows) {
    constexpr int64_t kFewestRows = 16;
    return rows >= kFewestRows && cpu::ChooseGemmPath(/*transpose_a=*/true, /*transpose_b=*/false,
                                                      m, n, rows) == cpu::GemmPath::kSmall;
  }
  bool IsQuickAtOnce(int64_t rows) const { return IsQuickAtOnce(m(), n(), rows); }

  // How many rows there may be: memory for them is taken at once when the first ones come.
  void Expect(int64_t rows) { expected_ = rows; }
  int64_t rows_added() const { return added_; }

  // Multiplies what is kept.
  void Flush(KernelContext& ctx) {
    if (rows_ > 0 || empty_)
      Multiply(ctx, rows_, m(), Elements(a_), Elements(b_), c_.mutable_data<float>());
    empty_ = false;
    rows_ = 0;
  }

 private:
  // Rows of the sum from c on, for columns of a.
  void Multiply(KernelContext& ctx, int64_t rows, int64_t columns, const float* a, const float* b,
                float* c) const {
    cpu::Gemm(/*transpose_a=*/true, /*transpose_b=*/false, columns, n(), rows, a, columns, b, n(),
              c, n(), ctx.num_threads(), /*accumulate=*/!empty_);
  }
  void CopyColumns(const float* from, int64_t rows, int64_t columns, float* to) const {
    for (int64_t r = 0; r < rows; ++r, from += columns, to += m())
      std::copy(from, from + columns, to);
  }
  static const float* Elements(const Array& a) { return a.valid() ? a.data<float>() : nullptr; }
  static void Copy(KernelContext& ctx, const float* from, int64_t count, float* to) {
    ctx.ParallelFor(count, 0.3, [=](int64_t begin, int64_t end) {
      std::copy(from + begin, from + end, to + begin);
    });
  }

  Array c_;
  bool empty_;
  Array a_, b_;  // [capacity, m], [capacity, n]
  int64_t rows_ = 0, capacity_ = 0, added_ = 0, expected_ = 0;
};

// The number of columns of the a's side by side.
absl::StatusOr<int64_t> CheckFactors(KernelContext& ctx, const std::string& name,
                                     std::span<const Array* const> a, const Array& b) {
  int64_t columns = 0;
  for (const Array* part : a) {
    if (part->rank() != 2 || b.rank() != 2 || part->dim(0) != b.dim(0)) {
      return ctx.InvalidArgument(
          StrCat("MatMul '", name, "': Matrix size-incompatible: In[0]: ", part->shape().ToString(),
                 ", In[1]: ", b.shape().ToString(),
                 "; both must be matrices with as many rows, since the first one is transposed"));
    }
    columns += part->dim(1);
  }
  return columns;
}

// How the rows of products m x n are divided, as lanes of the executor do: those that are quick at
// once, in steps of recurrent nets.
std::vector<int64_t> PartsOf(const KernelContext& ctx, int64_t rows, int64_t m, int64_t n) {
  std::vector<int64_t> parts = ctx.RowParts(rows);
  for (size_t p = 0; p < parts.size() && parts.size() > 1; ++p) {
    if (!ProductSum::IsQuickAtOnce(m, n, cpu::PartEnd(parts, p, rows) - parts[p])) return {0};
  }
  return parts;
}

class SumOfProducts final : public Kernel {
 public:
  explicit SumOfProducts(KernelConstruction& c)
      : names_(c.Attr<std::vector<std::string>>("names")),
        parts_(static_cast<size_t>(c.AttrOr<int64_t>("parts", 1))) {
    if (c.num_inputs() < 2 || parts_ < 1 ||
        names_.size() * (parts_ + 1) != static_cast<size_t>(c.num_inputs()))
      c.Fail(absl::InternalError("_SumOfProducts: malformed"));
  }

  absl::Status Compute(KernelContext& ctx) override {
    const size_t count = names_.size();
    std::vector<const Array*> as;
    for (size_t i = 0; i < count * parts_; ++i) as.push_back(&ctx.input(static_cast<int>(i)));
    const auto a_of = [&](size_t i) {
      return std::span<const Array* const>(as).subspan(i * parts_, parts_);
    };
    const auto b_of = [&](size_t i) -> const Array& {
      return ctx.input(static_cast<int>(count * parts_ + i));
    };
    int64_t rows = 0;
    Shape shape;
    for (size_t i = 0; i < count; ++i) {
      const Array& b = b_of(i);
      WEFT_ASSIGN_OR_RETURN(const int64_t columns, CheckFactors(ctx, names_[i], a_of(i), b));
      rows += b.dim(0);
      const Shape own({columns, b.dim(1)});
      if (i == 0) shape = own;
      // The parts divide all products alike.
      const bool alike =
          std::equal(as.begin(), as.begin() + static_cast<ptrdiff_t>(parts_), a_of(i).begin(),
                     [](const Array* x, const Array* y) { return x->dim(1) == y->dim(1); });
      if (own == shape && alike) continue;
      return ctx.InvalidArgument(
          StrCat("Inputs to operation ", ctx.node_name(),
                 " of type AddN must have the same size and shape.  Input 0: ", shape.ToString(),
                 " != input ", i, ": ", own.ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    const std::vector<int64_t> parts = Parts(ctx, shape);
    for (size_t p = 0; p < parts.size(); ++p) {
      Array own = *out;
      if (p > 0) {
        WEFT_ASSIGN_OR_RETURN(own, ctx.AllocateTemp(kFloat32, shape));
      }
      ProductSum sum(own, /*empty=*/true);
      sum.Expect(rows);
      for (size_t i = 0; i < count; ++i) {
        const Array& b = b_of(i);
        WEFT_RETURN_IF_ERROR(sum.Add(ctx, a_of(i), b, parts[p], cpu::PartEnd(parts, p, b.dim(0))));
      }
      sum.Flush(ctx);
      if (p > 0) ProductSum(*out, /*empty=*/false).Add(sum);
    }
    return absl::OkStatus();
  }

  bool works_by_rows() const override { return true; }
  RowUse DivideRows(const KernelContext& ctx, int64_t) const override {
    int64_t columns = 0;
    for (size_t i = 0; i < parts_; ++i) columns += ctx.input(static_cast<int>(i)).dim(1);
    const Shape shape({columns, ctx.input(ctx.num_inputs() - 1).dim(1)});
    if (Parts(ctx, shape).size() == 1) return {};
    return {.split = std::vector<bool>(static_cast<size_t>(ctx.num_inputs()), true),
            .row_ns = static_cast<double>(names_.size()) *
                      cpu::ProductRowCost(shape.dim(0), shape.dim(1)),
            .sums = true};
  }

 private:
  std::vector<int64_t> Parts(const KernelContext& ctx, const Shape& sum) const {
    const int64_t rows = ctx.input(ctx.num_inputs() - 1).dim(0);
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      if (ctx.input(i).dim(0) != rows) return {0};
    }
    return PartsOf(ctx, rows, sum.dim(0), sum.dim(1));
  }

  const std::vector<std::string> names_;
  const size_t parts_;
};

// What the lists of a loop hold. The next run is told how many rows this one has had.
struct CollectedSum {
  // Of each part of the rows (KernelContext::RowParts): the first one begins with the sum's initial
  // value, the others when they get a product.
  std::vector<std::unique_ptr<ProductSum>> sums;
  std::shared_ptr<std::atomic<int64_t>> usual_rows;
};
using SharedSum = std::shared_ptr<CollectedSum>;

class BeginProducts final : public Kernel {
 public:
  explicit BeginProducts(KernelConstruction& c) : zero_(c.AttrOr<bool>("zero", false)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& initial = ctx.input(0);
    if (initial.rank() != 2)
      return ctx.InvalidArgument("a sum of products begins with a matrix, not with shape " +
                                 initial.shape().ToString());
    WEFT_ASSIGN_OR_RETURN(Array sum, ctx.AllocateTemp(kFloat32, initial.shape()));
    if (!zero_ && sum.num_bytes() > 0)
      std::memcpy(sum.raw_data(), initial.raw_data(), sum.num_bytes());
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
    Variant& list = *out->mutable_data<Variant>();
    auto collected = std::make_shared<CollectedSum>();
    collected->usual_rows = usual_rows_;
    collected->sums.resize(static_cast<size_t>(ctx.num_threads()));
    collected->sums[0] = std::make_unique<ProductSum>(std::move(sum), /*empty=*/zero_);
    collected->sums[0]->Expect(usual_rows_->load(std::memory_order_relaxed));
    list.value = std::move(collected);
    list.type_name = "weft::ProductSum";
    return absl::OkStatus();
  }

 private:
  const bool zero_;  // the value is known to be zeros
  const std::shared_ptr<std::atomic<int64_t>> usual_rows_ =
      std::make_shared<std::atomic<int64_t>>(0);
};

absl::StatusOr<CollectedSum*> ProductsOf(KernelContext& ctx) {
  const Array& list = ctx.input(0);
  const SharedSum* sum = nullptr;
  if (list.dtype() == kVariant && list.num_elements() == 1)
    sum = std::any_cast<SharedSum>(&list.data<Variant>()->value);
  if (sum && *sum) return sum->get();
  return ctx.InvalidArgument("input 0 is no list of products");
}

class CollectProduct final : public Kernel {
 public:
  explicit CollectProduct(KernelConstruction& c)
      : names_(c.Attr<std::vector<std::string>>("names")) {
    if (names_.size() != 1) c.Fail(absl::InternalError("_CollectProduct: malformed"));
  }

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(CollectedSum * list, ProductsOf(ctx));
    const Array& whole = list->sums[0]->sum();
    const Array* const a = &ctx.input(1);
    const Array& b = ctx.input(2);
    WEFT_ASSIGN_OR_RETURN(const int64_t columns, CheckFactors(ctx, names_[0], {&a, 1}, b));
    if (columns != whole.dim(0) || b.dim(1) != whole.dim(1)) {
      return ctx.InvalidArgument(StrCat(
          "MatMul '", names_[0], "': a product of shape ", Shape({columns, b.dim(1)}).ToString(),
          " can't be added to a sum of shape ", whole.shape().ToString()));
    }
    if (whole.num_elements() > 0) {
      const std::vector<int64_t> parts = PartsOf(ctx, b.dim(0), columns, b.dim(1));
      for (size_t p = 0; p < parts.size(); ++p) {
        const size_t index = static_cast<size_t>(ctx.lane()) + p;
        if (index >= list->sums.size())
          return ctx.Error(absl::StatusCode::kInternal, "more parts of rows than threads");
        std::unique_ptr<ProductSum>& sum = list->sums[index];
        if (!sum) {
          WEFT_ASSIGN_OR_RETURN(Array memory, ctx.AllocateTemp(kFloat32, whole.shape()));
          sum = std::make_unique<ProductSum>(std::move(memory), /*empty=*/true);
        }
        WEFT_RETURN_IF_ERROR(sum->Add(ctx, {&a, 1}, b, parts[p], cpu::PartEnd(parts, p, b.dim(0))));
      }
    }
    if (!ctx.in_lane()) ctx.set_output(0, ctx.input(0));
    return absl::OkStatus();
  }

  bool works_by_rows() const override { return true; }
  RowUse DivideRows(const KernelContext& ctx, int64_t) const override {
    const Array &a = ctx.input(1), &b = ctx.input(2);
    if (PartsOf(ctx, b.dim(0), a.dim(1), b.dim(1)).size() == 1) return {};
    return {.split = {false, true, true},
            .row_ns = cpu::ProductRowCost(a.dim(1), b.dim(1)),
            .passes_on = 0};
  }

 private:
  std::vector<std::string> names_;
};

absl::Status EndProducts(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(CollectedSum * list, ProductsOf(ctx));
  ProductSum& sum = *list->sums[0];
  list->usual_rows->store(sum.rows_added(), std::memory_order_relaxed);
  if (sum.sum().num_elements() > 0) {
    sum.Flush(ctx);
    for (size_t p = 1; p < list->sums.size(); ++p) {
      if (!list->sums[p]) continue;
      list->sums[p]->Flush(ctx);
      sum.Add(*list->sums[p]);
    }
  }
  ctx.set_output(0, sum.sum());
  return absl::OkStatus();
}

}  // namespace

void RegisterProductSumKernels(KernelRegistry& kernels) {
  kernels.Add<SumOfProducts>("_SumOfProducts", kCpu, {{"T", kFloat32}});
  kernels.Add<BeginProducts>("_BeginProducts", kCpu, {{"T", kFloat32}});
  kernels.Add<CollectProduct>("_CollectProduct", kCpu, {{"T", kFloat32}});
  kernels.Add("_EndProducts", kCpu, {{"T", kFloat32}}, EndProducts);
}

}  // namespace weft
