// SPDX-License-Identifier: Apache-2.0
#include "weft/core/error.h"

#include "src/core/status.h"

namespace weft {

const char* CodeName(Code code) {
  static constexpr const char* kNames[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  const int i = static_cast<int>(code);
  return i >= 0 && i <= 16 ? kNames[i] : "UNKNOWN";
}

void ThrowError(Code code, const std::string& message, const std::string& op_name,
                const std::string& op_type) {
  switch (code) {
    case Code::kCancelled:
      throw CancelledError(message, op_name, op_type);
    case Code::kInvalidArgument:
      throw InvalidArgumentError(message, op_name, op_type);
    case Code::kDeadlineExceeded:
      throw DeadlineExceededError(message, op_name, op_type);
    case Code::kNotFound:
      throw NotFoundError(message, op_name, op_type);
    case Code::kAlreadyExists:
      throw AlreadyExistsError(message, op_name, op_type);
    case Code::kPermissionDenied:
      throw PermissionDeniedError(message, op_name, op_type);
    case Code::kResourceExhausted:
      throw ResourceExhaustedError(message, op_name, op_type);
    case Code::kFailedPrecondition:
      throw FailedPreconditionError(message, op_name, op_type);
    case Code::kAborted:
      throw AbortedError(message, op_name, op_type);
    case Code::kOutOfRange:
      throw OutOfRangeError(message, op_name, op_type);
    case Code::kUnimplemented:
      throw UnimplementedError(message, op_name, op_type);
    case Code::kInternal:
      throw InternalError(message, op_name, op_type);
    case Code::kUnavailable:
      throw UnavailableError(message, op_name, op_type);
    case Code::kDataLoss:
      throw DataLossError(message, op_name, op_type);
    case Code::kUnauthenticated:
      throw UnauthenticatedError(message, op_name, op_type);
    case Code::kOk:
    case Code::kUnknown:
      break;
  }
  throw UnknownError(message, op_name, op_type);
}

namespace {
constexpr const char* kNodeUrl = "weft/node";
}

absl::Status WithNode(absl::Status status, std::string_view name, std::string_view type) {
  if (status.ok() || status.GetPayload(kNodeUrl)) return status;
  std::string text(name);
  text += '\n';
  text += type;
  status.SetPayload(kNodeUrl, absl::Cord(text));
  return status;
}

void ThrowStatus(const absl::Status& status) {
  std::string name, type;
  if (auto payload = status.GetPayload(kNodeUrl)) {
    const std::string text(*payload);
    const size_t newline = text.find('\n');
    name = text.substr(0, newline);
    type = text.substr(newline + 1);
  }
  ThrowError(static_cast<Code>(status.raw_code()), std::string(status.message()), name, type);
}

absl::Status ToStatus(const Error& e) {
  absl::Status s(static_cast<absl::StatusCode>(e.code()), std::string(e.what()));
  return e.op_name().empty() ? s : WithNode(std::move(s), e.op_name(), e.op_type());
}

}  // namespace weft
