// SPDX-License-Identifier: Apache-2.0
// Signatures: made, checked, from and to messages.
#include <set>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/saved_model/messages.h"
#include "src/graph/proto_convert.h"

namespace weft::saved_model {

TensorInfo BuildTensorInfo(const Tensor& tensor) {
  return {.name = tensor.name(), .dtype = RemoveRef(tensor.dtype()), .shape = tensor.shape()};
}

TensorInfo BuildSparseTensorInfo(const Tensor& indices, const Tensor& values,
                                 const Tensor& dense_shape) {
  // The rank is known if the number of sizes is.
  const PartialShape& sizes = dense_shape.shape();
  PartialShape shape;
  if (sizes.known_rank() && sizes.dims().size() == 1 && sizes.dims()[0] >= 0 &&
      sizes.dims()[0] <= kMaxRank) {
    shape = PartialShape(std::vector<int64_t>(static_cast<size_t>(sizes.dims()[0]), -1));
  }
  return {.dtype = RemoveRef(values.dtype()),
          .shape = shape,
          .coo_sparse = TensorInfo::CooSparse{indices.name(), values.name(), dense_shape.name()}};
}

TensorInfo BuildTensorInfoFromOp(const Operation& op) { return {.name = op.name()}; }

Tensor GetTensorFromTensorInfo(const TensorInfo& info, const Graph& graph,
                               std::string_view import_scope) {
  if (info.name.empty()) {
    ThrowError(Code::kInvalidArgument,
               info.coo_sparse ? "this TensorInfo names a sparse tensor: look up its three tensors"
                               : "this TensorInfo names no tensor");
  }
  return graph.TensorByName(import_scope.empty() ? info.name
                                                 : StrCat(import_scope, "/", info.name));
}

SignatureDef BuildSignatureDef(std::map<std::string, TensorInfo> inputs,
                               std::map<std::string, TensorInfo> outputs, std::string method_name,
                               std::map<std::string, Array> defaults) {
  return {.inputs = std::move(inputs),
          .outputs = std::move(outputs),
          .method_name = std::move(method_name),
          .defaults = std::move(defaults)};
}

namespace {

void AddInfos(const NamedTensors& tensors, std::map<std::string, TensorInfo>* infos) {
  for (const auto& [key, tensor] : tensors) (*infos)[key] = BuildTensorInfo(tensor);
}

// A tensor that TensorFlow Serving wants to be of this dtype.
TensorInfo Require(const Tensor& tensor, DataType dtype, const char* what) {
  if (!tensor.valid()) ThrowError(Code::kInvalidArgument, StrCat(what, " cannot be empty."));
  TensorInfo info = BuildTensorInfo(tensor);
  if (info.dtype != dtype) {
    ThrowError(Code::kInvalidArgument,
               StrCat(what, " must be of type ", DTypeName(dtype), ". Found tensor '", info.name,
                      "' with type ", DTypeName(info.dtype), "."));
  }
  return info;
}

SignatureDef Supervised(const char* method, const NamedTensors& inputs,
                        std::initializer_list<const NamedTensors*> outputs) {
  if (inputs.empty()) {
    ThrowError(Code::kInvalidArgument, StrCat(method, " `inputs` cannot be None or empty."));
  }
  SignatureDef signature{.method_name = method};
  AddInfos(inputs, &signature.inputs);
  for (const NamedTensors* set : outputs) AddInfos(*set, &signature.outputs);
  return signature;
}

}  // namespace

SignatureDef PredictSignatureDef(const NamedTensors& inputs, const NamedTensors& outputs) {
  if (inputs.empty()) {
    ThrowError(Code::kInvalidArgument, "Prediction `inputs` cannot be None or empty.");
  }
  if (outputs.empty()) {
    ThrowError(Code::kInvalidArgument, "Prediction `outputs` cannot be None or empty.");
  }
  SignatureDef signature{.method_name = kPredictMethodName};
  AddInfos(inputs, &signature.inputs);
  AddInfos(outputs, &signature.outputs);
  return signature;
}

SignatureDef ClassificationSignatureDef(const Tensor& examples, const Tensor& classes,
                                        const Tensor& scores) {
  if (!classes.valid() && !scores.valid()) {
    ThrowError(Code::kInvalidArgument,
               "Classification `classes` and `scores` cannot both be None.");
  }
  SignatureDef signature{.method_name = kClassifyMethodName};
  signature.inputs[kInputs] = Require(examples, kString, "Classification `examples`");
  if (classes.valid()) {
    signature.outputs[kClassifyOutputClasses] =
        Require(classes, kString, "Classification `classes`");
  }
  if (scores.valid()) {
    signature.outputs[kClassifyOutputScores] = Require(scores, kFloat32, "Classification `scores`");
  }
  return signature;
}

SignatureDef RegressionSignatureDef(const Tensor& examples, const Tensor& predictions) {
  SignatureDef signature{.method_name = kRegressMethodName};
  signature.inputs[kInputs] = Require(examples, kString, "Regression `examples`");
  signature.outputs[kOutputs] = Require(predictions, kFloat32, "Regression `predictions`");
  return signature;
}

SignatureDef SupervisedTrainSignatureDef(const NamedTensors& inputs, const NamedTensors& loss,
                                         const NamedTensors& predictions,
                                         const NamedTensors& metrics) {
  return Supervised(kSupervisedTrainMethodName, inputs, {&loss, &predictions, &metrics});
}

SignatureDef SupervisedEvalSignatureDef(const NamedTensors& inputs, const NamedTensors& loss,
                                        const NamedTensors& predictions,
                                        const NamedTensors& metrics) {
  return Supervised(kSupervisedEvalMethodName, inputs, {&loss, &predictions, &metrics});
}

bool IsValidSignature(const SignatureDef& signature) {
  const auto& in = signature.inputs;
  const auto& out = signature.outputs;
  if (signature.method_name == kPredictMethodName) return !in.empty() && !out.empty();
  // The other two take serialised Examples.
  if (in.size() != 1 || !in.contains(kInputs) || in.at(kInputs).dtype != kString) return false;
  if (signature.method_name == kRegressMethodName) {
    return out.size() == 1 && out.contains(kOutputs) && out.at(kOutputs).dtype == kFloat32;
  }
  if (signature.method_name != kClassifyMethodName || out.empty()) return false;
  for (const auto& [key, info] : out) {
    const bool is_classes = key == kClassifyOutputClasses;
    if (!is_classes && key != kClassifyOutputScores) return false;
    if (info.dtype != (is_classes ? kString : kFloat32)) return false;
  }
  return true;
}

// ---- Messages -----------------------------------------------------------------------------------

namespace {

constexpr int kMaxNesting = 10;

absl::StatusOr<TensorInfo> InfoFromProto(const proto::TensorInfo& in, int depth) {
  TensorInfo info;
  info.name = in.name();
  // An op has no dtype.
  WEFT_ASSIGN_OR_RETURN(info.dtype, DTypeFromProto(in.dtype(), /*allow_ref=*/true));
  info.dtype = RemoveRef(info.dtype);
  if (in.has_tensor_shape()) {
    WEFT_ASSIGN_OR_RETURN(info.shape, ShapeFromProto(in.tensor_shape()));
  }
  if (in.has_coo_sparse()) {
    const auto& sparse = in.coo_sparse();
    info.coo_sparse =
        TensorInfo::CooSparse{sparse.indices_tensor_name(), sparse.values_tensor_name(),
                              sparse.dense_shape_tensor_name()};
  }
  if (!in.has_composite_tensor()) return info;
  if (depth > kMaxNesting) {
    return absl::InvalidArgumentError("a TensorInfo has composite tensors nested too deeply");
  }
  info.type_spec = SerializeProto(in.composite_tensor().type_spec());
  for (const auto& component : in.composite_tensor().components()) {
    WEFT_ASSIGN_OR_RETURN(TensorInfo part, InfoFromProto(component, depth + 1));
    info.components.push_back(std::move(part));
  }
  return info;
}

void InfoToProto(const TensorInfo& info, proto::TensorInfo* out) {
  out->set_dtype(static_cast<proto::DataType>(info.dtype));
  ShapeToProto(info.shape, out->mutable_tensor_shape());
  if (info.coo_sparse) {
    auto* sparse = out->mutable_coo_sparse();
    sparse->set_indices_tensor_name(info.coo_sparse->indices);
    sparse->set_values_tensor_name(info.coo_sparse->values);
    sparse->set_dense_shape_tensor_name(info.coo_sparse->dense_shape);
  } else if (!info.type_spec.empty() || !info.components.empty()) {
    auto* composite = out->mutable_composite_tensor();
    ParseProto(info.type_spec, composite->mutable_type_spec());
    for (const TensorInfo& part : info.components) InfoToProto(part, composite->add_components());
  } else {
    out->set_name(info.name);
  }
}

}  // namespace

absl::StatusOr<SignatureDef> SignatureFromProto(const proto::SignatureDef& in) {
  SignatureDef signature{.method_name = in.method_name()};
  for (const auto& [key, info] : in.inputs()) {
    WEFT_ASSIGN_OR_RETURN(signature.inputs[key], InfoFromProto(info, 0));
  }
  for (const auto& [key, info] : in.outputs()) {
    WEFT_ASSIGN_OR_RETURN(signature.outputs[key], InfoFromProto(info, 0));
  }
  for (const auto& [key, value] : in.defaults()) {
    WEFT_ASSIGN_OR_RETURN(signature.defaults[key], ArrayFromProto(value));
  }
  return signature;
}

void SignatureToProto(const SignatureDef& signature, proto::SignatureDef* out) {
  out->set_method_name(signature.method_name);
  for (const auto& [key, info] : signature.inputs) {
    InfoToProto(info, &(*out->mutable_inputs())[key]);
  }
  for (const auto& [key, info] : signature.outputs) {
    InfoToProto(info, &(*out->mutable_outputs())[key]);
  }
  for (const auto& [key, value] : signature.defaults) {
    ArrayToProto(value, &(*out->mutable_defaults())[key]);
  }
}

}  // namespace weft::saved_model
