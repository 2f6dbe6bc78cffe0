// SPDX-License-Identifier: Apache-2.0
// Session: runs parts of a Graph.
//
//   wf::Session session;                                    // on the default graph
//   session.Run(train_op, {{x, images}, {labels, classes}});
//   wf::Array l = session.Run(loss, {{x, images}, {labels, classes}});
//   auto [l2, acc] = session.Run(std::tuple(loss, accuracy), feeds);
//
// What a run needs is found once: a Plan is compiled for each combination of feeds, fetches and
// targets and kept. A graph may grow after the first run. Many threads may Run one Session at once.
// Errors are thrown as wf::Error subclasses that name the node; TryRun (weft/runtime/try.h) returns
// a status instead.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "weft/core/array.h"
#include "weft/graph/graph.h"
#include "weft/graph/tensor.h"

namespace weft {

struct GPUOptions {
  double per_process_gpu_memory_fraction = 0;  // 0: all that is free
  bool allow_growth = false;
  std::string visible_device_list = {};
};

// How much a Plan may change the graph. kL0: every node that is needed runs as it is.
enum class OptLevel { kL1 = 0, kL0 = -1 };

// tf.ConfigProto.
struct ConfigProto {
  // Number of devices of a type: {{"CPU", 2}}; {"TEST", n} makes devices for tests (see
  // runtime/kernel.h).
  std::map<std::string, int> device_count = {};
  int intra_op_parallelism_threads = 0;  // 0: one a core
  int inter_op_parallelism_threads = 0;
  // Ops without a kernel on the device asked for, or for which there is no such device, run
  // elsewhere.
  bool allow_soft_placement = false;
  // Logs the device of each node to stderr when it is placed.
  bool log_device_placement = false;
  int64_t operation_timeout_in_ms = 0;  // default of RunOptions::timeout_in_ms
  OptLevel opt_level = OptLevel::kL1;
  // Loops that are known to run at most 128 times when a plan is made (a recurrent net over
  // sequences of a static length), and have no effects of their own, become copies of their bodies.
  // It takes more time to plan a run, and less to run.
  bool unroll_loops = true;
  GPUOptions gpu_options = {};
};

enum class TraceLevel { kNone = 0, kSoftware = 1, kHardware = 2, kFull = 3 };

struct RunOptions {
  int64_t timeout_in_ms = 0;  // 0: none. DeadlineExceededError when it passes
  TraceLevel trace_level = TraceLevel::kNone;
};

// What one node did in a traced run. Times are microseconds since the epoch / relative to it.
struct NodeStats {
  std::string node_name, op_type, device;
  int64_t start_us = 0, duration_us = 0;
  int64_t output_bytes = 0;
};
struct RunMetadata {
  std::vector<NodeStats> step_stats;
};

// Something to fetch: a Tensor, an Operation (gives no value), a Variable, or a name ("add:0",
// "init").
class Fetch {
 public:
  Fetch(Tensor t) : value_(t) {}                          // NOLINT: conversions are the point
  Fetch(Operation o) : value_(o) {}                       // NOLINT
  Fetch(const char* name) : value_(std::string(name)) {}  // NOLINT
  Fetch(std::string name) : value_(std::move(name)) {}    // NOLINT
  template <typename V>
  requires requires(const V& v) {
    { v.GraphElement() } -> std::convertible_to<Tensor>;
  }
  Fetch(const V& v) : value_(v.GraphElement()) {}  // NOLINT
  const std::variant<Tensor, Operation, std::string>& value() const { return value_; }

 private:
  std::variant<Tensor, Operation, std::string> value_;
};

// A tensor and the value that stands for it in a run. Any tensor may be fed, not only placeholders.
class Feed {
 public:
  Feed(Tensor t, Array value) : tensor(t), value(std::move(value)) {}
  Feed(const char* name, Array value) : name(name), value(std::move(value)) {}
  Feed(std::string name, Array value) : name(std::move(name)), value(std::move(value)) {}
  template <typename V>
  requires requires(const V& v) {
    { v.GraphElement() } -> std::convertible_to<Tensor>;
  }
  Feed(const V& v, Array value) : tensor(v.GraphElement()), value(std::move(value)) {}
  Tensor tensor;
  std::string name;  // used if tensor is invalid
  Array value;
};
using Feeds = std::vector<Feed>;

class SessionImpl;

// A run with its feeds, fetches and targets resolved once: the cheapest way to run the same thing
// often. Thread-safe. Valid while its Session is open.
class Callable {
 public:
  Callable() = default;
  // Values in the order of the feeds; results in the order of the fetches.
  std::vector<Array> operator()(const std::vector<Array>& feeds = {}) const;
  // The same without a vector for one feed and one fetch.
  Array Call(const Array& feed) const;

