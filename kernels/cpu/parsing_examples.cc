// SPDX-License-Identifier: Apache-2.0
// ParseExample, ParseExampleV2, ParseSingleExample, ParseSequenceExample, ParseSequenceExampleV2,
// ParseSingleSequenceExample: inputs and attributes checked, and two passes over the examples.
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/feature_lists.h"
#include "kernels/cpu/feature_table.h"
#include "kernels/cpu/parsing.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using Form = FeatureSpec::Form;
using Texts = std::vector<std::string>;
using Types = std::vector<DataType>;

// A rough cost of parsing an example, in nanoseconds.
constexpr double kExampleCost = 2000;

// The features that an op wants, as its attributes list them: dense, sparse and ragged ones.
struct Wanted {
  Types sparse, dense, ragged, splits;
  std::vector<PartialShape> shapes;
};

FeatureSpec Spec(Form form, std::string name, DataType dtype) {
  FeatureSpec spec;
  spec.form = form;
  spec.name = std::move(name);
  spec.dtype = dtype;
  return spec;
}

absl::Status CheckCount(std::string_view keys, size_t n, std::string_view what, size_t wanted) {
  if (n == wanted) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("len(", keys, ") != len(", what, "): ", n, " vs. ", wanted));
}

// What all ops need of their attributes. `list` is true for feature lists.
absl::Status CheckWanted(const Wanted& w, bool list) {
  WEFT_RETURN_IF_ERROR(CheckCount("dense_types", w.dense.size(), "dense_shapes", w.shapes.size()));
  WEFT_RETURN_IF_ERROR(
      CheckCount("ragged_value_types", w.ragged.size(), "ragged_split_types", w.splits.size()));
  for (const Types* types : {&w.sparse, &w.dense, &w.ragged}) {
    for (const DataType t : *types) WEFT_RETURN_IF_ERROR(CheckFeatureDtype(t));
  }
  for (size_t i = 0; i < w.shapes.size(); ++i) {
    FeatureSpec spec;
    WEFT_RETURN_IF_ERROR(spec.SetShape(w.shapes[i]));
    if (list && spec.variable_length) {
      return absl::InvalidArgumentError(StrCat("feature_list_dense_shapes[", i, "] is ",
                                               w.shapes[i].ToString(),
                                               ": the shape of a step must be known"));
    }
  }
  return absl::OkStatus();
}

// Specs in the order sparse, dense, ragged. Outputs are numbered by the caller.
std::vector<FeatureSpec> SpecsOf(const Wanted& w, const Texts& sparse, const Texts& dense,
                                 const Texts& ragged) {
  std::vector<FeatureSpec> specs;
  for (size_t i = 0; i < sparse.size(); ++i)
    specs.push_back(Spec(Form::kSparse, sparse[i], w.sparse[i]));
  for (size_t i = 0; i < dense.size(); ++i) {
    specs.push_back(Spec(Form::kDense, dense[i], w.dense[i]));
    specs.back().SetShape(w.shapes[i]).IgnoreError();  // checked when the kernel was made
  }
  for (size_t i = 0; i < ragged.size(); ++i) {
    specs.push_back(Spec(Form::kRagged, ragged[i], w.ragged[i]));
    specs.back().split_dtype = w.splits[i];
  }
  return specs;
}

absl::Status CheckDefault(const FeatureSpec& spec, const Array& value, size_t i) {
  if (value.dtype() != spec.dtype) {
    return absl::InvalidArgumentError(
        StrCat("dense_defaults[", i, "].dtype() == ", DTypeOpName(value.dtype()),
               " != dense_types_[", i, "] == ", DTypeOpName(spec.dtype)));
  }
  if (spec.variable_length) {
    if (value.num_elements() == 1) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("dense_shape[", i, "] is a variable length shape: ",
                                             spec.shape.ToString(), ", therefore def_value[", i,
                                             "] must contain a single element ("
                                             "the padding element).  But its shape is: ",
                                             value.shape().ToString()));
  }
  if (value.num_elements() == 0 || spec.shape.IsCompatibleWith(PartialShape(value.shape())))
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("def_value[", i, "].shape() == ", value.shape().ToString(),
             " is not compatible with dense_shapes_[", i, "] == ", spec.shape.ToString()));
}

