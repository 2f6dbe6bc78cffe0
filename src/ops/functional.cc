// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/functional.h"

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/node.h"
#include "src/ops/op_scope.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/tensor_array.h"

namespace weft {
namespace {

using Tensors = std::vector<Tensor>;

// Values of a function's tensors, with the number of their rows.
struct Elements {
  Tensors tensors;
  Tensor rows;  // int32 scalar
  int64_t static_rows = kUnknownDim;
};

Elements ElementsOf(const std::vector<Input>& inputs, const char* function) {
  if (inputs.empty()) ThrowError(Code::kInvalidArgument, StrCat(function, ": there are no elems"));
  Elements e;
  for (const Input& in : inputs) {
    e.tensors.push_back(AsTensor(in, kInvalidType, "elem"));
    const PartialShape& shape = e.tensors.back().shape();
    if (!shape.known_rank()) continue;
    if (shape.rank() == 0) {
      ThrowError(Code::kInvalidArgument,
                 StrCat(function, ": elems must be at least 1-dimensional, not scalars ('",
                        e.tensors.back().name(), "')"));
    }
    if (e.static_rows < 0) e.static_rows = shape.dim(0);
    if (shape.dim(0) >= 0 && shape.dim(0) != e.static_rows) {
      ThrowError(Code::kInvalidArgument,
                 StrCat(function, ": elems have different numbers of rows: ", e.static_rows,
                        " and ", shape.dim(0)));
    }
  }
  e.rows = e.static_rows >= 0 ? Constant(Array(static_cast<int32_t>(e.static_rows)))
                              : At(ShapeOf(e.tensors[0]), {0});
  return e;
}

std::vector<TensorArray> Unstacked(const Elements& e) {
  std::vector<TensorArray> arrays;
  for (const Tensor& t : e.tensors) {
    arrays.push_back(
        TensorArray(RemoveRef(t.dtype()), e.rows, {.dynamic_size = false, .infer_shape = true}));
  }
  for (size_t i = 0; i < arrays.size(); ++i) arrays[i] = arrays[i].Unstack(e.tensors[i]);
  return arrays;
}

Tensors ReadAll(const std::vector<TensorArray>& arrays, const Tensor& index) {
  Tensors values;
  for (const TensorArray& a : arrays) values.push_back(a.Read(index));
  return values;
}

std::vector<TensorArray> WriteAll(const std::vector<TensorArray>& arrays, const Tensors& flows,
                                  const Tensor& index, const Tensors& values) {
  std::vector<TensorArray> written;
  for (size_t i = 0; i < arrays.size(); ++i)
    written.push_back(arrays[i].WithFlow(flows[i]).Write(index, values[i]));
  return written;
}

void SetRows(const Tensors& tensors, int64_t rows) {
  for (const Tensor& t : tensors) {
    if (!t.shape().known_rank() || t.shape().rank() == 0) continue;
    PartialShape shape = t.shape();
    shape.set_dim(0, rows);
    if (rows >= 0) t.set_shape(shape);
  }
}

void CheckNumber(const char* function, size_t results, size_t wanted) {
  if (results == wanted) return;
  ThrowError(Code::kInvalidArgument,
             StrCat(function, ": fn returns ", results, " tensors; ", wanted, " are expected"));
}

}  // namespace

// ---- MapFn ----

Tensors MapFn(const std::function<Tensors(const Tensors&)>& fn, const std::vector<Input>& elems,
              const MapFnOptions& options) {
  const OpScope scope(options.name, "map", GraphOf(elems));
  const Elements e = ElementsOf(elems, "MapFn");
  const std::vector<TensorArray> in = Unstacked(e);
  std::vector<DataType> dtypes = options.dtype;
  if (dtypes.empty()) {
    for (const Tensor& t : e.tensors) dtypes.push_back(RemoveRef(t.dtype()));
  }
  const Tensor zero = Constant(Array(int32_t{0}));
  std::vector<TensorArray> out;
  for (DataType d : dtypes)
    out.push_back(
        TensorArray(d, e.rows, {.dynamic_size = false, .infer_shape = options.infer_shape}));
  std::vector<Input> vars{zero};
  for (const TensorArray& a : out) vars.push_back(a.flow());
  const Tensors results = WhileLoop([&](const Tensors& v) { return Less(v[0], e.rows); },
                                    [&](const Tensors& v) {
                                      const Tensors values = fn(ReadAll(in, v[0]));
                                      CheckNumber("MapFn", values.size(), out.size());
                                      Tensors next;
                                      const std::vector<TensorArray> written = WriteAll(
                                          out, Tensors(v.begin() + 1, v.end()), v[0], values);
                                      next.push_back(Add(v[0], 1, "add"));
                                      for (const TensorArray& a : written) next.push_back(a.flow());
                                      return next;
                                    },
                                    vars,
                                    {.parallel_iterations = options.parallel_iterations,
                                     .back_prop = options.back_prop,
                                     .swap_memory = options.swap_memory,
                                     .maximum_iterations = Input(e.rows)});
  Tensors stacked;
  for (size_t i = 0; i < out.size(); ++i)
    stacked.push_back(out[i].WithFlow(results[i + 1]).Stack());
  SetRows(stacked, e.static_rows);
  return stacked;
}

Tensor MapFn(const std::function<Tensor(Tensor)>& fn, const Input& elems,
             const MapFnOptions& options) {
  return MapFn([&fn](const Tensors& v) { return Tensors{fn(v[0])}; }, std::vector<Input>{elems},
               options)[0];
}

// ---- Foldl, Foldr ----

namespace {

Tensor Fold(const std::function<Tensor(Tensor, Tensor)>& fn, const Input& elems,
            const FoldOptions& options, bool reverse) {
  const OpScope scope(options.name, reverse ? "foldr" : "foldl", GraphOf(elems));
  const Elements e = ElementsOf({elems}, reverse ? "Foldr" : "Foldl");
  const std::vector<TensorArray> in = Unstacked(e);
  Tensor first, index;
  if (options.initializer) {
    first = AsTensor(*options.initializer, RemoveRef(e.tensors[0].dtype()), "initializer");
    index = reverse ? e.rows : Constant(Array(int32_t{0}));
  } else {
    index = reverse ? Subtract(e.rows, 1, "sub") : Constant(Array(int32_t{1}));
    first = in[0].Read(reverse ? Input(index) : Input(0));
  }
  const Tensors results =
      WhileLoop([&](const Tensors& v) { return reverse ? Greater(v[0], 0) : Less(v[0], e.rows); },
                [&](const Tensors& v) {
                  const Tensor at = reverse ? Subtract(v[0], 1, "sub") : v[0];
                  const Tensor next = fn(v[1], in[0].Read(at));
                  return Tensors{reverse ? at : Add(v[0], 1, "add"), next};
                },
                {index, first},
                {.parallel_iterations = options.parallel_iterations,
                 .back_prop = options.back_prop,
                 .swap_memory = options.swap_memory,
                 .maximum_iterations = Input(e.rows)});
  return results[1];
}

}  // namespace

Tensor Foldl(const std::function<Tensor(Tensor, Tensor)>& fn, const Input& elems,
             const FoldOptions& options) {
  return Fold(fn, elems, options, /*reverse=*/false);
}
Tensor Foldr(const std::function<Tensor(Tensor, Tensor)>& fn, const Input& elems,
             const FoldOptions& options) {
  return Fold(fn, elems, options, /*reverse=*/true);
}

// ---- Scan ----

Tensors Scan(const std::function<Tensors(const Tensors&, const Tensors&)>& fn,
             const std::vector<Input>& elems, const ScanFnOptions& options) {
  const OpScope scope(options.name, "scan", GraphOf(elems));
  const Elements e = ElementsOf(elems, "Scan");
  const std::vector<TensorArray> in = Unstacked(e);
  Tensors first;
  const bool given = !options.initializer.empty();
  if (given) {
    for (const Input& i : options.initializer)
      first.push_back(AsTensor(i, RemoveRef(e.tensors[0].dtype()), "initializer"));
  } else {
    const Tensor start = options.reverse ? Subtract(e.rows, 1, "sub") : Tensor();
    for (const TensorArray& a : in)
      first.push_back(a.Read(options.reverse ? Input(start) : Input(0)));
  }
  const int32_t done = given ? 0 : 1;  // elements that are in the result already
  std::vector<TensorArray> out;
  for (const Tensor& t : first) {
    out.push_back(
        TensorArray(RemoveRef(t.dtype()), e.rows,
                    {.dynamic_size = false,
                     .infer_shape = options.infer_shape,
                     .element_shape = options.infer_shape ? t.shape() : PartialShape::Unknown()}));
  }
  if (!given) {
    const Tensor start = options.reverse ? Subtract(e.rows, 1, "sub") : Tensor();
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = out[i].Write(options.reverse ? Input(start) : Input(0), first[i]);
  }
  Tensor index = Constant(Array(done));
  if (options.reverse) index = Subtract(e.rows, done + 1, "sub");
  std::vector<Input> vars{index};
  vars.insert(vars.end(), first.begin(), first.end());
  for (const TensorArray& a : out) vars.push_back(a.flow());
  const size_t n = first.size();
  const Tensors results = WhileLoop(
      [&](const Tensors& v) {
        return options.reverse ? GreaterEqual(v[0], 0) : Less(v[0], e.rows);
      },
      [&](const Tensors& v) {
        const auto mid = v.begin() + 1 + static_cast<ptrdiff_t>(n);
        const Tensors values = fn(Tensors(v.begin() + 1, mid), ReadAll(in, v[0]));
        CheckNumber("Scan", values.size(), n);
        const std::vector<TensorArray> written = WriteAll(out, Tensors(mid, v.end()), v[0], values);
        Tensors next{options.reverse ? Subtract(v[0], 1, "sub") : Add(v[0], 1, "add")};
        next.insert(next.end(), values.begin(), values.end());
        for (const TensorArray& a : written) next.push_back(a.flow());
        return next;
      },
      vars,
      {.parallel_iterations = options.parallel_iterations,
       .back_prop = options.back_prop,
       .swap_memory = options.swap_memory,
       .maximum_iterations = Input(e.rows)});
  Tensors stacked;
  for (size_t i = 0; i < n; ++i) stacked.push_back(out[i].WithFlow(results[1 + n + i]).Stack());
  SetRows(stacked, e.static_rows);
  return stacked;
}

Tensor Scan(const std::function<Tensor(Tensor, Tensor)>& fn, const Input& elems,
            const ScanFnOptions& options) {
  return Scan([&fn](const Tensors& a, const Tensors& x) { return Tensors{fn(a[0], x[0])}; },
              std::vector<Input>{elems}, options)[0];
}

}  // namespace weft
