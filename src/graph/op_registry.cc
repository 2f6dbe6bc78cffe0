// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

[[noreturn]] void BadSchema(const std::string& op, std::string_view spec, std::string_view why,
                            const std::source_location& where) {
  std::fprintf(stderr, "weft: %s:%u: op %s: \"%.*s\": %.*s\n", where.file_name(), where.line(),
               op.c_str(), static_cast<int>(spec.size()), spec.data(), static_cast<int>(why.size()),
               why.data());
  std::abort();
}

const std::vector<DataType>& RealNumberTypes() {
  static const auto* const types =
      new std::vector<DataType>{kFloat32, kFloat64,  kInt32,  kUint8,   kInt16,  kInt8,
                                kInt64,   kBfloat16, kUint16, kFloat16, kUint32, kUint64};
  return *types;
}
const std::vector<DataType>& NumberTypes() {
  static const auto* const types = new std::vector<DataType>{
      kFloat32, kFloat64,    kInt32,   kUint8,  kInt16,    kInt8,   kComplex64,
      kInt64,   kQint8,      kQuint8,  kQint32, kBfloat16, kQint16, kQuint16,
      kUint16,  kComplex128, kFloat16, kUint32, kUint64};
  return *types;
}
const std::vector<DataType>& QuantizedTypes() {
  static const auto* const types =
      new std::vector<DataType>{kQint8, kQuint8, kQint32, kQint16, kQuint16};
  return *types;
}

// Parses one attribute specification.
class AttrSpec {
 public:
  AttrSpec(std::string_view op, std::string_view spec, const std::source_location& where)
      : op_(op), spec_(spec), rest_(spec), where_(where) {}

  AttrDef Parse() {
    AttrDef attr;
    const size_t colon = rest_.find(':');
    if (colon == std::string_view::npos) Fail("no ':' after the name");
    attr.name = std::string(StripSpace(rest_.substr(0, colon)));
    rest_.remove_prefix(colon + 1);
    Skip();
    const bool list = Consume("list(");
    attr.type = Type(&attr);
    if (list) {
      if (!Consume(")")) Fail("list( without )");
      attr.type = "list(" + attr.type + ")";
    }
    if (Consume(">=")) attr.minimum = Integer();
    if (Consume("=")) attr.default_value = Default(attr);
    Skip();
    if (!rest_.empty()) Fail("unexpected text at the end");
    return attr;
  }

