// SPDX-License-Identifier: Apache-2.0
// Attributes and dtypes of a new node: what TensorFlow's op construction infers and checks.
#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "src/graph/attr_variant.h"
#include "src/graph/graph_impl.h"

namespace weft {

DataType ActualInputType(const NodeSpec& spec, size_t i) {
  const Tensor& t = spec.inputs[i];
  if (t.valid()) return t.node()->output_types[static_cast<size_t>(t.index())];
  return i < spec.missing_input_types.size() ? spec.missing_input_types[i] : kInvalidType;
}

namespace {

class Resolver {
 public:
  Resolver(const NodeSpec& spec, const OpDef& def, AttrMap attrs)
      : spec_(spec), def_(def), attrs_(std::move(attrs)) {}

  absl::Status Run(Node* node) {
    types_.reserve(spec_.inputs.size() + def_.outputs().size());
    WEFT_RETURN_IF_ERROR(TakeGivenLists());
    WEFT_RETURN_IF_ERROR(InferCounts());
    WEFT_RETURN_IF_ERROR(WalkInputs());
    WEFT_RETURN_IF_ERROR(FillDefaults());
    WEFT_RETURN_IF_ERROR(CheckAttrs());
    const size_t num_inputs = types_.size();
    WEFT_RETURN_IF_ERROR(MakeOutputs());
    const auto types = std::make_shared<DataType[]>(types_.size());
    std::copy(types_.begin(), types_.end(), types.get());
    node->types = types;
    node->input_types = {types.get(), num_inputs};
    node->output_types = {types.get() + num_inputs, types_.size() - num_inputs};
    node->attrs = NodeAttrs(std::move(attrs_));
    return absl::OkStatus();
  }

 private:
  absl::Status Invalid(std::string_view text) const {
    return absl::InvalidArgumentError(
        StrCat(text, " (op type ", def_.name(), ", node '", spec_.name, "')"));
  }

  // An int for a float attribute (or for a type), as lenient callers give them, becomes what the
  // schema says.
  absl::Status TakeGivenLists() {
    for (const AttrDef& attr : def_.attrs()) {
      auto it = attrs_.find(attr.name);
      if (it == attrs_.end()) continue;
      AttrValue& v = it->second;
      if (attr.type == "float" && v.Get<int64_t>()) v = static_cast<float>(*v.Get<int64_t>());
      if (attr.type == "list(float)" && v.Get<std::vector<int64_t>>()) {
        const auto& ints = *v.Get<std::vector<int64_t>>();
        v = std::vector<float>(ints.begin(), ints.end());
      }
      if (attr.type == "type" && v.Get<DataType>() && IsRef(*v.Get<DataType>()))
        v = RemoveRef(*v.Get<DataType>());
    }
    return absl::OkStatus();
  }

  static constexpr int64_t kAbsent = std::numeric_limits<int64_t>::min();
  template <typename T>
  const T* Find(const std::string& attr) const {
    auto it = attrs_.find(attr);
    return it == attrs_.end() ? nullptr : it->second.Get<T>();
  }
  int64_t Given(const std::string& attr) const {
    const int64_t* n = Find<int64_t>(attr);
    return n ? *n : kAbsent;
  }
  int64_t GivenLength(const std::string& attr) const {
    const auto* list = Find<std::vector<DataType>>(attr);
    return list ? static_cast<int64_t>(list->size()) : kAbsent;
  }

