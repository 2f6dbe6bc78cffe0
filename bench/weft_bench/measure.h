// SPDX-License-Identifier: Apache-2.0
// The timing protocol and the result lines that all programs of the benchmark share.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace weft::bench {

struct Settings {
  int reps = 5;
  double min_time = 0.5;  // seconds a repetition
  std::string json;       // file that result lines are appended to; may be empty
  std::string mnist_dir;  // folder of MNIST's four files
  int threads = 2;
  std::string tmp_dir;   // for temporary files; the system's if empty
  std::string nets_dir;  // folder of the networks' descriptions
  // Processor time instead of wall time: for one thread on a busy machine.
  bool cpu_clock = false;
};
Settings& settings();

// Seconds per call, one mean for each repetition: three calls to warm up (one if it takes over 0.3
// s), then repetitions of as many calls as last `min_time` (settings().min_time if negative).
std::vector<double> Measure(const std::function<void()>& call, double min_time = -1);

// Seconds of each of at least 40 calls, in ascending order, after the warm-up.
std::vector<double> Latencies(const std::function<void()>& call);

struct Result {
  std::string workload, metric, unit;
  bool higher_is_better = false;
  std::vector<double> reps;
  std::vector<double> check;
};
// Prints a result as one line of JSON; its value is the median.
void Emit(const Result& result);

// `scale` turns seconds into the unit.
void EmitTime(const std::string& workload, const std::string& metric, const std::string& unit,
              const std::vector<double>& seconds, double scale);
void EmitRate(const std::string& workload, const std::string& unit,
              const std::vector<double>& seconds, double per_call,
              const std::vector<double>& check = {});
// Peak resident set of this process, in MB (2^20 bytes).
double PeakRssMb();

// Workloads, by group.
void RunCheckpoint();
void RunDispatch();
void RunMlpTrain();
void RunCnnTrain();
void RunLstmTrainSinStatic();
void RunLstmTrainSinDynamic();
void RunLstmTrainPtbStatic();
void RunLstmTrainPtbDynamic();
void RunWhile100k();
void RunGemm();
void RunConv();
void RunResnet50InferB1();
void RunResnet50InferB16();
void RunInceptionV3InferB1();
void RunMobilenetV1InferB1();
void RunResnet50Train();
void RunFirstRun();
void RunElementwise();
void RunSoftmax();
void RunReduce();
void RunTranspose();
void RunLayerNorm();
void RunEmbedding();
void RunBuilding();
void RunScaling();
void RunAdamUpdate();
void RunMomentumUpdate();
void RunSparseUpdate();
void RunStartup();
void RunMlpInfer();
void RunGraphImport();

}  // namespace weft::bench
