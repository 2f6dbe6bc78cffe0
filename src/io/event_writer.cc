// SPDX-License-Identifier: Apache-2.0
#include "src/io/event_writer.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>

#include "proto/weft/event.pb.h"
#include "src/core/strings.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

std::string HostName() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  std::string host(name);
  for (char& c : host) {
    if (c == '/') c = '_';
  }
  return host;
}

}  // namespace

double WallTime() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

absl::StatusOr<std::unique_ptr<EventWriter>> EventWriter::Create(const std::string& folder,
                                                                 const std::string& suffix) {
  WEFT_RETURN_IF_ERROR(CreateFolders(folder));
  constexpr int kMaxTries = 1000;
  absl::StatusOr<std::unique_ptr<WritableFile>> file;
  for (int i = 0; i < kMaxTries; ++i) {
    char seconds[24];
    std::snprintf(seconds, sizeof seconds, "%010lld", static_cast<long long>(WallTime()));
    const std::string number = i == 0 ? "" : StrCat(".", i);
    file = WritableFile::CreateNew(
        JoinPath(folder, StrCat("events.out.tfevents.", seconds, ".", HostName(), number, suffix)));
    if (!absl::IsAlreadyExists(file.status())) break;
  }
  if (!file.ok()) return file.status();
  WEFT_ASSIGN_OR_RETURN(std::unique_ptr<RecordWriter> records,
                        RecordWriter::Over(*std::move(file)));
  std::unique_ptr<EventWriter> writer(new EventWriter(std::move(records)));
  proto::Event first;
  first.set_file_version("brain.Event:2");
  WEFT_RETURN_IF_ERROR(writer->Write(std::move(first)));
  WEFT_RETURN_IF_ERROR(writer->Flush());
  return writer;
}

absl::Status EventWriter::Write(proto::Event event) {
  if (event.wall_time() == 0) event.set_wall_time(WallTime());
  std::string data;
  if (!event.SerializeToString(&data))
    return absl::InvalidArgumentError(StrCat(path(), ": the event of step ", event.step(),
                                             " is too large for a message (2 GiB)"));
  std::lock_guard lock(mu_);
  return records_->Write(data);
}

absl::Status EventWriter::Flush() {
  std::lock_guard lock(mu_);
  return records_->Flush();
}

absl::Status EventWriter::Close() {
  std::lock_guard lock(mu_);
  return records_->Close();
}

}  // namespace weft::io
