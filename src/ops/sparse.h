// SPDX-License-Identifier: Apache-2.0
// The parts of the sparse family.
#pragma once

#include <cstdint>

#include "weft/graph/op_def.h"

namespace weft {

void RegisterSparseMathOps(OpRegistry& ops);   // sums, products, reductions
void RegisterSparsePartsOps(OpRegistry& ops);  // slices, splits, concatenations, serialised tensors
void RegisterSetOps(OpRegistry& ops);          // sets of the values of rows
void RegisterSparseCountOps(OpRegistry& ops);  // counts of integers, sparse and ragged
void RegisterRaggedOps(OpRegistry& ops);       // rows of any length
void RegisterRaggedVariantOps(OpRegistry& ops);
void RegisterSparseTensorsMapOps(OpRegistry& ops);  // sparse tensors kept between runs
void RegisterSparseMatrixOps(OpRegistry& ops);      // compressed rows, as variants

// Indices [n, rank], values [n] (none if `values` is negative), shape [rank] fit each other. Sets n
// and rank as far as known.
absl::Status CheckSparseShapes(ShapeContext& c, int indices, int values, int shape, int64_t* n,
                               int64_t* rank);

}  // namespace weft