  // How many tensors each argument has. One length may be left open: it follows from the number of
  // inputs.
  absl::Status InferCounts() {
    const int64_t total = static_cast<int64_t>(spec_.inputs.size());
    int64_t fixed = 0, open_arguments = 0;
    std::string open;
    for (const ArgDef& arg : def_.inputs()) {
      const std::string& key = arg.number_attr.empty() ? arg.type_list_attr : arg.number_attr;
      const int64_t given = key.empty()               ? 1
                            : arg.number_attr.empty() ? GivenLength(key)
                                                      : Given(key);
      if (given >= 0) {
        if (given > total) return WrongCount(total, -1);
        fixed += given;
      } else if (given != kAbsent) {
        return Invalid(StrCat("Value for attr '", key, "' of ", given, " must not be negative"));
      } else if (open.empty() || open == key) {
        open = key;
        ++open_arguments;
      } else {
        return Invalid(
            StrCat("the lengths of '", open, "' and '", key,
                   "' can't both be inferred from the inputs: give one as an attribute"));
      }
    }
    if (open_arguments > 0) {
      if (total < fixed || (total - fixed) % open_arguments) return WrongCount(total, fixed);
      open_length_ = (total - fixed) / open_arguments;
    } else if (fixed != total) {
      return WrongCount(total, fixed);
    }
    return absl::OkStatus();
  }

  absl::Status WrongCount(int64_t got, int64_t want) const {
    return Invalid(StrCat(
        "NodeDef expected inputs '",
        StrJoin(def_.inputs(), ", ", [](std::string* s, const ArgDef& a) { s->append(a.name); }),
        "' do not match ", got, " inputs specified",
        want >= 0 ? StrCat("; ", want, " are needed") : ""));
  }

  absl::Status WalkInputs() {
    size_t next = 0;
    for (const ArgDef& arg : def_.inputs()) {
      if (!arg.type_list_attr.empty()) {
        const int64_t given = GivenLength(arg.type_list_attr);
        WEFT_RETURN_IF_ERROR(WalkList(arg, given >= 0 ? given : open_length_, &next));
        continue;
      }
      int64_t n = 1;
      if (!arg.number_attr.empty()) {
        n = Given(arg.number_attr);
        if (n == kAbsent) {
          n = open_length_;
          attrs_[arg.number_attr] = n;
        }
      }
      for (int64_t i = 0; i < n; ++i, ++next) WEFT_RETURN_IF_ERROR(TakeInput(arg, next));
    }
    return absl::OkStatus();
  }

  absl::Status WalkList(const ArgDef& arg, int64_t n, size_t* next) {
    std::vector<DataType> given;
    if (const auto* list = Find<std::vector<DataType>>(arg.type_list_attr)) given = *list;
    std::vector<DataType> types;
    for (int64_t i = 0; i < n; ++i, ++*next) {
      const DataType type = RemoveRef(ActualInputType(spec_, *next));
      const DataType wanted = given.empty() ? type : given[static_cast<size_t>(i)];
      if (type != wanted) return Mismatch(arg, *next, wanted);
      types.push_back(wanted);
      types_.push_back(wanted);
    }
    if (given.empty()) attrs_[arg.type_list_attr] = types;
    return absl::OkStatus();
  }

  absl::Status TakeInput(const ArgDef& arg, size_t i) {
    const DataType actual = ActualInputType(spec_, i);
    DataType wanted = arg.type;
    if (!arg.type_attr.empty()) {
      auto [it, inserted] = attrs_.try_emplace(arg.type_attr, RemoveRef(actual));
      const DataType* given = it->second.Get<DataType>();
      if (!given)
        return Invalid(StrCat("attribute '", arg.type_attr, "' is a ", it->second.KindName(),
                              ", but must be a type"));
      wanted = *given;
      if (inserted) inferred_from_.push_back(&arg);
    }
    if (RemoveRef(actual) != RemoveRef(wanted)) return Mismatch(arg, i, wanted);
    if (arg.is_ref && !IsRef(actual)) {
      if (spec_.imported) {
        return Invalid(StrCat("Input ", i, " of node ", spec_.name, " was passed ",
                              DTypeOpName(actual), " from ", spec_.inputs[i].name(),
                              " incompatible with expected ", DTypeOpName(MakeRef(wanted)), "."));
      }
      return absl::InvalidArgumentError(StrCat("'", def_.name(), "' Op requires that input '",
                                               arg.name,
                                               "' be a mutable tensor (e.g.: a Variable); node '",
                                               spec_.name, "' is given ", spec_.inputs[i].name()));
    }
    types_.push_back(arg.is_ref ? MakeRef(wanted) : wanted);
    return absl::OkStatus();
  }