// Gives the dense specs their defaults: inputs [first, ...).
absl::Status TakeDefaults(KernelContext& ctx, int first, std::vector<FeatureSpec>* specs) {
  size_t i = 0;
  for (FeatureSpec& spec : *specs) {
    if (spec.form != Form::kDense) continue;
    const Array& value = ctx.input(first + static_cast<int>(i));
    WEFT_RETURN_IF_ERROR(CheckDefault(spec, value, i));
    spec.default_value = value;
    ++i;
  }
  return absl::OkStatus();
}

size_t CountOf(const std::vector<FeatureSpec>& specs, Form form) {
  size_t n = 0;
  for (const FeatureSpec& spec : specs) n += spec.form == form;
  return n;
}

// Numbers the outputs of one form: `width` lists of tensors one after the other.
void NumberOutputs(std::vector<FeatureSpec>* specs, Form form, int width, int* next) {
  const int n = static_cast<int>(CountOf(*specs, form));
  int i = 0;
  for (FeatureSpec& spec : *specs) {
    if (spec.form != form) continue;
    for (int k = 0; k < width; ++k) spec.outputs[k] = *next + k * n + i;
    ++i;
  }
  *next += width * n;
}

// The texts of a vector or scalar input.
absl::StatusOr<Texts> Keys(const Array& keys, std::string_view name, size_t n) {
  if (keys.rank() != 1) {
    return absl::InvalidArgumentError(
        StrCat("Expected ", name, " to be a vector, got shape: ", keys.shape().ToString()));
  }
  if (static_cast<size_t>(keys.num_elements()) != n) {
    return absl::InvalidArgumentError(
        StrCat("Expected len(", name, ") == ", n,
               ", the number of its types; got: ", keys.num_elements()));
  }
  const auto values = keys.values<std::string>();
  return Texts(values.begin(), values.end());
}

// Scalar inputs [first, first + n), each a key.
absl::StatusOr<Texts> ScalarKeys(KernelContext& ctx, int first, size_t n, std::string_view name) {
  Texts keys;
  for (size_t i = 0; i < n; ++i) {
    const Array& key = ctx.input(first + static_cast<int>(i));
    if (key.num_elements() != 1) {
      return absl::InvalidArgumentError(StrCat(
          "Expected ", name, "[", i, "] to be a scalar, got shape: ", key.shape().ToString()));
    }
    keys.push_back(*key.data<std::string>());
  }
  return keys;
}

// The serialised examples and what they are called.
absl::StatusOr<ExampleNames> NamesOf(const Array& serialized, const Array& names,
                                     bool may_be_scalar, std::string_view argument) {
  if (serialized.rank() > 1 || (serialized.rank() == 0 && !may_be_scalar)) {
    return absl::InvalidArgumentError(StrCat("Expected serialized to be a ",
                                             may_be_scalar ? "scalar or " : "",
                                             "vector, got shape: ", serialized.shape().ToString()));
  }
  if (names.num_elements() > 0 && names.num_elements() != serialized.num_elements()) {
    return absl::InvalidArgumentError(StrCat(
        "Expected len(", argument, ") == len(serialized), or none; got: ", names.num_elements(),
        " vs. ", serialized.num_elements()));
  }
  return ExampleNames{names.values<std::string>(), serialized.rank() == 1};
}

// Runs step(e) for all examples, on several threads if it is worth it. The first error counts.
absl::Status ForAll(KernelContext& ctx, int64_t n,
                    absl::FunctionRef<void(int64_t, int64_t, FirstError*)> range) {
  FirstError error;
  ctx.ParallelFor(n, kExampleCost, [&](int64_t begin, int64_t end) { range(begin, end, &error); });
  return error.status();
}

std::string Unparsable(const std::string& example) {
  return StrCat("Could not parse example input, value: '", example, "'");
}

// ---- Examples -----------------------------------------------------------------------------------

absl::Status ParseExamples(KernelContext& ctx, const std::vector<FeatureSpec>& specs,
                           const Array& serialized, const ExampleNames& names) {
  FeatureNames index;
  WEFT_RETURN_IF_ERROR(index.Init(specs));
  const std::span<const std::string> examples = serialized.values<std::string>();
  const int64_t n = serialized.num_elements();
  FeatureTable table(specs, names, n);
  WEFT_RETURN_IF_ERROR(ForAll(ctx, n, [&](int64_t begin, int64_t end, FirstError* error) {
    FeatureNames::Cursor cursor = index.Start();
    for (int64_t e = begin; e < end; ++e) {
      const std::string& example = examples[static_cast<size_t>(e)];
      cursor.last = 0;
      const bool read = io::ForEachFeature(example, [&](std::string_view name, std::string_view f) {
        const int feature = index.Find(name, &cursor);
        if (feature >= 0) table.Put(e, feature, f);
        return true;
      });
      absl::Status s = read ? table.Count(e) : absl::InvalidArgumentError(Unparsable(example));
      if (!s.ok()) return error->Note(e, std::move(s));
    }
  }));
  WEFT_RETURN_IF_ERROR(table.Allocate(ctx));
  return ForAll(ctx, n, [&](int64_t begin, int64_t end, FirstError* error) {
    for (int64_t e = begin; e < end; ++e) {
      if (absl::Status s = table.Fill(e); !s.ok()) return error->Note(e, std::move(s));
    }
  });
}

