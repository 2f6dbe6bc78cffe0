// SPDX-License-Identifier: Apache-2.0
// Summaries: what a run tells TensorBoard (tf.summary of TensorFlow 1).
//
//   wf::summary::Scalar("loss", loss);
//   wf::summary::Histogram("weights", w);
//   auto merged = wf::summary::MergeAll();
//   wf::summary::FileWriter writer("/tmp/run1", wf::Graph::Default());
//   for (int step = 0; step < 1000; ++step) {
//     auto [s, unused] = session.Run(std::tuple(merged, train_op), feeds);
//     writer.AddSummary(s, step);
//   }
//
// The functions add nodes whose value is a string scalar: a serialised Summary message. A name is
// made unique in the name scope and is the tag too: "layer1/loss"; with a family the tag is
// "family/layer1/family/loss", so that the series of a family stand together. Characters that a
// name must not have become '_'. The tensor made is added to `collections`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/array.h"
#include "weft/graph/graph.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft::summary {

struct SummaryOptions {
  // {GraphKeys::kSummaries} if unset.
  std::optional<std::vector<std::string>> collections = {};
  std::string family = {};
};

// One number, as float32: a scalar of any real dtype.
Tensor Scalar(const std::string& name, const Input& tensor, const SummaryOptions& options = {});
// The distribution of all elements, in buckets whose limits grow by 10 %. NaN and Inf fail the run
// with InvalidArgumentError.
Tensor Histogram(const std::string& name, const Input& values, const SummaryOptions& options = {});
// Any tensor, for a plugin of TensorBoard: `metadata` is a serialised SummaryMetadata.
struct TensorSummaryOptions {
  std::string metadata = {};
  std::optional<std::vector<std::string>> collections = {};
  std::string family = {};
};
Tensor TensorSummary(const std::string& name, const Input& tensor,
                     const TensorSummaryOptions& options = {});
// Strings, shown as Markdown; a vector as a list, a matrix as a table.
Tensor Text(const std::string& name, const Input& text, const SummaryOptions& options = {});

// All values of the inputs in one summary. Their tags must differ (InvalidArgumentError of the
// run).
struct MergeOptions {
  std::vector<std::string> collections = {};
  std::string name = {};
};
Tensor Merge(const std::vector<Tensor>& summaries, const MergeOptions& options = {});
// Of the default graph's collection `key`, or that part of it whose names begin with `scope`. An
// invalid Tensor if there is none.
Tensor MergeAll(std::string_view key = GraphKeys::kSummaries, std::string_view scope = {},
                const NameOptions& name = {});

struct FileWriterOptions {
  // Events are seen by readers when there are so many of them, or when so many seconds have passed
  // since the last time and another one comes, or after Flush().
  int max_queue = 10;
  int flush_secs = 120;
  std::string filename_suffix = {};
};

// Writes an event file into a folder, which it makes: "events.out.tfevents.<seconds>.<host>".
// Thread-safe. Functions throw the Error of what the file system says.
class FileWriter {
 public:
  explicit FileWriter(const std::string& logdir, const FileWriterOptions& options = {});
  // The graph is written first.
  FileWriter(const std::string& logdir, const Graph& graph, const FileWriterOptions& options = {});
  // Closes; an error is not reported.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  const std::string& logdir() const { return logdir_; }
  const std::string& path() const;
  // The value of a summary op. InvalidArgumentError if it is no string scalar or no Summary.
  void AddSummary(const Array& summary, int64_t global_step = 0);
  // One number without a graph.
  void AddScalar(const std::string& tag, double value, int64_t global_step = 0);
  void AddGraph(const Graph& graph, int64_t global_step = 0);
  enum class SessionStatus { kStart = 1, kStop = 2, kCheckpoint = 3 };
  // Readers drop what an earlier run wrote of later steps when a session starts at one.
  void AddSessionLog(SessionStatus status, int64_t global_step = 0,
                     const std::string& checkpoint_path = {});

  void Flush();
  // Flushes. Adding afterwards is a FailedPreconditionError; closing again is harmless.
  void Close();

 private:
  struct Impl;
  std::string logdir_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::summary
