// SPDX-License-Identifier: Apache-2.0
// The files of a SavedModel as messages.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/weft/meta_graph.pb.h"
#include "proto/weft/saved_model.pb.h"
#include "weft/framework/saved_model.h"

namespace weft::saved_model {

// saved_model.pb, or saved_model.pbtxt if there is no such file.
absl::StatusOr<proto::SavedModel> ReadSavedModel(const std::string& export_dir);

// The one with exactly these tags, in any order.
absl::StatusOr<proto::MetaGraphDef*> FindMetaGraph(proto::SavedModel* model,
                                                   const std::vector<std::string>& tags);

absl::StatusOr<MetaGraph> MetaGraphFromProto(const proto::MetaGraphDef& def,
                                             const std::string& export_dir);

absl::StatusOr<SignatureDef> SignatureFromProto(const proto::SignatureDef& in);
void SignatureToProto(const SignatureDef& signature, proto::SignatureDef* out);

}  // namespace weft::saved_model