void NumberExampleOutputs(std::vector<FeatureSpec>* specs) {
  int next = 0;
  NumberOutputs(specs, Form::kSparse, 3, &next);
  NumberOutputs(specs, Form::kDense, 1, &next);
  NumberOutputs(specs, Form::kRagged, 2, &next);
}

Wanted WantedOf(KernelConstruction& c) {
  return {.sparse = c.Attr<Types>("sparse_types"),
          .dense = c.Attr<Types>("Tdense"),
          .ragged = c.AttrOr<Types>("ragged_value_types", {}),
          .splits = c.AttrOr<Types>("ragged_split_types", {}),
          .shapes = c.Attr<std::vector<PartialShape>>("dense_shapes")};
}

// Errors that are known before the first run.
void Check(KernelConstruction& c, absl::Status s) {
  if (!s.ok()) c.Fail(std::move(s));
}

class ParseExample final : public Kernel {
 public:
  explicit ParseExample(KernelConstruction& c) : wanted_(WantedOf(c)) {
    Check(c, CheckWanted(wanted_, false));
    Check(c, CheckCount("sparse_keys", static_cast<size_t>(c.Attr<int64_t>("Nsparse")),
                        "sparse_types", wanted_.sparse.size()));
    Check(c, CheckCount("dense_keys", static_cast<size_t>(c.Attr<int64_t>("Ndense")), "dense_types",
                        wanted_.dense.size()));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const int n_sparse = static_cast<int>(wanted_.sparse.size()),
              n_dense = static_cast<int>(wanted_.dense.size());
    WEFT_ASSIGN_OR_RETURN(const Texts sparse,
                          ScalarKeys(ctx, 2, wanted_.sparse.size(), "sparse_keys"));
    WEFT_ASSIGN_OR_RETURN(const Texts dense,
                          ScalarKeys(ctx, 2 + n_sparse, wanted_.dense.size(), "dense_keys"));
    WEFT_ASSIGN_OR_RETURN(const ExampleNames names,
                          NamesOf(ctx.input(0), ctx.input(1), false, "names"));
    std::vector<FeatureSpec> specs = SpecsOf(wanted_, sparse, dense, {});
    NumberExampleOutputs(&specs);
    WEFT_RETURN_IF_ERROR(TakeDefaults(ctx, 2 + n_sparse + n_dense, &specs));
    return ParseExamples(ctx, specs, ctx.input(0), names);
  }

 private:
  const Wanted wanted_;
};

class ParseExampleV2 final : public Kernel {
 public:
  explicit ParseExampleV2(KernelConstruction& c) : wanted_(WantedOf(c)) {
    Check(c, CheckWanted(wanted_, false));
    Check(c, CheckCount("sparse_types", wanted_.sparse.size(), "num_sparse",
                        static_cast<size_t>(c.Attr<int64_t>("num_sparse"))));
  }
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Texts sparse,
                          Keys(ctx.input(2), "sparse_keys", wanted_.sparse.size()));
    WEFT_ASSIGN_OR_RETURN(const Texts dense,
                          Keys(ctx.input(3), "dense_keys", wanted_.dense.size()));
    WEFT_ASSIGN_OR_RETURN(const Texts ragged,
                          Keys(ctx.input(4), "ragged_keys", wanted_.ragged.size()));
    WEFT_ASSIGN_OR_RETURN(ExampleNames names, NamesOf(ctx.input(0), ctx.input(1), true, "names"));
    std::vector<FeatureSpec> specs = SpecsOf(wanted_, sparse, dense, ragged);
    NumberExampleOutputs(&specs);
    WEFT_RETURN_IF_ERROR(TakeDefaults(ctx, 5, &specs));
    return ParseExamples(ctx, specs, ctx.input(0), names);
  }

 private:
  const Wanted wanted_;
};

