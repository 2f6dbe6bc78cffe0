// SPDX-License-Identifier: Apache-2.0
#include "tests/support/graph_golden.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "src/graph/attr_variant.h"
#include "weft/graph/attr_value.h"

namespace weft {
namespace {

constexpr int64_t kMostElements = 8;

std::string Join(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) text += (i ? separator : "") + parts[i];
  return text;
}

std::string Number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.7g", value);
  return text;
}

std::string ShapeText(const PartialShape& shape) {
  if (!shape.known_rank()) return "?";
  std::vector<std::string> sizes;
  for (int64_t d : shape.dims()) sizes.push_back(d < 0 ? "?" : std::to_string(d));
  return "[" + Join(sizes, ",") + "]";
}

std::string ValueText(const Array& value) {
  std::vector<std::string> elements;
  for (int64_t i = 0; i < std::min(value.num_elements(), kMostElements); ++i) {
    if (value.dtype() == kString)
      elements.push_back(value.data<std::string>()[i]);
    else if (value.dtype() == kBool)
      elements.push_back(value.data<bool>()[i] ? "1" : "0");
    else
      elements.push_back(Number(value.AsDouble(i)));
  }
  if (value.num_elements() > kMostElements) elements.push_back("...");
  return ShapeText(PartialShape(value.shape())) + " " + Join(elements, ",");
}

template <typename T>
std::string Text(const T& value);
template <>
std::string Text(const std::string& value) {
  return value;
}
template <>
std::string Text(const int64_t& value) {
  return std::to_string(value);
}
template <>
std::string Text(const float& value) {
  return Number(value);
}
template <>
std::string Text(const bool& value) {
  return value ? "true" : "false";
}
template <>
std::string Text(const DataType& value) {
  return DTypeName(value);
}
template <>
std::string Text(const PartialShape& value) {
  return ShapeText(value);
}

template <typename T>
bool AppendAs(const AttrValue& value, std::string* text) {
  if (const T* one = std::get_if<T>(&value.variant())) {
    *text += Text<T>(*one);
    return true;
  }
  if (const auto* list = std::get_if<std::vector<T>>(&value.variant())) {
    std::vector<std::string> parts;
    for (const T& element : *list) parts.push_back(Text<T>(element));
    *text += "{" + Join(parts, ",") + "}";
    return true;
  }
  return false;
}

std::string AttrText(const AttrValue& value) {
  std::string text;
  if (std::holds_alternative<EmptyList>(value.variant())) return "{}";
  const bool known = AppendAs<std::string>(value, &text) || AppendAs<int64_t>(value, &text) ||
                     AppendAs<float>(value, &text) || AppendAs<bool>(value, &text) ||
                     AppendAs<DataType>(value, &text) || AppendAs<PartialShape>(value, &text);
  return known ? text : value.ToString();
}

std::string NodeText(const Operation& op) {
  std::vector<std::string> inputs, controls;
  for (const Tensor& t : op.inputs()) inputs.push_back(t.index() == 0 ? t.op().name() : t.name());
  for (const Operation& c : op.control_inputs()) controls.push_back("^" + c.name());
  std::sort(controls.begin(), controls.end());
  inputs.insert(inputs.end(), controls.begin(), controls.end());
  std::string text = op.name() + " " + op.type() + "(" + Join(inputs, ", ") + ")";
  for (const auto& [name, value] : op.attrs()) {
    if (name == "value" || name == "_output_shapes") continue;
    text += " " + name + "=" + AttrText(value);
  }
  if (!op.device().empty()) text += " device=" + op.device();
  if (op.type() == "Const") text += " = " + ValueText(*op.attr("value").Get<Array>());
  return text;
}

}  // namespace

std::vector<std::string> GraphLines(const Graph& graph) {
  std::vector<std::string> lines;
  for (const Operation& op : graph.operations()) {
    const bool is_gradient =
        op.name().starts_with("gradients/") || op.name().find("/gradients/") != std::string::npos;
    if (!is_gradient) lines.push_back(NodeText(op));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

GoldenGraphs::GoldenGraphs(const std::string& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in.good()) << file << " can't be read";
  std::vector<std::string>* section = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# ")) continue;
    if (line.starts_with("== "))
      section = &sections_[line.substr(3)];
    else if (section && !line.empty())
      section->push_back(line);
  }
  for (auto& [name, lines] : sections_) std::sort(lines.begin(), lines.end());
}

void GoldenGraphs::Expect(const std::string& section, const std::function<void()>& build,
                          std::source_location where) {
  const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), section);
  auto found = sections_.find(section);
  ASSERT_NE(found, sections_.end()) << "no such section";
  Graph graph;
  {
    GraphScope scope(graph);
    build();
  }
  const std::vector<std::string>&want = found->second, got = GraphLines(graph);
  std::vector<std::string> missing, extra;
  std::set_difference(want.begin(), want.end(), got.begin(), got.end(),
                      std::back_inserter(missing));
  std::set_difference(got.begin(), got.end(), want.begin(), want.end(), std::back_inserter(extra));
  EXPECT_TRUE(missing.empty() && extra.empty())
      << "only in TensorFlow's graph:\n  " << Join(missing, "\n  ") << "\nonly here:\n  "
      << Join(extra, "\n  ");
}

}  // namespace weft
