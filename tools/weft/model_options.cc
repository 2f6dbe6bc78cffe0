// SPDX-License-Identifier: Apache-2.0
#include "tools/weft/model_options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <random>

#include "src/core/strings.h"
#include "tools/weft/json.h"
#include "tools/weft/npy.h"
#include "tools/weft/pictures.h"
#include "weft/core/error.h"
#include "weft/core/half.h"

namespace weft::tool {
namespace {

// "name=tensor"; a tensor alone is its own name.
std::map<std::string, std::string> NamedTensors(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> named;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    named[text.substr(0, equals)] = equals == std::string::npos ? text : text.substr(equals + 1);
  }
  return named;
}

// Which input a "name=value" is for.
const serving::ValueSpec& SpecOf(const std::string& text, const serving::Predictor& model) {
  for (const serving::ValueSpec& spec : model.inputs()) {
    if (text.starts_with(spec.name + "=")) return spec;
  }
  if (model.inputs().size() == 1 && text.find('=') == std::string::npos) return model.inputs()[0];
  ThrowError(Code::kInvalidArgument,
             StrCat("--input ", text, ": NAME=VALUE is what it takes; the names of the inputs are ",
                    StrJoin(model.inputs(), ", ",
                            [](std::string* s, const auto& spec) { s->append(spec.name); })));
}

// Nested lists of numbers, of texts, of true and false.
void CollectShape(const Json& value, std::vector<int64_t>* dims) {
  for (const Json* level = &value; level->is_array(); level = &level->front()) {
    dims->push_back(static_cast<int64_t>(level->size()));
    if (level->empty()) return;
  }
}
void CollectElements(const Json& value, size_t depth, const std::vector<int64_t>& dims,
                     std::vector<const Json*>* to) {
  const bool fits = depth == dims.size()
                        ? !value.is_array()
                        : value.is_array() && static_cast<int64_t>(value.size()) == dims[depth];
  if (!fits) ThrowError(Code::kInvalidArgument, "the lists have different lengths");
  if (!value.is_array()) return to->push_back(&value);
  for (const Json& element : value) CollectElements(element, depth + 1, dims, to);
}

Array ArrayFromJson(const Json& value, DataType dtype) {
  std::vector<int64_t> dims;
  std::vector<const Json*> elements;
  CollectShape(value, &dims);
  CollectElements(value, 0, dims, &elements);
  Array array(dtype, Shape(dims));
  for (size_t i = 0; i < elements.size(); ++i) {
    const Json& e = *elements[i];
    const auto at = static_cast<int64_t>(i);
    if (dtype == kString && e.is_string()) {
      array.mutable_data<std::string>()[at] = e.get<std::string>();
    } else if (dtype == kInt64 && e.is_number_integer()) {
      array.mutable_data<int64_t>()[at] = e.get<int64_t>();  // more digits than a double has
    } else if (dtype != kString && (e.is_number() || e.is_boolean())) {
      SetElement(&array, at, e.is_boolean() ? (e.get<bool>() ? 1 : 0) : e.get<double>());
    } else {
      ThrowError(Code::kInvalidArgument, StrCat(e.dump(), " is no ", DTypeName(dtype)));
    }
  }
  return array;
}

Array ReadValue(const std::string& value, const serving::ValueSpec& spec, int64_t rows) {
  if (value == "random") return MakeUp(spec, MadeUp::kRandom, rows);
  if (value == "zeros") return MakeUp(spec, MadeUp::kZeros, rows);
  if (value.ends_with(".npz")) {
    const std::map<std::string, Array> arrays = ReadNpz(value);
    const auto found = arrays.find(spec.name);
    if (found != arrays.end()) return found->second;
    ThrowError(Code::kNotFound, StrCat(value, " has no array '", spec.name, "'"));
  }
  if (ArePictures(value)) return PictureInput(value, spec);
  const Json literal = Json::parse(value, nullptr, /*allow_exceptions=*/false);
  if (literal.is_discarded()) return ReadNpy(value);
  try {
    return ArrayFromJson(literal, spec.dtype);
  } catch (const Error& e) {
    ThrowError(e.code(), StrCat("--input ", spec.name, "=", value, ": ", e.what()));
  }
}

}  // namespace

