// SPDX-License-Identifier: Apache-2.0
// Evaluation of a model while another process trains it.
#pragma once

#include <functional>
#include <string>

#include "weft/framework/saver.h"
#include "weft/runtime/session.h"

namespace weft::examples {

struct WatchOptions {
  std::string model_dir;  // of the checkpoints
  double interval = 10;   // seconds between evaluations
  bool once = false;      // evaluates once and returns
};

// Restores the newest checkpoint and prints the `accuracy` that the session then has, again and
// again; a checkpoint that the trainer deletes meanwhile is passed over. With `once`, returns the
// program's exit code: 1 if there is no checkpoint.
int WatchCheckpoints(Session& session, const train::Saver& saver, const WatchOptions& options,
                     const std::function<double()>& accuracy);

}  // namespace weft::examples
