// SPDX-License-Identifier: Apache-2.0
#include "src/graph/variant_codec.h"

#include <any>
#include <string>
#include <vector>

#include "proto/weft/tensor.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

absl::StatusOr<std::string> Encode(const Variant& v) {
  if (v.value.has_value() && !std::any_cast<std::vector<Array>>(&v.value)) {
    return absl::UnimplementedError(
        StrCat("A variant of type '", v.type_name, "' has no form in which it could be saved"));
  }
  Array scalar(kVariant, Shape());
  *scalar.mutable_data<Variant>() = v;
  proto::TensorProto tensor;
  ArrayToProto(scalar, &tensor);
  return SerializeProto(tensor.variant_val(0));
}

absl::StatusOr<Variant> Decode(std::string_view bytes) {
  proto::TensorProto tensor;
  tensor.set_dtype(proto::DT_VARIANT);
  tensor.mutable_tensor_shape();
  if (!ParseProto(bytes, tensor.add_variant_val())) {
    return absl::DataLossError(
        StrCat("Unable to parse VariantTensorDataProto from buffer of size ", bytes.size()));
  }
  WEFT_ASSIGN_OR_RETURN(const Array scalar, ArrayFromProto(tensor));
  return *scalar.data<Variant>();
}

}  // namespace

const io::VariantCodec& CheckpointVariants() {
  static const io::VariantCodec& codec = *new io::VariantCodec{Encode, Decode};
  return codec;
}

}  // namespace weft