class ParseSingleExample final : public Kernel {
 public:
  explicit ParseSingleExample(KernelConstruction& c)
      : wanted_(WantedOf(c)),
        sparse_(c.Attr<Texts>("sparse_keys")),
        dense_(c.Attr<Texts>("dense_keys")) {
    Check(c, CheckWanted(wanted_, false));
    Check(c, CheckCount("sparse_keys", sparse_.size(), "sparse_types", wanted_.sparse.size()));
    Check(c, CheckCount("sparse_keys", sparse_.size(), "num_sparse",
                        static_cast<size_t>(c.Attr<int64_t>("num_sparse"))));
    Check(c, CheckCount("dense_keys", dense_.size(), "dense_types", wanted_.dense.size()));
  }
  absl::Status Compute(KernelContext& ctx) override {
    if (ctx.input(0).rank() != 0) {
      return ctx.InvalidArgument(StrCat("Expected serialized to be a scalar, got shape: ",
                                        ctx.input(0).shape().ToString()));
    }
    std::vector<FeatureSpec> specs = SpecsOf(wanted_, sparse_, dense_, {});
    NumberExampleOutputs(&specs);
    WEFT_RETURN_IF_ERROR(TakeDefaults(ctx, 1, &specs));
    return ParseExamples(ctx, specs, ctx.input(0), {.names = {}, .batched = false});
  }

 private:
  const Wanted wanted_;
  const Texts sparse_, dense_;
};

// ---- Sequences ----------------------------------------------------------------------------------

absl::Status ParseSequences(KernelContext& ctx, const std::vector<FeatureSpec>& context_specs,
                            const std::vector<FeatureSpec>& list_specs, const Array& serialized,
                            const ExampleNames& names) {
  FeatureNames context_index, list_index;
  WEFT_RETURN_IF_ERROR(context_index.Init(context_specs));
  WEFT_RETURN_IF_ERROR(list_index.Init(list_specs));
  const std::span<const std::string> examples = serialized.values<std::string>();
  const int64_t n = serialized.num_elements();
  FeatureTable context(context_specs, names, n);
  FeatureLists lists(list_specs, names, n);
  WEFT_RETURN_IF_ERROR(ForAll(ctx, n, [&](int64_t begin, int64_t end, FirstError* error) {
    FeatureNames::Cursor context_cursor = context_index.Start(), list_cursor = list_index.Start();
    for (int64_t e = begin; e < end; ++e) {
      const std::string& example = examples[static_cast<size_t>(e)];
      const bool read = io::ForEachSequenceFeature(
          example,
          [&](std::string_view name, std::string_view f) {
            const int feature = context_index.Find(name, &context_cursor);
            if (feature >= 0) context.Put(e, feature, f);
            return true;
          },
          [&](std::string_view name, std::string_view list) {
            const int feature = list_index.Find(name, &list_cursor);
            if (feature >= 0) lists.Put(e, feature, list);
            return true;
          });
      absl::Status s = read ? context.Count(e)
                            : absl::InvalidArgumentError(StrCat(
                                  "Invalid protocol message input, example id: ", names.Name(e)));
      if (s.ok()) s = lists.Count(e);
      if (!s.ok()) return error->Note(e, std::move(s));
    }
  }));
  WEFT_RETURN_IF_ERROR(context.Allocate(ctx));
  WEFT_RETURN_IF_ERROR(lists.Allocate(ctx));
  return ForAll(ctx, n, [&](int64_t begin, int64_t end, FirstError* error) {
    for (int64_t e = begin; e < end; ++e) {
      absl::Status s = context.Fill(e);
      if (s.ok()) s = lists.Fill(e);
      if (!s.ok()) return error->Note(e, std::move(s));
    }
  });
}

Wanted ContextOf(KernelConstruction& c) {
  return {.sparse = c.Attr<Types>("context_sparse_types"),
          .dense = c.Attr<Types>("Tcontext_dense"),
          .ragged = c.AttrOr<Types>("context_ragged_value_types", {}),
          .splits = c.AttrOr<Types>("context_ragged_split_types", {}),
          .shapes = c.Attr<std::vector<PartialShape>>("context_dense_shapes")};
}
Wanted ListsOf(KernelConstruction& c) {
  return {.sparse = c.Attr<Types>("feature_list_sparse_types"),
          .dense = c.Attr<Types>("feature_list_dense_types"),
          .ragged = c.AttrOr<Types>("feature_list_ragged_value_types", {}),
          .splits = c.AttrOr<Types>("feature_list_ragged_split_types", {}),
          .shapes = c.Attr<std::vector<PartialShape>>("feature_list_dense_shapes")};
}