void SetElement(Array* array, int64_t i, double value) {
  const auto set = [&]<typename T>(T) { array->mutable_data<T>()[i] = static_cast<T>(value); };
  switch (array->dtype()) {
    case kFloat32:
      return set(float());
    case kFloat64:
      return set(double());
    case kFloat16:
      return void(array->mutable_data<half>()[i] = half(static_cast<float>(value)));
    case kBfloat16:
      return void(array->mutable_data<bfloat16>()[i] = bfloat16(static_cast<float>(value)));
    case kInt8:
      return set(int8_t());
    case kInt16:
      return set(int16_t());
    case kInt32:
      return set(int32_t());
    case kInt64:
      return set(int64_t());
    case kUint8:
      return set(uint8_t());
    case kUint16:
      return set(uint16_t());
    case kUint32:
      return set(uint32_t());
    case kUint64:
      return set(uint64_t());
    case kBool:
      return void(array->mutable_data<bool>()[i] = value != 0);
    default:
      ThrowError(Code::kUnimplemented, "no value can be given for " + DTypeName(array->dtype()));
  }
}

void AddModelOptions(CLI::App& command, ModelOptions* options) {
  command.add_option("MODEL", options->path, "SavedModel folder, frozen graph or checkpoint")
      ->required();
  command.add_option("--tags", options->tags, "tags of the MetaGraph, with commas between")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  command.add_option("--signature", options->signature, "signature of the MetaGraph")
      ->capture_default_str();
  command
      .add_option("--inputs", options->inputs,
                  "instead of the signature's or of all placeholders: TENSOR or NAME=TENSOR, with "
                  "commas between")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      .add_option("--outputs", options->outputs,
                  "instead of the signature's or of all that nobody uses: TENSOR or NAME=TENSOR, "
                  "with commas between")
      ->delimiter(',')
      ->allow_extra_args(false);
}

serving::Predictor LoadModel(const ModelOptions& options) {
  return serving::Predictor::Load(options.path, {.tags = options.tags,
                                                 .signature = options.signature,
                                                 .inputs = NamedTensors(options.inputs),
                                                 .outputs = NamedTensors(options.outputs)});
}

void AddFeedOptions(CLI::App& command, FeedOptions* options) {
  // One value after each, so that MODEL may follow.
  command
      .add_option(
          "-i,--input,--feed", options->inputs,
          "NAME=VALUE, or VALUE alone for a model with one input: a file of numpy (.npy, or "
          ".npz with an array of this name), pictures (.png, .jpg; several with commas between), "
          "random, zeros, or numbers as in JSON: [[1, 2.5], [3, 4]]")
      ->allow_extra_args(false);
  command
      .add_option("--npz", options->archives, "inputs by their names in a file of numpy's savez")
      ->allow_extra_args(false);
  command
      .add_option("--rows", options->rows,
                  "stands for dimensions that are not known, of random and zeros")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->capture_default_str();
}

Array MakeUp(const serving::ValueSpec& spec, MadeUp how, int64_t rows) {
  std::vector<int64_t> dims = {rows};
  if (spec.shape.known_rank()) dims.assign(spec.shape.dims().begin(), spec.shape.dims().end());
  for (int64_t& d : dims) d = d < 0 ? rows : d;
  const Shape shape(dims);
  if (!IsPlain(spec.dtype)) return Array(spec.dtype, shape);
  Array array = Array::Zeros(spec.dtype, shape);
  if (how == MadeUp::kZeros) return array;
  std::mt19937 random(1);
  for (int64_t i = 0; i < array.num_elements(); ++i) {
    const double value = static_cast<double>(random()) / 4294967296.0;
    SetElement(&array, i,
               IsFloating(spec.dtype) || IsComplex(spec.dtype) ? value : std::round(value));
  }
  return array;
}

serving::NamedArrays ReadFeeds(const FeedOptions& options, const serving::Predictor& model) {
  serving::NamedArrays feeds;
  for (const std::string& archive : options.archives) {
    for (auto& [name, array] : ReadNpz(archive)) feeds[name] = std::move(array);
  }
  for (const std::string& text : options.inputs) {
    const serving::ValueSpec& spec = SpecOf(text, model);
    const std::string value =
        text.starts_with(spec.name + "=") ? text.substr(spec.name.size() + 1) : text;
    feeds[spec.name] = ReadValue(value, spec, options.rows);
  }
  return feeds;
}

std::string TypeText(const serving::ValueSpec& spec) {
  return DTypeName(spec.dtype) + " " + spec.shape.ToString();
}

}  // namespace weft::tool
