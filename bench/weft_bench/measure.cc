// SPDX-License-Identifier: Apache-2.0
#include "bench/weft_bench/measure.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

namespace weft::bench {
namespace {

double Seconds() {
  if (settings().cpu_clock) {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double Timed(const std::function<void()>& call, int64_t n) {
  const double start = Seconds();
  for (int64_t i = 0; i < n; ++i) call();
  return (Seconds() - start) / static_cast<double>(n);
}

// Busy CPU seconds of the machine and of this process.
struct CpuTimes {
  double machine = 0, own = 0, wall = 0;
  bool valid = false;
};
CpuTimes ReadCpuTimes() {
  CpuTimes t;
  std::ifstream stat("/proc/stat");
  std::string cpu;
  double v[8] = {};
  if (!(stat >> cpu)) return t;
  for (double& x : v) stat >> x;
  const double hz = static_cast<double>(sysconf(_SC_CLK_TCK));
  double all = 0;
  for (double x : v) all += x;
  t.machine = (all - v[3] - v[4]) / hz;
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  auto seconds = [](const timeval& tv) {
    return static_cast<double>(tv.tv_sec) + static_cast<double>(tv.tv_usec) * 1e-6;
  };
  t.own = seconds(own.ru_utime) + seconds(own.ru_stime);
  t.wall = Seconds();
  t.valid = true;
  return t;
}

double foreign_cpu = -1;

void NoteForeign(const CpuTimes& before, const CpuTimes& after) {
  if (!before.valid || !after.valid || after.wall - before.wall <= 0.05) return;
  const double other = (after.machine - before.machine) - (after.own - before.own);
  foreign_cpu = std::max(0.0, other / ((after.wall - before.wall) *
                                       static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN))));
}

std::string Number(double x) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", x);
  return text;
}

double Median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const size_t n = v.size();
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

std::string List(const std::vector<double>& v) {
  std::string s = "[";
  for (size_t i = 0; i < v.size(); ++i) s += (i ? ", " : "") + Number(v[i]);
  return s + "]";
}

}  // namespace

Settings& settings() {
  static Settings s;
  return s;
}

std::vector<double> Measure(const std::function<void()>& call, double min_time) {
  if (min_time < 0) min_time = settings().min_time;
  double t = 0;
  for (int i = 0; i < 3; ++i) {
    t = Timed(call, 1);
    if (t > 0.3) break;
  }
  int64_t n = 1;
  while (t < min_time * 0.5) {
    t = Timed(call, n);
    if (t * static_cast<double>(n) >= min_time * 0.5 || n > (int64_t{1} << 22)) break;
    n = std::max(n * 2, static_cast<int64_t>(min_time * 0.6 / std::max(t, 1e-9)));
  }
  n = std::max<int64_t>(1, std::llround(min_time / std::max(t, 1e-9)));
  const CpuTimes before = ReadCpuTimes();
  std::vector<double> reps;
  for (int r = 0; r < settings().reps; ++r) reps.push_back(Timed(call, n));
  NoteForeign(before, ReadCpuTimes());
  return reps;
}

std::vector<double> Latencies(const std::function<void()>& call) {
  for (int i = 0; i < 3; ++i) call();
  std::vector<double> seconds;
  const double start = Seconds();
  const double wanted = settings().min_time * settings().reps;
  while (seconds.size() < 40 || Seconds() - start < wanted) seconds.push_back(Timed(call, 1));
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

void Emit(const Result& r) {
  std::ostringstream line;
  line << "{\"workload\": \"" << r.workload << "\", \"impl\": \"weft\", \"metric\": \"" << r.metric
       << "\", \"value\": " << Number(Median(r.reps)) << ", \"unit\": \"" << r.unit
       << "\", \"higher_is_better\": " << (r.higher_is_better ? "true" : "false")
       << ", \"reps\": " << List(r.reps) << ", \"threads\": " << settings().threads
       << ", \"best\": "
       << Number(r.higher_is_better ? *std::max_element(r.reps.begin(), r.reps.end())
                                    : *std::min_element(r.reps.begin(), r.reps.end()));
  if (foreign_cpu >= 0) line << ", \"foreign_cpu\": " << Number(foreign_cpu);
  if (!r.check.empty()) line << ", \"check\": " << List(r.check);
  line << "}\n";
  std::fputs(line.str().c_str(), stdout);
  std::fflush(stdout);
  if (!settings().json.empty()) std::ofstream(settings().json, std::ios::app) << line.str();
}

void EmitTime(const std::string& workload, const std::string& metric, const std::string& unit,
              const std::vector<double>& seconds, double scale) {
  Result r{workload, metric, unit, false, {}, {}};
  for (double s : seconds) r.reps.push_back(s * scale);
  Emit(r);
}

void EmitRate(const std::string& workload, const std::string& unit,
              const std::vector<double>& seconds, double per_call,
              const std::vector<double>& check) {
  Result r{workload, "throughput", unit, true, {}, check};
  for (double s : seconds) r.reps.push_back(per_call / s);
  Emit(r);
}

double PeakRssMb() {
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  return static_cast<double>(own.ru_maxrss) / 1024;
}

}  // namespace weft::bench
