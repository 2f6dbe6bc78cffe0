// SPDX-License-Identifier: Apache-2.0
// Order among ops without data between them: group, tuple, with_dependencies.
#pragma once

#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

// An op that is done when all `ops` are. Ops of one device are gathered there first, as tf.group
// does.
Operation Group(const std::vector<Operation>& ops, const NameOptions& name = {});

// The same tensors, each available only when all of them have been computed. Invalid ones stay
// invalid.
std::vector<Tensor> Tuple(const std::vector<Tensor>& tensors, const NameOptions& name = {},
                          const std::vector<Operation>& control_inputs = {});

// `t`, available only when all `ops` are done.
Tensor WithDependencies(const std::vector<Operation>& ops, const Tensor& t,
                        const NameOptions& name = {});

}  // namespace weft