 private:
  [[noreturn]] void Fail(std::string_view why) { BadSchema(op_, spec_, why, where_); }
  void Skip() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_[0])))
      rest_.remove_prefix(1);
  }
  bool Consume(std::string_view token) {
    Skip();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::string Word() {
    Skip();
    size_t n = 0;
    while (n < rest_.size() &&
           (std::isalnum(static_cast<unsigned char>(rest_[n])) || rest_[n] == '_' ||
            rest_[n] == '.' || rest_[n] == '-' || rest_[n] == '+'))
      ++n;
    std::string word(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return word;
  }
  std::string Quoted() {
    Skip();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) Fail("a quoted string is expected");
    const char quote = rest_[0];
    const size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) Fail("a quote is not closed");
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  int64_t Integer() {
    const std::string word = Word();
    int64_t value = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) Fail("an integer is expected");
    return value;
  }
  float Number() {
    const std::string word = Word();
    char* end = nullptr;
    const float value = std::strtof(word.c_str(), &end);
    if (word.empty() || *end) Fail("a number is expected");
    return value;
  }
  bool Boolean() {
    const std::string word = Word();
    if (word != "true" && word != "false") Fail("true or false is expected");
    return word == "true";
  }
  DataType Dtype() {
    DataType t;
    if (!ParseDType(Word(), &t)) Fail("a dtype is expected");
    return t;
  }
  std::string Type(AttrDef* attr) {
    Skip();
    if (rest_.starts_with("{")) return Allowed(attr);
    const std::string word = Word();
    if (word == "numbertype" || word == "numerictype")
      attr->allowed_types = NumberTypes();
    else if (word == "realnumbertype")
      attr->allowed_types = RealNumberTypes();
    else if (word == "quantizedtype")
      attr->allowed_types = QuantizedTypes();
    else if (word == "string" || word == "int" || word == "float" || word == "bool" ||
             word == "type" || word == "shape" || word == "tensor" || word == "func")
      return word;
    else
      Fail("unknown type of attribute");
    return "type";
  }
  std::string Allowed(AttrDef* attr) {
    Consume("{");
    Skip();
    const bool strings = !rest_.empty() && (rest_[0] == '\'' || rest_[0] == '"');
    do {
      Skip();
      if (rest_.starts_with("}")) break;  // a comma at the end
      if (strings)
        attr->allowed_strings.push_back(Quoted());
      else {
        const std::string word = Word();
        DataType t;
        if (word == "numbertype")
          attr->allowed_types.insert(attr->allowed_types.end(), NumberTypes().begin(),
                                     NumberTypes().end());
        else if (word == "realnumbertype")
          attr->allowed_types.insert(attr->allowed_types.end(), RealNumberTypes().begin(),
                                     RealNumberTypes().end());
        else if (word == "quantizedtype")
          attr->allowed_types.insert(attr->allowed_types.end(), QuantizedTypes().begin(),
                                     QuantizedTypes().end());
        else if (ParseDType(word, &t))
          attr->allowed_types.push_back(t);
        else
          Fail("unknown dtype in {}");
      }
    } while (Consume(","));
    if (!Consume("}")) Fail("{ without }");
    return strings ? "string" : "type";
  }
  template <typename F>
  auto ListOf(F&& element) {
    std::vector<decltype(element())> list;
    if (!Consume("[")) Fail("a list is expected");
    if (Consume("]")) return list;
    do {
      list.push_back(element());
    } while (Consume(","));
    if (!Consume("]")) Fail("[ without ]");
    return list;
  }
  PartialShape ShapeValue() {
    Skip();
    // "{ }" or "{ unknown_rank: true }" or "[2,?]".
    if (Consume("{")) {
      const bool unknown = Consume("unknown_rank");
      const size_t close = rest_.find('}');
      if (close == std::string_view::npos) Fail("{ without }");
      rest_.remove_prefix(close + 1);
      return unknown ? PartialShape::Unknown() : PartialShape::Scalar();
    }
    const std::vector<int64_t> dims =
        ListOf([&] { return Consume("?") ? int64_t{-1} : Integer(); });
    return PartialShape(dims);
  }
  AttrValue Default(const AttrDef& attr) {
    if (attr.type == "string") return Quoted();
    if (attr.type == "int") return Integer();
    if (attr.type == "float") return Number();
    if (attr.type == "bool") return Boolean();
    if (attr.type == "type") return Dtype();
    if (attr.type == "shape") return ShapeValue();
    if (attr.type == "list(string)") return ListOf([&] { return Quoted(); });
    if (attr.type == "list(int)") return ListOf([&] { return Integer(); });
    if (attr.type == "list(float)") return ListOf([&] { return Number(); });
    if (attr.type == "list(bool)") return ListOf([&] { return Boolean(); });
    if (attr.type == "list(type)") return ListOf([&] { return Dtype(); });
    if (attr.type == "list(shape)") return ListOf([&] { return ShapeValue(); });
    if (attr.type == "func") return FuncRef{Quoted(), nullptr};
    if (Consume("[") && Consume("]")) return EmptyList{};
    Fail("a default of this type can't be written here");
  }

  std::string op_;
  std::string_view spec_, rest_;
  const std::source_location& where_;
};

}  // namespace

const AttrDef* OpDef::FindAttr(std::string_view name) const {
  for (const AttrDef& a : attrs_) {
    if (a.name == name) return &a;
  }
  return nullptr;
}

OpDefBuilder::OpDefBuilder(OpRegistry* registry, std::string_view name, std::source_location where)
    : registry_(registry), def_(std::make_unique<OpDef>()) {
  def_->name_ = name;
  def_->where_ = where;
}

OpDefBuilder::~OpDefBuilder() {
  if (def_) registry_->Insert(std::move(def_));
}

OpDefBuilder&& OpDefBuilder::Summary(std::string_view text) && {
  def_->summary_ = text;
  return std::move(*this);
}

