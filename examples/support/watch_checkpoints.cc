// SPDX-License-Identifier: Apache-2.0
#include "examples/support/watch_checkpoints.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include "weft/core/error.h"
#include "weft/framework/checkpoint.h"

namespace weft::examples {
namespace {

// False if there is no checkpoint.
bool EvaluateNewest(Session& session, const train::Saver& saver, const std::string& model_dir,
                    const std::function<double()>& accuracy) {
  const auto state = train::GetCheckpointState(model_dir);
  if (!state || state->model_checkpoint_path.empty()) return false;
  const std::string& path = state->model_checkpoint_path;
  saver.Restore(session, path);
  const std::string step = path.substr(path.rfind('-') + 1);
  std::printf("after %s steps the validation accuracy is %.4f\n", step.c_str(), accuracy());
  std::fflush(stdout);
  return true;
}

}  // namespace

int WatchCheckpoints(Session& session, const train::Saver& saver, const WatchOptions& options,
                     const std::function<double()>& accuracy) {
  for (;;) {
    bool found = false;
    try {
      found = EvaluateNewest(session, saver, options.model_dir, accuracy);
    } catch (const NotFoundError&) {
      continue;  // the trainer has deleted it meanwhile: there is a newer one
    }
    if (!found) std::printf("no checkpoint in %s yet\n", options.model_dir.c_str());
    if (options.once) return found ? 0 : 1;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval));
  }
}

}  // namespace weft::examples