// What the three sequence ops have in common.
class SequenceKernel : public Kernel {
 public:
  SequenceKernel(KernelConstruction& c, bool has_lengths)
      : context_(ContextOf(c)), lists_(ListsOf(c)), has_lengths_(has_lengths) {
    Check(c, CheckWanted(context_, false));
    Check(c, CheckWanted(lists_, true));
    const auto same = [&c](std::string_view attr, size_t n) {
      Check(c,
            CheckCount(attr, static_cast<size_t>(c.AttrOr<int64_t>(attr, static_cast<int64_t>(n))),
                       "its types", n));
    };
    same("Ncontext_sparse", context_.sparse.size());
    same("Ncontext_dense", context_.dense.size());
    same("Nfeature_list_sparse", lists_.sparse.size());
    same("Nfeature_list_dense", lists_.dense.size());
  }

 protected:
  struct AllKeys {
    Texts context_sparse, context_dense, context_ragged, list_sparse, list_dense, list_ragged;
  };
  const Wanted& context() const { return context_; }
  const Wanted& lists() const { return lists_; }

  // `first_default`: the input with the first default of a dense context feature.
  absl::Status Run(KernelContext& ctx, const AllKeys& keys, int first_default,
                   absl::FunctionRef<bool(size_t)> may_be_missing,
                   const ExampleNames& names) const {
    std::vector<FeatureSpec> context =
        SpecsOf(context_, keys.context_sparse, keys.context_dense, keys.context_ragged);
    std::vector<FeatureSpec> lists =
        SpecsOf(lists_, keys.list_sparse, keys.list_dense, keys.list_ragged);
    int next = 0;
    NumberOutputs(&context, Form::kSparse, 3, &next);
    NumberOutputs(&context, Form::kDense, 1, &next);
    NumberOutputs(&context, Form::kRagged, 2, &next);
    NumberOutputs(&lists, Form::kSparse, 3, &next);
    NumberOutputs(&lists, Form::kDense, has_lengths_ ? 2 : 1, &next);
    NumberOutputs(&lists, Form::kRagged, 3, &next);
    WEFT_RETURN_IF_ERROR(TakeDefaults(ctx, first_default, &context));
    size_t dense = 0;
    for (FeatureSpec& spec : lists) {
      if (spec.form == Form::kDense) spec.may_be_missing = may_be_missing(dense++);
    }
    return ParseSequences(ctx, context, lists, ctx.input(0), names);
  }

 private:
  const Wanted context_, lists_;
  const bool has_lengths_;
};

bool Contains(const Texts& list, const std::string& text) {
  for (const std::string& t : list) {
    if (t == text) return true;
  }
  return false;
}

class ParseSequenceExample final : public SequenceKernel {
 public:
  explicit ParseSequenceExample(KernelConstruction& c)
      : SequenceKernel(c, true),
        missing_(c.Attr<Texts>("feature_list_dense_missing_assumed_empty")) {
    keys_.context_sparse = c.Attr<Texts>("context_sparse_keys");
    keys_.context_dense = c.Attr<Texts>("context_dense_keys");
    keys_.list_sparse = c.Attr<Texts>("feature_list_sparse_keys");
    keys_.list_dense = c.Attr<Texts>("feature_list_dense_keys");
    Check(c, CheckCount("context_sparse_keys", keys_.context_sparse.size(), "context_sparse_types",
                        context().sparse.size()));
    Check(c, CheckCount("context_dense_keys", keys_.context_dense.size(), "context_dense_types",
                        context().dense.size()));
    Check(c, CheckCount("feature_list_sparse_keys", keys_.list_sparse.size(),
                        "feature_list_sparse_types", lists().sparse.size()));
    Check(c, CheckCount("feature_list_dense_keys", keys_.list_dense.size(),
                        "feature_list_dense_types", lists().dense.size()));
  }
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const ExampleNames names,
                          NamesOf(ctx.input(0), ctx.input(1), false, "debug_name"));
    return Run(
        ctx, keys_, 2, [&](size_t i) { return Contains(missing_, keys_.list_dense[i]); }, names);
  }

 private:
  AllKeys keys_;
  const Texts missing_;
};

