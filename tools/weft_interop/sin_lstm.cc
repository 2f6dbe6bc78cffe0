// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <utility>

#include "examples/lstm/sine.h"
#include "tools/weft_interop/mnist_check.h"
#include "weft/weft.h"

namespace weft::interop {
namespace {

// The bounds that the reference's text gives on the error after so many steps; the last one is a
// quarter lower, for all of its runs are.
double GreatestRmse(int64_t steps) {
  if (steps >= 11000) return 0.009;
  return steps >= 5000 ? 0.025 : 0.05;
}

}  // namespace

void CheckSineRun(const Json& run, int64_t max_steps) {
  const Graph graph;
  const GraphScope scope(graph);
  Graph::Default().set_seed(run.at("graph_seed").get<int64_t>());
  const examples::SineModel model = examples::BuildSineModel();
  const examples::SineData training = examples::SineTrainingData();
  const examples::SineData test = examples::SineTestData();
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  const Json& losses = run.at("first_losses");
  const Callable step = session.MakeCallable({model.loss}, {model.x, model.y}, {model.train});
  int64_t done = 0;
  const auto train_until = [&](int64_t end) {
    for (; done < end; ++done) {
      const examples::SineData batch = examples::TrainingBatch(training, done, 32);
      const float loss = step({batch.x, batch.y})[0].scalar<float>();
      if (done >= static_cast<int64_t>(losses.size())) continue;
      const double want = losses[static_cast<size_t>(done)].get<double>();
      CheckNear(StrCat("the loss of step ", done), loss, want, 1e-4 * want);
    }
  };
  for (const Json& at : run.at("at_step")) {
    const auto steps = at.at("step").get<int64_t>();
    if (steps > max_steps) break;
    train_until(steps);
    const double rmse = examples::Evaluate(session, model, test).rmse;
    const double want = at.at("test_rmse").get<double>();
    if (steps == 0) {
      CheckNear("test_rmse before the training", rmse, want, 1e-4 * want);
    } else if (!(rmse <= GreatestRmse(steps))) {
      throw golden::Mismatch(StrCat("test_rmse after ", steps, " steps is ", rmse, ", expected ",
                                    want, " and at most ", GreatestRmse(steps)));
    }
  }
  train_until(std::min(max_steps, static_cast<int64_t>(losses.size())));
}

}  // namespace weft::interop
