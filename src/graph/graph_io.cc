// SPDX-License-Identifier: Apache-2.0
#include "src/graph/graph_io.h"

#include <algorithm>
#include <string>

#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {
constexpr std::string_view kExtrasKey = "weft.imported_extras";
}  // namespace

const ImportedExtras* ImportedExtras::Find(const GraphImpl& graph) {
  auto it = graph.attachments.find(kExtrasKey);
  return it == graph.attachments.end() ? nullptr
                                       : static_cast<const ImportedExtras*>(it->second.get());
}

ImportedExtras& ImportedExtras::Of(GraphImpl& graph) {
  std::shared_ptr<void>& extras = graph.attachments[std::string(kExtrasKey)];
  if (!extras) extras = std::make_shared<ImportedExtras>();
  return *static_cast<ImportedExtras*>(extras.get());
}

absl::Status CheckVersions(const proto::VersionDef& versions) {
  if (versions.producer() < 0) {
    return absl::InvalidArgumentError(StrCat("GraphDef producer version ", versions.producer(),
                                             " below min producer 0 supported by Weft. Please "
                                             "regenerate your graph."));
  }
  if (versions.min_consumer() > kGraphDefVersion) {
    return absl::InvalidArgumentError(StrCat("GraphDef min consumer version ",
                                             versions.min_consumer(), " above current version ",
                                             kGraphDefVersion, " of Weft."));
  }
  const auto& bad = versions.bad_consumers();
  if (std::find(bad.begin(), bad.end(), kGraphDefVersion) != bad.end()) {
    return absl::InvalidArgumentError(
        StrCat("GraphDef disallows consumer version ", kGraphDefVersion,
               ", the one that Weft reads as: its writer knew of a bug "
               "in it."));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<proto::FunctionDefLibrary>> MergeLibraries(
    const proto::FunctionDefLibrary* existing, const proto::FunctionDefLibrary& added,
    const OpRegistry& registry) {
  auto merged = existing ? std::make_shared<proto::FunctionDefLibrary>(*existing)
                         : std::make_shared<proto::FunctionDefLibrary>();
  std::unordered_map<std::string, std::string> functions, gradients;
  for (const auto& f : merged->function()) functions[f.signature().name()] = SerializeProto(f);
  for (const auto& g : merged->gradient()) gradients[g.function_name()] = g.gradient_func();
  for (const auto& f : added.function()) {
    const std::string& name = f.signature().name();
    if (name.empty()) return absl::InvalidArgumentError("A function of the library has no name.");
    if (registry.Find(name)) {
      return absl::InvalidArgumentError(StrCat(
          "Cannot add function '", name, "' because an op with the same name already exists."));
    }
    std::string bytes = SerializeProto(f);
    auto [it, is_new] = functions.try_emplace(name, bytes);
    if (is_new) {
      *merged->add_function() = f;
    } else if (it->second != bytes) {
      return absl::InvalidArgumentError(
          StrCat("Cannot add function '", name,
                 "' because a different function with the same name already exists."));
    }
  }
  for (const auto& g : added.gradient()) {
    auto [it, is_new] = gradients.try_emplace(g.function_name(), g.gradient_func());
    if (is_new) {
      *merged->add_gradient() = g;
    } else if (it->second != g.gradient_func()) {
      return absl::InvalidArgumentError(StrCat(
          "Cannot assign gradient function '", g.gradient_func(), "' to '", g.function_name(),
          "' because it already has gradient function '", it->second, "'"));
    }
  }
  for (const auto& g : added.registered_gradients()) {
    const auto& have = merged->registered_gradients();
    const bool known = std::any_of(have.begin(), have.end(), [&](const auto& h) {
      return h.registered_op_type() == g.registered_op_type() &&
             h.gradient_func() == g.gradient_func();
    });
    if (!known) *merged->add_registered_gradients() = g;
  }
  return merged;
}

}  // namespace weft
