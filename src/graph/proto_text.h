// SPDX-License-Identifier: Apache-2.0
// The wire formats as text and as JSON. A message packed into an Any under TensorFlow's name (the
// assets of meta graphs) is written, and read, as its fields.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
}

namespace weft {

std::string ProtoToText(const google::protobuf::Message& message);
absl::StatusOr<std::string> ProtoToJson(const google::protobuf::Message& message);

// InvalidArgument: where the text goes wrong and how. Deeper nesting than 100 levels is refused.
absl::Status ParseProtoText(std::string_view text, google::protobuf::Message* message);
absl::Status ParseProtoJson(std::string_view text, google::protobuf::Message* message);

}  // namespace weft
