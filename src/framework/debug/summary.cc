// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "weft/framework/debug.h"
#include "weft/framework/variable.h"

namespace weft::debug {
namespace {

struct Totals {
  int64_t elements = 0;
  int64_t bytes = 0;
  void Add(const Totals& t) {
    elements += t.elements;
    bytes += t.bytes;
  }
};

struct VariableRow {
  std::string name;  // its last part
  PartialShape shape;
  DataType dtype = kInvalidType;
  bool trainable = false;
  Totals size;
};

// A name scope: its variables and inner scopes in the order in which they came.
struct Scope {
  std::string name;
  std::vector<VariableRow> variables;
  std::vector<std::unique_ptr<Scope>> inner;
  Totals size;

  Scope* Inner(const std::string& wanted) {
    for (const auto& s : inner) {
      if (s->name == wanted) return s.get();
    }
    inner.push_back(std::make_unique<Scope>());
    inner.back()->name = wanted;
    return inner.back().get();
  }
};

// 1234567 -> "1,234,567".
std::string WithCommas(int64_t n) {
  const std::string digits = std::to_string(n);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string BytesText(int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %s", value, kUnits[unit]);
  return text;
}

bool IsVariable(const Node& n) {
  return n.type() == "VariableV2" || n.type() == "Variable" || n.type() == "VarHandleOp";
}

VariableRow RowOf(const Node& n, bool trainable) {
  VariableRow row;
  row.trainable = trainable;
  if (const DataType* t = n.FindAttrOf<DataType>("dtype")) row.dtype = *t;
  if (const PartialShape* s = n.FindAttrOf<PartialShape>("shape")) row.shape = *s;
  const int64_t elements = row.shape.IsFullyKnown() ? row.shape.num_elements() : -1;
  const auto size = static_cast<int64_t>(DTypeSize(row.dtype));
  if (elements > 0 && elements <= INT64_MAX / std::max<int64_t>(size, 1))
    row.size = {elements, elements * size};
  return row;
}

// Puts the variable into the scope of its name.
void Insert(Scope* root, const std::string& name, VariableRow row) {
  Scope* scope = root;
  size_t begin = 0;
  scope->size.Add(row.size);
  for (size_t slash; (slash = name.find('/', begin)) != std::string::npos; begin = slash + 1) {
    scope = scope->Inner(name.substr(begin, slash - begin));
    scope->size.Add(row.size);
  }
  row.name = name.substr(begin);
  scope->variables.push_back(std::move(row));
}

using Line = std::array<std::string, 6>;

void AddLines(const Scope& scope, int depth, int max_depth, std::vector<Line>* lines) {
  const std::string indent(static_cast<size_t>(2 * depth), ' ');
  for (const VariableRow& v : scope.variables) {
    const bool known = v.shape.IsFullyKnown();
    lines->push_back({indent + v.name, v.shape.ToPythonString(), DTypeName(v.dtype),
                      known ? WithCommas(v.size.elements) : "?",
                      known ? BytesText(v.size.bytes) : "?", v.trainable ? "yes" : "no"});
  }
  for (const auto& s : scope.inner) {
    lines->push_back({indent + s->name + "/", "", "", WithCommas(s->size.elements),
                      BytesText(s->size.bytes), ""});
    if (depth + 1 != max_depth) AddLines(*s, depth + 1, max_depth, lines);
  }
}

std::string Aligned(const std::vector<Line>& lines) {
  std::array<size_t, 6> width{};
  for (const Line& line : lines) {
    for (size_t c = 0; c < line.size(); ++c) width[c] = std::max(width[c], line[c].size());
  }
  std::string text;
  for (const Line& line : lines) {
    std::string row;
    for (size_t c = 0; c < line.size(); ++c) {
      const std::string pad(width[c] - line[c].size(), ' ');
      const bool number = c == 3 || c == 4;
      StrAppend(&row, c == 0 ? "" : "  ", number ? pad + line[c] : line[c] + pad);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    StrAppend(&text, row, "\n");
  }
  return text;
}

}  // namespace

std::string Summary(const Graph& graph, const SummaryOptions& options) {
  std::set<std::string> trainable;
  for (const Variable& v : TrainableVariables({}, graph)) trainable.insert(v.op_name());
  Scope root;
  Totals of_trainable;
  {
    std::lock_guard lock(graph.impl().mu());
    for (const auto& n : graph.impl().nodes()) {
      if (!IsVariable(*n)) continue;
      const bool trains = trainable.contains(n->name);
      if (options.only_trainable && !trains) continue;
      VariableRow row = RowOf(*n, trains);
      if (trains) of_trainable.Add(row.size);
      Insert(&root, n->name, std::move(row));
    }
  }
  std::vector<Line> lines = {{"name", "shape", "dtype", "elements", "bytes", "trainable"}};
  if (options.max_depth != 0) AddLines(root, 0, options.max_depth, &lines);
  lines.push_back(
      {"total", "", "", WithCommas(root.size.elements), BytesText(root.size.bytes), ""});
  lines.push_back(
      {"trainable", "", "", WithCommas(of_trainable.elements), BytesText(of_trainable.bytes), ""});
  return Aligned(lines);
}

}  // namespace weft::debug
