// SPDX-License-Identifier: Apache-2.0
// Writes the table of all ops, docs/ops.md, from the registries of ops and kernels.
//
//   list_ops                 prints it
//   list_ops --check FILE    fails, and says where, if FILE is not what it would print
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/graph/op_def.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

constexpr std::string_view kIntroduction =
    "# Ops\n"
    "\n"
    "Every op that the library registers. This file is printed by `list_ops` and compared with "
    "the\n"
    "registries by a test; after a change of ops or kernels: `build/dev/bin/list_ops > "
    "docs/ops.md`.\n"
    "\n"
    "* Inputs and outputs: a name and a dtype, or the attribute that names the dtype; `N * T` is "
    "a\n"
    "  list of N tensors, `Ref(T)` a variable itself.\n"
    "* Gradient: `yes` has a rule; `none` counts as a constant, no gradient flows through it; `no` "
    "has\n"
    "  neither, as in TensorFlow, and asking for its gradient is an error.\n"
    "* CPU: the dtypes that have a kernel, by attribute; `any` if the kernel takes what the schema "
    "does.\n"
    "\n"
    "| Op | Inputs → outputs | Gradient | CPU |\n"
    "| --- | --- | --- | --- |\n";

// What graphs from elsewhere use, and the library lacked when the list was made: ops that the
// runtime of TensorFlow Lite takes over from TensorFlow for converted models
// (tensorflow/lite/delegates/flex/allowlisted_flex_ops.cc), or that tf2onnx converts
// (support_status.md), but for those of decision forests, of input pipelines and of devices.
constexpr std::string_view kWanted[] = {
    "AdjustContrastv2",
    "AdjustHue",
    "AdjustSaturation",
    "BatchCholesky",
    "BatchMatrixInverse",
    "CombinedNonMaxSuppression",
    "CropAndResize",
    "CropAndResizeGradBoxes",
    "CropAndResizeGradImage",
    "DecodeAndCropJpeg",
    "DecodeBmp",
    "DecodeGif",
    "DecodeImage",
    "DecodeJpeg",
    "DecodePng",
    "EncodeJpeg",
    "EncodePng",
    "FusedPadConv2D",
    "FusedResizeAndPadConv2D",
    "ImageProjectiveTransformV2",
    "ImageProjectiveTransformV3",
    "NonMaxSuppression",
    "NonMaxSuppressionV2",
    "NonMaxSuppressionV3",
    "NonMaxSuppressionV4",
    "NonMaxSuppressionV5",
    "NonMaxSuppressionWithOverlaps",
    "QuantizedAvgPool",
    "QuantizedBatchNormWithGlobalNormalization",
    "QuantizedConcat",
    "QuantizedConv2D",
    "QuantizedMatMul",
    "QuantizedMaxPool",
    "QuantizedResizeBilinear",
    "RaggedBincount",
    "RaggedGather",
    "RaggedRange",
    "RaggedTensorFromVariant",
    "RaggedTensorToSparse",
    "RaggedTensorToTensor",
    "RaggedTensorToVariant",
    "RefIdentity",
    "ResizeBicubic",
    "ResizeBilinear",
    "ResizeNearestNeighbor",
    "SampleDistortedBoundingBoxV2",
    "SparseBincount",
    "SparseCrossHashed",
    "SparseCrossV2",
    "StatelessSampleDistortedBoundingBox",
};

constexpr std::string_view kWantedIntroduction =
    "\n"
    "## Ops that imported graphs want\n"
    "\n"
    "Fifty op types that converters of TensorFlow's models take, and that were missing when this "
    "list "
    "was\n"
    "made: from the allowlist of TensorFlow Lite's runtime for TensorFlow ops\n"
    "(tensorflow/lite/delegates/flex/allowlisted_flex_ops.cc) and tf2onnx's support_status.md, "
    "without "
    "those\n"
    "of decision forests, input pipelines and devices.\n"
    "\n";

