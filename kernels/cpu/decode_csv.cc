// SPDX-License-Identifier: Apache-2.0
// DecodeCSV: lines as RFC 4180 has them.
#include <string>
#include <vector>

#include "kernels/cpu/parsing.h"
#include "src/core/strings.h"

namespace weft {
namespace {

class DecodeCsv final : public Kernel {
 public:
  explicit DecodeCsv(KernelConstruction& c)
      : types_(c.Attr<std::vector<DataType>>("OUT_TYPE")),
        use_quotes_(c.Attr<bool>("use_quote_delim")),
        na_value_(c.Attr<std::string>("na_value")),
        columns_(c.Attr<std::vector<int64_t>>("select_cols")) {
    const std::string delim = c.Attr<std::string>("field_delim");
    if (delim.size() != 1) {
      c.Fail(absl::InvalidArgumentError("field_delim should be only 1 char"));
    } else {
      delim_ = delim[0];
    }
    if (!columns_.empty() && columns_.size() != types_.size()) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("select_cols should match output size: ", columns_.size(), " columns, ",
                 types_.size(), " outputs")));
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i] < 0 || (i > 0 && columns_[i] <= columns_[i - 1]))
        c.Fail(absl::InvalidArgumentError("select_cols should be strictly increasing indices"));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckDefaults(ctx));
    const Array& records = ctx.input(0);
    std::vector<Array> outputs;
    for (int o = 0; o < ctx.num_outputs(); ++o) {
      WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(o, records.shape()));
      outputs.push_back(*out);
    }
    std::vector<std::string> fields;
    const auto lines = records.values<std::string>();
    for (size_t r = 0; r < lines.size(); ++r) {
      fields.clear();
      if (const char* mistake = Split(lines[r], &fields)) return ctx.InvalidArgument(mistake);
      if (fields.size() != types_.size()) {
        return ctx.InvalidArgument(
            StrCat("Expect ", types_.size(), " fields but have ", fields.size(), " in record ", r));
      }
      for (size_t f = 0; f < fields.size(); ++f) {
        WEFT_RETURN_IF_ERROR(Store(ctx, std::move(fields[f]), f, r, &outputs[f]));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CheckDefaults(KernelContext& ctx) const {
    for (size_t f = 0; f < types_.size(); ++f) {
      const Array& value = ctx.input(static_cast<int>(f) + 1);
      if (value.rank() > 1 || value.num_elements() > 1) {
        return ctx.InvalidArgument(StrCat("There should only be 1 default per field but field ", f,
                                          " has ", value.num_elements()));
      }
    }
    return absl::OkStatus();
  }

  // The chosen fields of a line; else what is wrong.
  const char* Split(const std::string& line, std::vector<std::string>* fields) const {
    size_t at = 0, chosen = 0;
    int64_t number = 0;
    const auto wanted = [&] {
      return columns_.empty() || (chosen < columns_.size() && columns_[chosen] == number);
    };
    while (at < line.size()) {
      if (line[at] == '\n' || line[at] == '\r') {  // between the fields
        ++at;
        continue;
      }
      std::string field;
      const char* mistake =
          use_quotes_ && line[at] == '"' ? Quoted(line, &at, &field) : Plain(line, &at, &field);
      if (mistake) return mistake;
      if (wanted()) {
        fields->push_back(std::move(field));
        if (++chosen == columns_.size()) return nullptr;  // the rest is not looked at
      }
      ++number;
    }
    // A line that ends with a delimiter has an empty field after it.
    if (!line.empty() && line.back() == delim_ && wanted()) fields->emplace_back();
    return nullptr;
  }

  // Up to the delimiter, and past it.
  const char* Plain(const std::string& line, size_t* at, std::string* field) const {
    for (; *at < line.size() && line[*at] != delim_; ++*at) {
      const char c = line[*at];
      if ((use_quotes_ && c == '"') || c == '\n' || c == '\r')
        return "Unquoted fields cannot have quotes/CRLFs inside";
      field->push_back(c);
    }
    ++*at;
    return nullptr;
  }

  // From a quote to the one that ends the field; two stand for one.
  const char* Quoted(const std::string& line, size_t* at, std::string* field) const {
    for (++*at; *at < line.size(); ++*at) {
      if (line[*at] != '"') {
        field->push_back(line[*at]);
        continue;
      }
      const size_t next = *at + 1;
      if (next == line.size() || line[next] == delim_) {
        *at = next + 1;
        return nullptr;
      }
      if (line[next] != '"') return "Quote inside a string has to be escaped by another quote";
      field->push_back('"');
      ++*at;
    }
    return "Quoted field has to end with quote followed by delim or end";
  }

  absl::Status Store(KernelContext& ctx, std::string field, size_t f, size_t record,
                     Array* out) const {
    const Array& otherwise = ctx.input(static_cast<int>(f) + 1);
    const bool missing = field.empty() || field == na_value_;
    if (missing && otherwise.num_elements() != 1) {
      return ctx.InvalidArgument(
          StrCat("Field ", f, " is required but missing in record ", record, "!"));
    }
    switch (types_[f]) {
      case kInt32:
        return StoreNumber<int32_t>(ctx, field, missing, otherwise, f, record, out);
      case kInt64:
        return StoreNumber<int64_t>(ctx, field, missing, otherwise, f, record, out);
      case kFloat32:
        return StoreNumber<float>(ctx, field, missing, otherwise, f, record, out);
      case kFloat64:
        return StoreNumber<double>(ctx, field, missing, otherwise, f, record, out);
      default:
        out->mutable_data<std::string>()[record] =
            missing ? *otherwise.data<std::string>() : std::move(field);
        return absl::OkStatus();
    }
  }

  template <typename T>
  static absl::Status StoreNumber(KernelContext& ctx, const std::string& field, bool missing,
                                  const Array& otherwise, size_t f, size_t record, Array* out) {
    T* to = out->mutable_data<T>() + record;
    if (missing) {
      *to = *otherwise.data<T>();
      return absl::OkStatus();
    }
    if (ParseNumber(field, to)) return absl::OkStatus();
    return ctx.InvalidArgument(StrCat("Field ", f, " in record ", record, " is not a valid ",
                                      DTypeOpName(dtype_of<T>), ": ", field));
  }

  const std::vector<DataType> types_;
  const bool use_quotes_;
  const std::string na_value_;
  const std::vector<int64_t> columns_;
  char delim_ = ',';
};

}  // namespace

void RegisterDecodeCsvKernels(KernelRegistry& kernels) {
  kernels.Add<DecodeCsv>("DecodeCSV", kCpu, {});
}

}  // namespace weft
