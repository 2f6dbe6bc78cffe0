// SPDX-License-Identifier: Apache-2.0
// What the ways of unrolling a cell share: checks, and steps of sequences that end early.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "weft/nn/rnn.h"

namespace weft::nn {

// The dtype asked for, or that of all tensors of the state; InvalidArgumentError if they differ.
DataType StateDtype(DataType asked, const RnnState& state);

// The initial state, or zeros; InvalidArgumentError without either state or dtype.
RnnState InitialState(const char* function, const rnn_cell::RNNCell& cell, const RnnState& given,
                      const Input& batch_size, DataType dtype);

// A step of which rows that are over take no part: zeros and the state before stand in.
rnn_cell::CellResult CopyThrough(const Tensor& over, const Tensor& zero_output,
                                 const RnnState& state, const rnn_cell::CellResult& computed);
// The rows of `now` where `over`, else of `next`. Scalars are not chosen between.
Tensor ChooseRows(const Tensor& over, const Tensor& now, const Tensor& next);

// Variables of this scope are read where the network is, unless the scope says where, or the
// network is in a loop, whose iterations may change them.
void ReadVariablesHere(const VarScope& scope, const Graph& graph);

// DynamicRnn and StaticRnn in a scope that is there.
DynamicRnnResult DynamicRnnIn(const VarScope& scope, const rnn_cell::RNNCell& cell,
                              const Tensor& inputs, const DynamicRnnOptions& options);
StaticRnnResult StaticRnnIn(const VarScope& scope, const rnn_cell::RNNCell& cell,
                            const std::vector<Tensor>& inputs, const StaticRnnOptions& options);

}  // namespace weft::nn
