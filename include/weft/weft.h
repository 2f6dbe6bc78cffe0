// SPDX-License-Identifier: Apache-2.0
// What most programs need of Weft's public API. Headers of their own have:
//   layers, losses, metrics, embeddings, recurrent networks   weft/nn/*.h
//   texts, sparse tensors, sets, signals, lookup tables, parsing, TensorArrays, functions,
//   CTC, sampled losses                                        weft/ops/*.h
//   one function for each op                                   weft/raw.h
//   variables in parts, templates, SavedModels, graph_util     weft/framework/*.h
//   serving                                                    weft/serving/*.h
//   status-returning twins                                     weft/runtime/try.h
//   functions of graphs              weft/graph/function.h
//   kernels and ops of users         weft/runtime/kernel.h, weft/graph/op_def.h
#pragma once

#include "weft/core/array.h"
#include "weft/core/error.h"
#include "weft/framework/initializers.h"
#include "weft/framework/regularizers.h"
#include "weft/framework/saver.h"
#include "weft/framework/train/optimizer.h"
#include "weft/framework/train/training_util.h"
#include "weft/framework/variable.h"
#include "weft/framework/variable_scope.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/graph.h"
#include "weft/graph/input.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/array_layout.h"
#include "weft/ops/array_misc.h"
#include "weft/ops/basic.h"
#include "weft/ops/bitwise.h"
#include "weft/ops/candidate_sampling.h"
#include "weft/ops/control.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/convolution.h"
#include "weft/ops/linalg.h"
#include "weft/ops/logging.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_special.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"
#include "weft/ops/quantize.h"
#include "weft/ops/random.h"
#include "weft/ops/reduction.h"
#include "weft/runtime/session.h"
