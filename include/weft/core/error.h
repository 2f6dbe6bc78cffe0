// SPDX-License-Identifier: Apache-2.0
// Errors of the public API: one class a code, as tf.errors.
//
//   try { session.Run(loss); } catch (const wf::InvalidArgumentError& e) { std::cerr << e.what(); }
#pragma once

#include <stdexcept>
#include <string>

namespace weft {

// The numbers of TensorFlow's (and gRPC's) error codes.
enum class Code {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "INVALID_ARGUMENT".
const char* CodeName(Code code);

// `message` says what went wrong; `op_name` and `op_type` name the node, empty if none is to blame.
class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message, std::string op_name = {}, std::string op_type = {})
      : std::runtime_error(message),
        code_(code),
        op_name_(std::move(op_name)),
        op_type_(std::move(op_type)) {}
  Code code() const { return code_; }
  const std::string& op_name() const { return op_name_; }
  const std::string& op_type() const { return op_type_; }

 private:
  Code code_;
  std::string op_name_;
  std::string op_type_;
};

template <Code kCode>
class ErrorOf : public Error {
 public:
  explicit ErrorOf(const std::string& message, std::string op_name = {}, std::string op_type = {})
      : Error(kCode, message, std::move(op_name), std::move(op_type)) {}
};
using CancelledError = ErrorOf<Code::kCancelled>;
using UnknownError = ErrorOf<Code::kUnknown>;
using InvalidArgumentError = ErrorOf<Code::kInvalidArgument>;
using DeadlineExceededError = ErrorOf<Code::kDeadlineExceeded>;
using NotFoundError = ErrorOf<Code::kNotFound>;
using AlreadyExistsError = ErrorOf<Code::kAlreadyExists>;
using PermissionDeniedError = ErrorOf<Code::kPermissionDenied>;
using ResourceExhaustedError = ErrorOf<Code::kResourceExhausted>;
using FailedPreconditionError = ErrorOf<Code::kFailedPrecondition>;
using AbortedError = ErrorOf<Code::kAborted>;
using OutOfRangeError = ErrorOf<Code::kOutOfRange>;
using UnimplementedError = ErrorOf<Code::kUnimplemented>;
using InternalError = ErrorOf<Code::kInternal>;
using UnavailableError = ErrorOf<Code::kUnavailable>;
using DataLossError = ErrorOf<Code::kDataLoss>;
using UnauthenticatedError = ErrorOf<Code::kUnauthenticated>;

// Throws the subclass of `code`, which must not be kOk.
[[noreturn]] void ThrowError(Code code, const std::string& message, const std::string& op_name = {},
                             const std::string& op_type = {});

}  // namespace weft