 private:
  friend class Session;
  friend struct TryAccess;
  struct State;
  std::shared_ptr<State> state_;
};

class Session {
 public:
  explicit Session(const Graph& graph = Graph::Default(), const ConfigProto& config = {});
  explicit Session(const ConfigProto& config) : Session(Graph::Default(), config) {}
  // Closes.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Graph& graph() const { return graph_; }

  // One fetch: its value (an invalid Array for an Operation).
  Array Run(const Fetch& fetch, const Feeds& feeds = {}, const RunOptions& options = {},
            RunMetadata* metadata = nullptr);
  // Several: values in the same order.
  std::vector<Array> Run(const std::vector<Fetch>& fetches, const Feeds& feeds = {},
                         const RunOptions& options = {}, RunMetadata* metadata = nullptr);
  std::vector<Array> Run(std::initializer_list<Fetch> fetches, const Feeds& feeds = {},
                         const RunOptions& options = {}, RunMetadata* metadata = nullptr) {
    return Run(std::vector<Fetch>(fetches), feeds, options, metadata);
  }
  std::vector<Array> Run(const std::vector<Tensor>& fetches, const Feeds& feeds = {},
                         const RunOptions& options = {}, RunMetadata* metadata = nullptr) {
    return Run(std::vector<Fetch>(fetches.begin(), fetches.end()), feeds, options, metadata);
  }
  // Structures of fetches give the same structure of values.
  std::map<std::string, Array> Run(const std::map<std::string, Fetch>& fetches,
                                   const Feeds& feeds = {}, const RunOptions& options = {},
                                   RunMetadata* metadata = nullptr);
  template <typename... F>
  std::array<Array, sizeof...(F)> Run(const std::tuple<F...>& fetches, const Feeds& feeds = {},
                                      const RunOptions& options = {},
                                      RunMetadata* metadata = nullptr) {
    std::vector<Array> values =
        Run(std::apply([](const auto&... f) { return std::vector<Fetch>{Fetch(f)...}; }, fetches),
            feeds, options, metadata);
    std::array<Array, sizeof...(F)> result;
    std::move(values.begin(), values.end(), result.begin());
    return result;
  }

  Callable MakeCallable(const std::vector<Fetch>& fetches, const std::vector<Tensor>& feeds = {},
                        const std::vector<Operation>& targets = {});

  // Runs after this fail with CancelledError; runs in progress are cancelled. Resources are given
  // up. Closing twice is harmless.
  void Close();
  bool closed() const;
  // Names: "/job:localhost/replica:0/task:0/device:CPU:0".
  std::vector<std::string> ListDevices() const;
  // Forgets the resources (variables, queues, ...) of these containers; of all if none is named.
  void ResetContainers(const std::vector<std::string>& containers = {});

  // The innermost SessionScope's (or InteractiveSession's) Session of this thread; nullptr if there
  // is none.
  static Session* Default();

  SessionImpl& impl() const { return *impl_; }

 private:
  Graph graph_;
  std::shared_ptr<SessionImpl> impl_;
};

// Makes a session the default of this thread: Tensor::Eval and Operation::Run use it. Also opens
// the session's graph as the default graph.
class SessionScope {
 public:
  explicit SessionScope(Session& session);
  ~SessionScope();
  SessionScope(const SessionScope&) = delete;
  SessionScope& operator=(const SessionScope&) = delete;

 private:
  GraphScope graph_scope_;
};

// A Session that is the default from its construction on.
class InteractiveSession : public Session {
 public:
  explicit InteractiveSession(const Graph& graph = Graph::Default(), const ConfigProto& config = {})
      : Session(graph, config), scope_(*this) {}

 private:
  SessionScope scope_;
};

}  // namespace weft