  absl::Status Mismatch(const ArgDef& arg, size_t i, DataType wanted) const {
    const DataType actual = ActualInputType(spec_, i);
    if (spec_.imported) {
      return absl::InvalidArgumentError(StrCat(
          "Input ", i, " of node ", spec_.name, " was passed ", DTypeOpName(actual), " from ",
          spec_.inputs[i].valid() ? spec_.inputs[i].name() : "a later node",
          " incompatible with expected ", DTypeOpName(arg.is_ref ? MakeRef(wanted) : wanted), "."));
    }
    const auto first =
        std::find_if(inferred_from_.begin(), inferred_from_.end(),
                     [&](const ArgDef* other) { return other->type_attr == arg.type_attr; });
    if (first != inferred_from_.end()) {
      return absl::InvalidArgumentError(StrCat("Input '", arg.name, "' of '", def_.name(),
                                               "' Op has type ", DTypeName(RemoveRef(actual)),
                                               " that does not match type ", DTypeName(wanted),
                                               " of argument '", (*first)->name, "'."));
    }
    return absl::InvalidArgumentError(StrCat(
        "Input '", arg.name, "' of '", def_.name(), "' Op has type ", DTypeName(RemoveRef(actual)),
        " that does not match expected type of ", DTypeName(wanted), "."));
  }

  absl::Status FillDefaults() {
    values_.reserve(def_.attrs().size());
    for (const AttrDef& attr : def_.attrs()) {
      auto it = attrs_.lower_bound(attr.name);
      if (it == attrs_.end() || it->first != attr.name) {
        if (!attr.default_value)
          return Invalid(
              StrCat("NodeDef missing attr '", attr.name, "' from Op<name=", def_.name(), ">"));
        it = attrs_.emplace_hint(it, attr.name, *attr.default_value);
      }
      values_.push_back(&it->second);
    }
    return absl::OkStatus();
  }

  absl::Status CheckAttrs() const {
    for (size_t i = 0; i < values_.size(); ++i) {
      const AttrDef& attr = def_.attrs()[i];
      const AttrValue& value = *values_[i];
      if (value.Get<AttrPlaceholder>())
        return Invalid(StrCat("attribute '", attr.name, "' is the placeholder ", value.ToString(),
                              " outside of a function"));
      const std::string_view kind = KindText(value.variant());
      if (kind != attr.type && !(attr.is_list() && kind == "list")) {
        return Invalid(StrCat("AttrValue had value with type '", kind, "' when '", attr.type,
                              "' expected for attr '", attr.name, "'"));
      }
      WEFT_RETURN_IF_ERROR(CheckMinimum(attr, value));
      WEFT_RETURN_IF_ERROR(CheckAllowed(attr, value));
    }
    return absl::OkStatus();
  }

  absl::Status CheckMinimum(const AttrDef& attr, const AttrValue& value) const {
    if (!attr.minimum) return absl::OkStatus();
    if (attr.type == "int") {
      if (*value.Get<int64_t>() >= *attr.minimum) return absl::OkStatus();
      return Invalid(StrCat("Value for attr '", attr.name, "' of ", *value.Get<int64_t>(),
                            " must be at least minimum ", *attr.minimum));
    }
    const int64_t length = std::visit(
        [](const auto& v) -> int64_t {
          if constexpr (requires { typename std::decay_t<decltype(v)>::allocator_type; }) {
            return static_cast<int64_t>(v.size());
          } else {
            return 0;  // an empty list of unknown type
          }
        },
        value.variant());
    if (length >= *attr.minimum) return absl::OkStatus();
    return Invalid(StrCat("Length for attr '", attr.name, "' of ", length,
                          " must be at least minimum ", *attr.minimum));
  }

