// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <mutex>
#include <unordered_set>

#include "proto/weft/event.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/io/event_writer.h"
#include "weft/framework/summary.h"
#include "weft/graph/graph_def.h"

namespace weft::summary {

using Clock = std::chrono::steady_clock;

struct FileWriter::Impl {
  std::unique_ptr<io::EventWriter> writer;
  FileWriterOptions options;
  std::mutex mu;
  int waiting = 0;  // events since the last flush
  Clock::time_point flushed = Clock::now();
  std::unordered_set<std::string> seen_tags;  // whose metadata has been written

  void Write(proto::Event event, int64_t step) {
    event.set_step(step);
    ThrowIfError(writer->Write(std::move(event)));
    std::lock_guard lock(mu);
    ++waiting;
    if (waiting >= options.max_queue ||
        Clock::now() - flushed >= std::chrono::seconds(options.flush_secs))
      FlushLocked();
  }
  void FlushLocked() {
    waiting = 0;
    flushed = Clock::now();
    ThrowIfError(writer->Flush());
  }
  // Readers keep the metadata of a tag's first value.
  void DropKnownMetadata(proto::Summary* summary) {
    std::lock_guard lock(mu);
    for (proto::Summary::Value& value : *summary->mutable_value()) {
      if (value.has_metadata() && !seen_tags.insert(value.tag()).second) value.clear_metadata();
    }
  }
};

FileWriter::FileWriter(const std::string& logdir, const FileWriterOptions& options)
    : logdir_(logdir), impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->writer = ValueOrThrow(io::EventWriter::Create(logdir, options.filename_suffix));
}

FileWriter::FileWriter(const std::string& logdir, const Graph& graph,
                       const FileWriterOptions& options)
    : FileWriter(logdir, options) {
  AddGraph(graph);
}

FileWriter::~FileWriter() { (void)impl_->writer->Close(); }

const std::string& FileWriter::path() const { return impl_->writer->path(); }

void FileWriter::AddSummary(const Array& summary, int64_t global_step) {
  if (!summary.valid() || summary.dtype() != kString || summary.num_elements() != 1)
    ThrowError(Code::kInvalidArgument,
               StrCat("AddSummary takes the value of a summary op, a string scalar; got ",
                      summary.valid() ? StrCat(DTypeName(summary.dtype()), " of shape ",
                                               summary.shape().ToString())
                                      : std::string("an empty Array")));
  proto::Event event;
  if (!event.mutable_summary()->ParseFromString(*summary.data<std::string>()))
    ThrowError(Code::kInvalidArgument, "AddSummary: the string is no serialised Summary");
  impl_->DropKnownMetadata(event.mutable_summary());
  impl_->Write(std::move(event), global_step);
}

void FileWriter::AddScalar(const std::string& tag, double value, int64_t global_step) {
  proto::Event event;
  proto::Summary::Value* v = event.mutable_summary()->add_value();
  v->set_tag(tag);
  v->set_simple_value(static_cast<float>(value));
  impl_->Write(std::move(event), global_step);
}

void FileWriter::AddGraph(const Graph& graph, int64_t global_step) {
  proto::Event event;
  event.set_graph_def(graph.AsGraphDef(/*add_shapes=*/true).Serialize());
  impl_->Write(std::move(event), global_step);
}

void FileWriter::AddSessionLog(SessionStatus status, int64_t global_step,
                               const std::string& checkpoint_path) {
  proto::Event event;
  proto::SessionLog* log = event.mutable_session_log();
  log->set_status(static_cast<proto::SessionLog::SessionStatus>(status));
  log->set_checkpoint_path(checkpoint_path);
  impl_->Write(std::move(event), global_step);
}

void FileWriter::Flush() {
  std::lock_guard lock(impl_->mu);
  impl_->FlushLocked();
}

void FileWriter::Close() { ThrowIfError(impl_->writer->Close()); }

}  // namespace weft::summary