// Most programs use few of the ops: a text is parsed when its op is looked up for the first time.
// Until then it stands in the place of the name.
OpDefBuilder&& OpDefBuilder::Attr(std::string_view spec) && {
  def_->attrs_.emplace_back().name = std::string(spec);
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::Input(std::string_view spec) && {
  def_->inputs_.emplace_back().name = std::string(spec);
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::Output(std::string_view spec) && {
  def_->outputs_.emplace_back().name = std::string(spec);
  return std::move(*this);
}

namespace {

ArgDef ParseArg(const OpDef& def, std::string_view spec) {
  const size_t colon = spec.find(':');
  if (colon == std::string_view::npos)
    BadSchema(def.name(), spec, "no ':' after the name", def.where());
  ArgDef arg;
  arg.name = std::string(StripSpace(spec.substr(0, colon)));
  std::string_view type = StripSpace(spec.substr(colon + 1));
  if (type.starts_with("Ref(") && type.ends_with(")")) {
    arg.is_ref = true;
    type = StripSpace(type.substr(4, type.size() - 5));
  }
  if (const size_t star = type.find('*'); star != std::string_view::npos) {
    arg.number_attr = std::string(StripSpace(type.substr(0, star)));
    type = StripSpace(type.substr(star + 1));
  }
  if (!ParseDType(type, &arg.type)) arg.type_attr = std::string(type);
  return arg;
}

// Parses the texts of an op's arguments and says what each word in them means.
void ParseArgs(const OpDef& def, std::vector<ArgDef>* args) {
  for (ArgDef& arg : *args) {
    arg = ParseArg(def, std::string(arg.name));
    if (!arg.number_attr.empty() && !def.FindAttr(arg.number_attr))
      BadSchema(def.name(), arg.name, "no attribute " + arg.number_attr, def.where());
    if (arg.type_attr.empty()) continue;
    const AttrDef* attr = def.FindAttr(arg.type_attr);
    if (!attr)
      BadSchema(def.name(), arg.name, "no attribute or dtype " + arg.type_attr, def.where());
    if (attr->is_list()) arg.type_list_attr = std::exchange(arg.type_attr, {});
  }
}

void ParseAttrs(const OpDef& def, std::vector<AttrDef>* attrs) {
  for (AttrDef& attr : *attrs) {
    const std::string spec = std::exchange(attr.name, {});
    AttrDef parsed = AttrSpec(def.name(), spec, def.where()).Parse();
    if (def.FindAttr(parsed.name))
      BadSchema(def.name(), spec, "there is an attribute of this name already", def.where());
    attr = std::move(parsed);
  }
}

// Attributes have a type only once they are parsed, and names of arguments no colon.
bool IsParsed(const OpDef& def) {
  if (!def.attrs().empty()) return !def.attrs()[0].type.empty();
  const std::vector<ArgDef>& args = def.inputs().empty() ? def.outputs() : def.inputs();
  return args.empty() || args[0].name.find(':') == std::string::npos;
}

}  // namespace

OpDefBuilder&& OpDefBuilder::Shape(ShapeFn fn) && {
  def_->shape_fn_ = std::move(fn);
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::Gradient(GradientFn fn) && {
  def_->gradient_ = std::move(fn);
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::NoGradient(std::string_view why) && {
  def_->no_gradient_ = why;
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::Stateful() && {
  def_->stateful_ = true;
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::Commutative() && {
  def_->commutative_ = true;
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::Aggregate() && {
  def_->aggregate_ = true;
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::AllowsUninitializedInput() && {
  def_->allows_uninitialized_input_ = true;
  return std::move(*this);
}
OpDefBuilder&& OpDefBuilder::Deprecated(int version, std::string_view text) && {
  def_->deprecated_at_ = version;
  def_->deprecation_ = text;
  return std::move(*this);
}

OpRegistry& OpRegistry::Global() {
  static OpRegistry* const registry = [] {
    auto* r = new OpRegistry();
    RegisterAllOps(*r);
    return r;
  }();
  return *registry;
}

const OpDef* OpRegistry::Find(std::string_view name) const {
  {
    std::shared_lock lock(mu_);
    auto it = ops_.find(name);
    if (it == ops_.end()) return nullptr;
    if (IsParsed(*it->second)) return it->second.get();
  }
  std::unique_lock lock(mu_);
  OpDef& def = *ops_.find(name)->second;  // ops stay
  if (!IsParsed(def)) {
    ParseAttrs(def, &def.attrs_);
    ParseArgs(def, &def.inputs_);
    ParseArgs(def, &def.outputs_);
  }
  return &def;
}

std::vector<const OpDef*> OpRegistry::List() const {
  std::vector<std::string> names;
  {
    std::shared_lock lock(mu_);
    for (const auto& [name, def] : ops_) names.push_back(name);
  }
  std::vector<const OpDef*> list;
  for (const std::string& name : names) list.push_back(Find(name));
  return list;
}

void OpRegistry::Insert(std::unique_ptr<OpDef> def) {
  std::unique_lock lock(mu_);
  std::string name = def->name();
  const std::source_location where = def->where();
  auto [it, inserted] = ops_.try_emplace(name, std::move(def));
  if (!inserted) {
    BadSchema(name, "",
              StrCat("registered already at ", it->second->where().file_name(), ":",
                     it->second->where().line()),
              where);
  }
}

void OpRegistry::AddGradient(std::string name, GradientFn fn) {
  std::unique_lock lock(mu_);
  gradients_[std::move(name)] = std::move(fn);
}

const GradientFn* OpRegistry::FindGradient(std::string_view name) const {
  std::shared_lock lock(mu_);
  auto it = gradients_.find(name);
  return it == gradients_.end() ? nullptr : &it->second;
}

}  // namespace weft