std::string TypeText(const ArgDef& arg) {
  if (!arg.type_list_attr.empty()) return "list(" + arg.type_list_attr + ")";
  std::string type = arg.type_attr.empty() ? DTypeName(RemoveRef(arg.type)) : arg.type_attr;
  if (arg.is_ref) type = "Ref(" + type + ")";
  return arg.number_attr.empty() ? type : arg.number_attr + " * " + type;
}

std::string ArgsText(const std::vector<ArgDef>& args) {
  std::string out;
  for (const ArgDef& arg : args) out += (out.empty() ? "" : ", ") + arg.name + ": " + TypeText(arg);
  return out;
}

std::string GradientText(const OpDef& op) {
  if (op.gradient()) return "yes";
  return op.no_gradient().empty() ? "no" : "none";
}

// "floating, int32": whole groups by their names.
std::string TypesText(std::set<DataType> types) {
  static const std::vector<std::pair<std::string, std::set<DataType>>> groups = {
      {"complex", {kComplex64, kComplex128}},
      {"floating", {kBfloat16, kFloat16, kFloat32, kFloat64}},
      {"integers", {kInt8, kInt16, kInt32, kInt64, kUint8, kUint16, kUint32, kUint64}}};
  std::set<std::string> names;
  for (const auto& [name, members] : groups) {
    if (!std::includes(types.begin(), types.end(), members.begin(), members.end())) continue;
    names.insert(name);
    for (DataType t : members) types.erase(t);
  }
  for (DataType t : types) names.insert(DTypeName(t));
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// "T: float32, float64; Tidx: int32", from what all kernels of the op ask for.
std::string KernelsText(const OpDef& op) {
  std::map<std::string, std::set<DataType>> types;
  bool has_kernel = false, takes_any = false;
  for (const KernelEntry* kernel : KernelRegistry::Global().List(op.name())) {
    if (kernel->device != kCpu) continue;
    has_kernel = true;
    takes_any |= kernel->constraints.empty();
    for (const auto& [attr, dtype] : kernel->constraints) types[std::string(attr)].insert(dtype);
  }
  if (!has_kernel) return "-";
  if (takes_any) return "any";
  std::string out;
  for (const auto& [attr, dtypes] : types) {
    out += (out.empty() ? "" : "; ") + attr + ": " + TypesText(dtypes);
  }
  return out;
}

std::string Table() {
  std::string out(kIntroduction);
  for (const OpDef* op : OpRegistry::Global().List()) {
    if (op->name().starts_with("_")) continue;  // for the library's own use
    const std::string inputs = ArgsText(op->inputs());
    out += "| " + op->name() + " | " + inputs + (inputs.empty() ? "→ " : " → ") +
           (op->outputs().empty() ? "nothing" : ArgsText(op->outputs())) + " | " +
           GradientText(*op) + " | " + KernelsText(*op) + " |\n";
  }
  std::string here, missing;
  for (const std::string_view name : kWanted) {
    std::string& list = OpRegistry::Global().Find(name) != nullptr ? here : missing;
    list += "  " + std::string(name) + "\n";
  }
  out += kWantedIntroduction;
  if (!here.empty()) out += "* There by now:\n" + here;
  if (!missing.empty()) out += "* Still missing:\n" + missing;
  return out;
}

int Check(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "list_ops: can't read " << path << "\n";
    return 1;
  }
  std::istringstream table(Table());
  for (int number = 1;; ++number) {
    std::string wanted, found;
    const bool more = static_cast<bool>(std::getline(table, wanted));
    if (more != static_cast<bool>(std::getline(file, found)) || wanted != found) {
      std::cerr << path << ":" << number << ": not what the registries say; list_ops writes it\n"
                << "  file:       " << found << "\n  registries: " << wanted << "\n";
      return 1;
    }
    if (!more) return 0;
  }
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--check") == 0) return weft::Check(argv[2]);
  if (argc != 1) {
    std::cerr << "usage: list_ops [--check FILE]\n";
    return 2;
  }
  std::cout << weft::Table();
}
