// SPDX-License-Identifier: Apache-2.0
// weft bench: how long a model takes, and which ops take it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <thread>

#include "tools/weft/command.h"
#include "tools/weft/json.h"
#include "tools/weft/model_options.h"

namespace weft::tool {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchFlags {
  ModelOptions model;
  FeedOptions feeds;
  int runs = 100, warm_up = 5, threads = 1;
  bool json = false, ops = true;
};

double Since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The inputs that are given; zeros, or empty strings, for the others.
std::vector<Array> Inputs(const serving::Predictor& model, const FeedOptions& options) {
  const serving::NamedArrays given = ReadFeeds(options, model);
  std::vector<Array> inputs;
  for (const serving::ValueSpec& spec : model.inputs()) {
    auto it = given.find(spec.name);
    inputs.push_back(it != given.end() ? it->second : MakeUp(spec, MadeUp::kZeros, options.rows));
  }
  return inputs;
}

// Milliseconds of each run, sorted; all threads run at the same time.
std::vector<double> Measure(const serving::Predictor& model, const std::vector<Array>& inputs,
                            const BenchFlags& options) {
  const auto threads = static_cast<size_t>(options.threads);
  std::vector<std::vector<double>> times(threads);
  std::vector<std::thread> workers;
  for (size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int run = 0; run < options.runs; ++run) {
        const Clock::time_point start = Clock::now();
        model.Run(inputs);
        times[t].push_back(Since(start));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  std::vector<double> all;
  for (const auto& one : times) all.insert(all.end(), one.begin(), one.end());
  std::sort(all.begin(), all.end());
  return all;
}

// Nearest rank: the smallest value that at least this part of all values doesn't exceed.
double Percentile(const std::vector<double>& sorted, double part) {
  const auto rank = static_cast<size_t>(part * static_cast<double>(sorted.size()) + 0.999999);
  return sorted[std::min(std::max<size_t>(rank, 1), sorted.size()) - 1];
}

struct OpTime {
  std::string op;
  int nodes = 0;
  int64_t microseconds = 0;
};

// From one traced run, the op that took longest first.
std::vector<OpTime> OpTimes(const serving::Predictor& model, const std::vector<Array>& inputs) {
  std::vector<Fetch> fetches;
  for (const serving::ValueSpec& spec : model.outputs()) fetches.emplace_back(spec.tensor);
  Feeds feeds;
  for (size_t i = 0; i < inputs.size(); ++i) {
    feeds.emplace_back(model.inputs()[i].tensor, inputs[i]);
  }
  RunMetadata metadata;
  for (int run = 0; run < 2; ++run) {  // the first one compiles
    metadata = RunMetadata();
    model.session().Run(fetches, feeds, {.trace_level = TraceLevel::kFull}, &metadata);
  }
  std::map<std::string, OpTime> by_op;
  for (const NodeStats& node : metadata.step_stats) {
    OpTime& time = by_op[node.op_type];
    time.op = node.op_type;
    ++time.nodes;
    time.microseconds += node.duration_us;
  }
  std::vector<OpTime> times;
  for (auto& [op, time] : by_op) times.push_back(std::move(time));
  std::stable_sort(times.begin(), times.end(), [](const OpTime& a, const OpTime& b) {
    return a.microseconds > b.microseconds;
  });
  return times;
}

constexpr std::pair<const char*, double> kPercentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};

void Print(double load_ms, double first_ms, double rate, const std::vector<double>& times,
           const std::vector<OpTime>& ops) {
  std::printf("load %.3f ms, first run %.3f ms\n%zu runs, %.1f a second\n", load_ms, first_ms,
              times.size(), rate);
  std::printf("min %.3f ms", times.front());
  for (const auto& [name, part] : kPercentiles) {
    std::printf("  %s %.3f ms", name, Percentile(times, part));
  }
  std::printf("\n");
  if (ops.empty()) return;
  int64_t total = 0;
  for (const OpTime& time : ops) total += time.microseconds;
  std::printf("\n%-36s %6s %10s %7s\n", "op", "nodes", "us", "share");
  for (const OpTime& time : ops) {
    std::printf("%-36s %6d %10lld %6.1f%%\n", time.op.c_str(), time.nodes,
                static_cast<long long>(time.microseconds),
                total == 0
                    ? 0.0
                    : 100.0 * static_cast<double>(time.microseconds) / static_cast<double>(total));
  }
}

void WriteJson(double load_ms, double first_ms, double rate, const std::vector<double>& times,
               const std::vector<OpTime>& ops) {
  Json json = {{"load_ms", load_ms},
               {"first_run_ms", first_ms},
               {"runs", times.size()},
               {"runs_per_second", rate},
               {"min_ms", times.front()}};
  for (const auto& [name, part] : kPercentiles)
    json[std::string(name) + "_ms"] = Percentile(times, part);
  json["ops"] = Json::array();
  for (const OpTime& time : ops)
    json["ops"].push_back({{"op", time.op}, {"nodes", time.nodes}, {"us", time.microseconds}});
  PrintJson(json);
}

void Bench(const BenchFlags& options) {
  Clock::time_point start = Clock::now();
  const serving::Predictor model = LoadModel(options.model);
  const double load_ms = Since(start);
  const std::vector<Array> inputs = Inputs(model, options.feeds);
  start = Clock::now();
  model.Run(inputs);
  const double first_ms = Since(start);
  for (int run = 0; run < options.warm_up; ++run) model.Run(inputs);
  start = Clock::now();
  const std::vector<double> times = Measure(model, inputs, options);
  const double rate = 1000.0 * static_cast<double>(times.size()) / Since(start);
  std::vector<OpTime> ops;
  if (options.ops) ops = OpTimes(model, inputs);
  (options.json ? WriteJson : Print)(load_ms, first_ms, rate, times, ops);
}

}  // namespace

void AddBench(CLI::App& weft) {
  auto options = std::make_shared<BenchFlags>();
  CLI::App* command =
      weft.add_subcommand("bench", "Measures a model: latencies, and the time that each op takes");
  AddModelOptions(*command, &options->model);
  AddFeedOptions(*command, &options->feeds);
  command->add_option("--runs", options->runs, "runs of each thread")
      ->check(CLI::Range(1, 100000000))
      ->capture_default_str();
  command->add_option("--warm-up", options->warm_up, "runs before, not counted")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--threads", options->threads, "threads that run the model at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("!--no-ops", options->ops, "leave out the table of ops");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options] { Bench(*options); });
}

}  // namespace weft::tool
