// SPDX-License-Identifier: Apache-2.0
// Numeric check of gradients (tf.test.compute_gradient).
//
// Compares the derivatives that the graph's gradient rules give with central differences,
// (y(x + h) - y(x - h)) / 2h, for every element of every y by every element of every x. Meant for
// tests of ops, layers and custom gradients: the cost is a run of the graph for each element.
//
//   auto x = wf::Placeholder(wf::kFloat64, {2, 3});
//   wf::test::GradientError e = wf::test::ComputeGradientError({MyLayer(x)}, {x});
//   assert(e.relative < 1e-6);   // or print e.ToString(): the worst entry, with both values
//
// Use float64: in float32 a difference quotient has 3 good digits at best. A y that is drawn anew
// in each run (dropout) can't be checked.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "weft/core/array.h"
#include "weft/graph/tensor.h"
#include "weft/runtime/session.h"

namespace weft::test {

// The derivatives of all elements of one y by all elements of one x: two float64 matrices
// [elements of x, elements of y], row-major. A complex element counts as two, the real and the
// imaginary part: rows and columns are then twice as many.
struct Jacobian {
  int x = 0;  // which of the xs
  int y = 0;
  Array x_value, y_value;  // at the point of the check
  Array analytic;          // by the gradient rules; zeros where they say that there is no gradient
  Array numeric;           // by differences
};

// One entry of a Jacobian.
struct JacobianEntry {
  int x = 0, y = 0;
  int64_t x_element = 0, y_element = 0;  // row-major numbers in x and y
  bool x_imaginary = false, y_imaginary = false;
  double analytic = 0, numeric = 0;
};

struct GradientCheckOptions {
  // The point of the check: a value for each x. Missing or invalid ones are drawn uniformly from
  // [low, high), all elements of all xs apart from each other, so that maxima and sorting have no
  // ties nearby. The shape of a drawn x must be known statically.
  std::vector<Array> x_values = {};
  double low = -1;
  double high = 1;
  uint64_t seed = 1;
  // h, for elements of magnitude <= 1; larger ones take h * |x|. 0: the cube root of the dtype's
  // precision, which balances the error of the formula (h^2) and that of rounding (1 / h).
  double step = 0;
  // Values of x at which y has no derivative. Drawn elements keep kink_distance away from them;
  // entries of given elements that don't are left out.
  std::vector<double> kinks = {};
  double kink_distance = 0.01;
  // True leaves an entry out of the comparison.
  std::function<bool(const JacobianEntry&)> skip = {};
  // Run once before the check, in this order: initialisers.
  std::vector<Operation> init = {};
  // Further values for all runs.
  Feeds feeds = {};
  // A session of the xs' graph to run in; nullptr: one of its own.
  Session* session = nullptr;
};

struct GradientError {
  // The largest |analytic - numeric|.
  double absolute = 0;
  // The largest of these differences relative to the largest derivative in the same Jacobian. A
  // Jacobian of (nearly) zeros is measured against 1e-3 of the largest |y|, the level that the
  // noise of differences stays well below. Infinite if a derivative is no number.
  double relative = 0;
  // Where `relative` was found; x == -1 if no entry was compared or all are equal.
  JacobianEntry worst{.x = -1};
  std::string x_index, y_index;  // its elements: "[1,2]"
  int64_t entries = 0;           // compared
  // "dy[0][1,2]/dx[1][0]: analytic 0.5, numeric 0.25 (relative error 0.5, 12 entries)".
  std::string ToString() const;
};

// The Jacobians of all ys by all xs, in the order (y 0, x 0), (y 0, x 1), ... ys are floating or
// complex. An x is any tensor of such a dtype (it is fed), a reference to a variable or the handle
// of a resource variable (it is assigned, and has its old value again at the end). Adds nodes to
// the graph. Throws InvalidArgumentError if a value is missing or of the wrong dtype or shape, and
// what building the gradients and running the graph throw.
std::vector<Jacobian> ComputeGradient(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                                      const GradientCheckOptions& options = {});

// How far the two sides of Jacobians are apart. Uses the kinks and `skip` of the options.
GradientError CompareJacobians(const std::vector<Jacobian>& jacobians,
                               const GradientCheckOptions& options = {});

// Both: CompareJacobians(ComputeGradient(ys, xs, options), options).
GradientError ComputeGradientError(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                                   const GradientCheckOptions& options = {});

}  // namespace weft::test
