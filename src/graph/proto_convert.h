// SPDX-License-Identifier: Apache-2.0
// Between the graph's values and their protocol buffers.
//
// What is read may come from a hostile file: every conversion from a proto validates it and
// returns InvalidArgument naming what is wrong.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/weft/attr_value.pb.h"
#include "proto/weft/op_def.pb.h"
#include "proto/weft/tensor.pb.h"
#include "proto/weft/tensor_shape.pb.h"
#include "weft/core/array.h"
#include "weft/core/shape.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/op_def.h"

namespace weft {

// A TensorProto may hold fewer values than its shape has elements: the last one stands for the
// rest. So that a few bytes can't claim all memory, one file (or message) may fill in this many
// bytes.
struct FillBudget {
  int64_t bytes = int64_t{1} << 30;
};

absl::StatusOr<Array> ArrayFromProto(const proto::TensorProto& tensor, FillBudget* budget);
// For one message by itself.
absl::StatusOr<Array> ArrayFromProto(const proto::TensorProto& tensor);
// An Array of the message's dtype and shape, whose elements (as many bytes as `content_bytes`,
// which is checked) the caller fills in from the tensor_content that the message came with.
// Unimplemented if they can't be copied as they are: strings, bool.
absl::StatusOr<Array> ArrayForContent(const proto::TensorProto& tensor, size_t content_bytes);
// Numbers go to tensor_content or, as TensorFlow's Python writes them, to the field of their type.
void ArrayToProto(const Array& array, proto::TensorProto* tensor);

absl::StatusOr<PartialShape> ShapeFromProto(const proto::TensorShapeProto& shape);
void ShapeToProto(const PartialShape& shape, proto::TensorShapeProto* out);

// A list without elements becomes an EmptyList, a value that isn't set an empty AttrValue.
absl::StatusOr<AttrValue> AttrFromProto(const proto::AttrValue& attr, FillBudget* budget);
void AttrToProto(const AttrValue& value, proto::AttrValue* out);

// An element type that Weft knows, or DT_INVALID; references only if `allow_ref`.
absl::StatusOr<DataType> DTypeFromProto(int type, bool allow_ref);

void OpDefToProto(const OpDef& def, proto::OpDef* out);

// Deeper than any real graph; the stack of a thread holds it.
inline constexpr int kMaxProtoNesting = 100;

// Merges `bytes` into a message whose parts are nested no deeper than that. False if they are not
// one.
bool ParseProto(std::string_view bytes, google::protobuf::MessageLite* message,
                int max_nesting = kMaxProtoNesting);
// The same bytes for the same message, maps sorted by key.
std::string SerializeProto(const google::protobuf::MessageLite& message);

}  // namespace weft
