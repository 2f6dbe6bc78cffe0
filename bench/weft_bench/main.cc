// SPDX-License-Identifier: Apache-2.0
// weft_bench --workloads dispatch,mlp_train --reps 5 --min-time 0.5 --json out.jsonl
#include <cstdio>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bench/weft_bench/measure.h"

ABSL_FLAG(std::string, workloads, "all",
          "comma-separated list of: dispatch, mlp_train, cnn_train, gemm, conv, resnet50_infer_b1, "
          "resnet50_infer_b16, inception_v3_infer_b1, mobilenet_v1_infer_b1, resnet50_train, "
          "elementwise, softmax, reduce, transpose, layernorm, embedding, gradients, first_run, "
          "scaling, adam_update, momentum_update, sparse_update, checkpoint, startup_mlp, "
          "mlp_infer_b1, graph_import, lstm_train_sin_static, lstm_train_sin_dynamic, "
          "lstm_train_ptb_static, lstm_train_ptb_dynamic, while_100k");
ABSL_FLAG(int, reps, 5, "repetitions of each measurement");
ABSL_FLAG(double, min_time, 0.5, "seconds a repetition lasts at least");
ABSL_FLAG(std::string, json, "", "file to append result lines to");
ABSL_FLAG(std::string, mnist_dir, "../shared/data/mnist", "folder of MNIST's four files");
ABSL_FLAG(std::string, nets_dir, "../shared/bench/nets", "folder of the networks");
ABSL_FLAG(int, threads, 2, "intra-op threads");
ABSL_FLAG(bool, cpu_clock, false, "processor time: for one thread on a busy machine");
ABSL_FLAG(std::string, tmp, "", "folder for temporary files; the system's if empty");

int main(int argc, char** argv) {
  using namespace weft::bench;
  // The peers' programs write --min-time with a dash.
  std::vector<std::string> texts(argv, argv + argc);
  std::vector<char*> arguments;
  for (std::string& t : texts) {
    if (t.rfind("--min-time", 0) == 0) t.replace(5, 1, "_");
    arguments.push_back(t.data());
  }
  absl::ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
  settings() = {absl::GetFlag(FLAGS_reps),     absl::GetFlag(FLAGS_min_time),
                absl::GetFlag(FLAGS_json),     absl::GetFlag(FLAGS_mnist_dir),
                absl::GetFlag(FLAGS_threads),  absl::GetFlag(FLAGS_tmp),
                absl::GetFlag(FLAGS_nets_dir), absl::GetFlag(FLAGS_cpu_clock)};
  const std::map<std::string, std::function<void()>> workloads = {
      {"checkpoint", RunCheckpoint},
      {"dispatch", RunDispatch},
      {"graph_import", RunGraphImport},
      {"mlp_train", RunMlpTrain},
      {"mlp_infer_b1", RunMlpInfer},
      {"cnn_train", RunCnnTrain},
      {"lstm_train_sin_static", RunLstmTrainSinStatic},
      {"lstm_train_sin_dynamic", RunLstmTrainSinDynamic},
      {"lstm_train_ptb_static", RunLstmTrainPtbStatic},
      {"lstm_train_ptb_dynamic", RunLstmTrainPtbDynamic},
      {"while_100k", RunWhile100k},
      {"gemm", RunGemm},
      {"conv", RunConv},
      {"resnet50_infer_b1", RunResnet50InferB1},
      {"resnet50_infer_b16", RunResnet50InferB16},
      {"inception_v3_infer_b1", RunInceptionV3InferB1},
      {"mobilenet_v1_infer_b1", RunMobilenetV1InferB1},
      {"resnet50_train", RunResnet50Train},
      {"elementwise", RunElementwise},
      {"softmax", RunSoftmax},
      {"reduce", RunReduce},
      {"transpose", RunTranspose},
      {"layernorm", RunLayerNorm},
      {"embedding", RunEmbedding},
      {"gradients", RunBuilding},
      {"first_run", RunFirstRun},
      {"scaling", RunScaling},
      {"adam_update", RunAdamUpdate},
      {"momentum_update", RunMomentumUpdate},
      {"sparse_update", RunSparseUpdate},
      {"startup_mlp", RunStartup}};
  std::string known;
  for (const auto& [name, run] : workloads) known += (known.empty() ? "" : ",") + name;
  std::stringstream list(absl::GetFlag(FLAGS_workloads) == "all" ? known
                                                                 : absl::GetFlag(FLAGS_workloads));
  int failures = 0;
  for (std::string name; std::getline(list, name, ',');) {
    auto it = workloads.find(name);
    if (it == workloads.end()) {
      std::fprintf(stderr, "unknown workload '%s'; known: %s\n", name.c_str(), known.c_str());
      return 2;
    }
    try {
      it->second();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "FAILED %s: %s\n", name.c_str(), e.what());
      ++failures;
    }
  }
  return failures ? 1 : 0;
}