class ParseSequenceExampleV2 final : public SequenceKernel {
 public:
  explicit ParseSequenceExampleV2(KernelConstruction& c) : SequenceKernel(c, true) {}
  absl::Status Compute(KernelContext& ctx) override {
    AllKeys keys;
    const auto take = [&ctx](int input, std::string_view name, const Types& types,
                             Texts* out) -> absl::Status {
      WEFT_ASSIGN_OR_RETURN(*out, Keys(ctx.input(input), name, types.size()));
      return absl::OkStatus();
    };
    WEFT_RETURN_IF_ERROR(take(2, "context_sparse_keys", context().sparse, &keys.context_sparse));
    WEFT_RETURN_IF_ERROR(take(3, "context_dense_keys", context().dense, &keys.context_dense));
    WEFT_RETURN_IF_ERROR(take(4, "context_ragged_keys", context().ragged, &keys.context_ragged));
    WEFT_RETURN_IF_ERROR(take(5, "feature_list_sparse_keys", lists().sparse, &keys.list_sparse));
    WEFT_RETURN_IF_ERROR(take(6, "feature_list_dense_keys", lists().dense, &keys.list_dense));
    WEFT_RETURN_IF_ERROR(take(7, "feature_list_ragged_keys", lists().ragged, &keys.list_ragged));
    const Array& missing = ctx.input(8);
    if (missing.rank() != 1 ||
        missing.num_elements() != static_cast<int64_t>(lists().dense.size())) {
      return ctx.InvalidArgument(
          StrCat("Expected len(feature_list_dense_missing_assumed_empty) == "
                 "len(feature_list_dense_keys); got shape ",
                 missing.shape().ToString(), " for ", lists().dense.size(), " keys"));
    }
    WEFT_ASSIGN_OR_RETURN(const ExampleNames names,
                          NamesOf(ctx.input(0), ctx.input(1), true, "debug_name"));
    return Run(
        ctx, keys, 9, [&](size_t i) { return missing.data<bool>()[i]; }, names);
  }
};

class ParseSingleSequenceExample final : public SequenceKernel {
 public:
  explicit ParseSingleSequenceExample(KernelConstruction& c) : SequenceKernel(c, false) {}
  absl::Status Compute(KernelContext& ctx) override {
    if (ctx.input(0).rank() != 0) {
      return ctx.InvalidArgument(StrCat("Expected serialized to be a scalar, got shape: ",
                                        ctx.input(0).shape().ToString()));
    }
    AllKeys keys;
    int next = 2;
    const auto take = [&](std::string_view name, const Types& types, Texts* out) -> absl::Status {
      WEFT_ASSIGN_OR_RETURN(*out, ScalarKeys(ctx, next, types.size(), name));
      next += static_cast<int>(types.size());
      return absl::OkStatus();
    };
    WEFT_RETURN_IF_ERROR(take("context_sparse_keys", context().sparse, &keys.context_sparse));
    WEFT_RETURN_IF_ERROR(take("context_dense_keys", context().dense, &keys.context_dense));
    WEFT_RETURN_IF_ERROR(take("feature_list_sparse_keys", lists().sparse, &keys.list_sparse));
    WEFT_RETURN_IF_ERROR(take("feature_list_dense_keys", lists().dense, &keys.list_dense));
    const auto listed = ctx.input(1).values<std::string>();
    const Texts missing(listed.begin(), listed.end());
    const Array& name = ctx.input(next + static_cast<int>(context().dense.size()));
    WEFT_ASSIGN_OR_RETURN(const ExampleNames names,
                          NamesOf(ctx.input(0), name, true, "debug_name"));
    return Run(
        ctx, keys, next, [&](size_t i) { return Contains(missing, keys.list_dense[i]); }, names);
  }
};

}  // namespace

void RegisterParsingExampleKernels(KernelRegistry& kernels) {
  kernels.Add<ParseExample>("ParseExample", kCpu, {});
  kernels.Add<ParseExampleV2>("ParseExampleV2", kCpu, {});
  kernels.Add<ParseSingleExample>("ParseSingleExample", kCpu, {});
  kernels.Add<ParseSequenceExample>("ParseSequenceExample", kCpu, {});
  kernels.Add<ParseSequenceExampleV2>("ParseSequenceExampleV2", kCpu, {});
  kernels.Add<ParseSingleSequenceExample>("ParseSingleSequenceExample", kCpu, {});
}

}  // namespace weft