  absl::Status CheckAllowed(const AttrDef& attr, const AttrValue& value) const {
    auto bad_type = [&](DataType t) {
      return !attr.allowed_types.empty() &&
             std::find(attr.allowed_types.begin(), attr.allowed_types.end(), t) ==
                 attr.allowed_types.end();
    };
    auto type_error = [&](DataType t) {
      return Invalid(StrCat("Value for attr '", attr.name, "' of ", DTypeOpName(t),
                            " is not in the list of allowed values: ",
                            StrJoin(attr.allowed_types, ", ", [](std::string* s, DataType a) {
                              s->append(DTypeOpName(a));
                            })));
    };
    auto string_error = [&](const std::string& s) {
      return Invalid(StrCat("Value for attr '", attr.name, "' of \"", s,
                            "\" is not in the list of allowed values: \"",
                            StrJoin(attr.allowed_strings, "\", \""), "\""));
    };
    auto bad_string = [&](const std::string& s) {
      return !attr.allowed_strings.empty() &&
             std::find(attr.allowed_strings.begin(), attr.allowed_strings.end(), s) ==
                 attr.allowed_strings.end();
    };
    if (const auto* t = value.Get<DataType>()) {
      if (DTypeSize(*t) == 0)
        return Invalid(
            StrCat("attr '", attr.name, "' has the invalid dtype ", static_cast<int>(*t)));
      if (bad_type(*t)) return type_error(*t);
    }
    if (const auto* list = value.Get<std::vector<DataType>>()) {
      for (DataType t : *list) {
        if (DTypeSize(t) == 0)
          return Invalid(
              StrCat("attr '", attr.name, "' has the invalid dtype ", static_cast<int>(t)));
        if (bad_type(t)) return type_error(t);
      }
    }
    if (const auto* s = value.Get<std::string>(); s && bad_string(*s)) return string_error(*s);
    if (const auto* list = value.Get<std::vector<std::string>>()) {
      for (const std::string& s : *list) {
        if (bad_string(s)) return string_error(s);
      }
    }
    return absl::OkStatus();
  }

  absl::Status MakeOutputs() {
    // A graph has far fewer outputs than this; a claimed number beyond it would only be memory.
    constexpr int64_t kMaxOutputs = 1 << 20;
    for (const ArgDef& arg : def_.outputs()) {
      if (!arg.type_list_attr.empty()) {
        const auto& list = *Find<std::vector<DataType>>(arg.type_list_attr);
        types_.insert(types_.end(), list.begin(), list.end());
        continue;
      }
      const DataType type = arg.type_attr.empty() ? arg.type : *Find<DataType>(arg.type_attr);
      const int64_t n = arg.number_attr.empty() ? 1 : *Find<int64_t>(arg.number_attr);
      if (n < 0 || n > kMaxOutputs)
        return Invalid(StrCat("attribute '", arg.number_attr, "' asks for ", n, " outputs"));
      types_.insert(types_.end(), static_cast<size_t>(n), arg.is_ref ? MakeRef(type) : type);
    }
    return absl::OkStatus();
  }

  const NodeSpec& spec_;
  const OpDef& def_;
  AttrMap attrs_;
  std::vector<DataType> types_;           // of the inputs, then of the outputs
  std::vector<const AttrValue*> values_;  // of def_.attrs()
  int64_t open_length_ = 0;
  std::vector<const ArgDef*> inferred_from_;  // the arguments that type attributes follow from
};

}  // namespace

absl::Status ResolveTypes(const NodeSpec& spec, const OpDef& def, AttrMap attrs, Node* node) {
  return Resolver(spec, def, std::move(attrs)).Run(node);
}

std::pair<int, int> InputRange(const Node& node, std::string_view name) {
  int begin = 0;
  for (const ArgDef& arg : node.def->inputs()) {
    int n = 1;
    if (!arg.number_attr.empty()) n = static_cast<int>(*node.FindAttrOf<int64_t>(arg.number_attr));
    if (!arg.type_list_attr.empty())
      n = static_cast<int>(node.FindAttrOf<std::vector<DataType>>(arg.type_list_attr)->size());
    if (arg.name == name) return {begin, begin + n};
    begin += n;
  }
  return {0, 0};
}

}  // namespace weft
