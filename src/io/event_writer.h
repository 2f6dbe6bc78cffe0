// SPDX-License-Identifier: Apache-2.0
// Event files, which TensorBoard reads: records (record.h) of serialised Event messages.
// The first event of a file tells its version, "brain.Event:2".
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/io/record.h"

namespace weft::proto {
class Event;
}

namespace weft::io {

// Thread-safe.
class EventWriter {
 public:
  // Makes the folder, and in it the file "events.out.tfevents.<seconds>.<host><suffix>"; if there
  // is one of this name a number makes it another.
  static absl::StatusOr<std::unique_ptr<EventWriter>> Create(const std::string& folder,
                                                             const std::string& suffix = {});
  const std::string& path() const { return records_->path(); }
  // Sets the event's wall time if it has none. The event is in memory until Flush.
  absl::Status Write(proto::Event event);
  // Other processes see what was written so far.
  absl::Status Flush();
  // Flushes; writing afterwards is FailedPrecondition. Closing twice is harmless.
  absl::Status Close();

 private:
  explicit EventWriter(std::unique_ptr<RecordWriter> records) : records_(std::move(records)) {}
  std::mutex mu_;
  std::unique_ptr<RecordWriter> records_;
};

// Seconds since the Unix epoch, as events have them.
double WallTime();

}  // namespace weft::io
