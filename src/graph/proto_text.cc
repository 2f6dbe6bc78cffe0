// SPDX-License-Identifier: Apache-2.0
#include "src/graph/proto_text.h"

#include <memory>

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "src/core/strings.h"

namespace weft {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kTheirs = "tensorflow.", kOurs = "weft.proto.";
constexpr const char* kUrlPrefix = "type.googleapis.com";

// The name of Weft's class for a message type that a file names.
std::string OurName(std::string_view name) {
  return name.starts_with(kTheirs) ? StrCat(kOurs, name.substr(kTheirs.size())) : std::string(name);
}

class TypeFinder final : public pb::TextFormat::Finder {
 public:
  const pb::Descriptor* FindAnyType(const pb::Message& message, const std::string& prefix,
                                    const std::string& name) const override {
    (void)prefix;
    return message.GetDescriptor()->file()->pool()->FindMessageTypeByName(OurName(name));
  }
};

class TypeResolver final : public pb::util::TypeResolver {
 public:
  TypeResolver()
      : types_(pb::util::NewTypeResolverForDescriptorPool(kUrlPrefix,
                                                          pb::DescriptorPool::generated_pool())) {}
  pb::util::Status ResolveMessageType(const std::string& url, pb::Type* type) override {
    const size_t name = url.rfind('/') + 1;
    return types_->ResolveMessageType(StrCat(url.substr(0, name), OurName(url.substr(name))), type);
  }
  pb::util::Status ResolveEnumType(const std::string& url, pb::Enum* type) override {
    return types_->ResolveEnumType(url, type);
  }

 private:
  std::unique_ptr<pb::util::TypeResolver> types_;
};

std::string UrlOf(const pb::Message& message) {
  return StrCat(kUrlPrefix, "/", message.GetDescriptor()->full_name());
}

// Keeps the first error of the text parser, which would write to stderr otherwise.
class FirstError final : public pb::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

std::string ProtoToText(const pb::Message& message) {
  const TypeFinder finder;
  pb::TextFormat::Printer printer;
  printer.SetExpandAny(true);
  printer.SetFinder(&finder);
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

absl::StatusOr<std::string> ProtoToJson(const pb::Message& message) {
  TypeResolver types;
  pb::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string json;
  const auto status = pb::util::BinaryToJsonString(&types, UrlOf(message),
                                                   message.SerializeAsString(), &json, options);
  if (!status.ok()) return absl::InternalError(std::string(status.message()));
  return json;
}

absl::Status ParseProtoText(std::string_view text, pb::Message* message) {
  FirstError error;
  TypeFinder finder;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.SetFinder(&finder);
  parser.SetRecursionLimit(100);
  if (parser.ParseFromString({text.data(), text.size()}, message)) return absl::OkStatus();
  return absl::InvalidArgumentError(error.text());
}

absl::Status ParseProtoJson(std::string_view text, pb::Message* message) {
  TypeResolver types;
  std::string bytes;
  const auto status =
      pb::util::JsonToBinaryString(&types, UrlOf(*message), {text.data(), text.size()}, &bytes);
  if (!status.ok()) return absl::InvalidArgumentError(std::string(status.message()));
  if (message->ParseFromString(bytes)) return absl::OkStatus();
  return absl::InvalidArgumentError("its fields are not those of the message");
}

}  // namespace weft
