// SPDX-License-Identifier: Apache-2.0
#include "tools/weft/npy.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/io/file.h"
#include "tools/weft/zip.h"

namespace weft::tool {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

[[noreturn]] void Damaged(const std::string& what, std::string_view why) {
  ThrowError(Code::kDataLoss, StrCat(what, ": ", why));
}

struct NumpyType {
  std::string_view name;  // without the byte order
  DataType dtype;
};
constexpr NumpyType kTypes[] = {
    {"f2", kFloat16}, {"f4", kFloat32},   {"f8", kFloat64},     {"i1", kInt8},   {"i2", kInt16},
    {"i4", kInt32},   {"i8", kInt64},     {"u1", kUint8},       {"u2", kUint16}, {"u4", kUint32},
    {"u8", kUint64},  {"c8", kComplex64}, {"c16", kComplex128}, {"b1", kBool},
};

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Reads the dict of the header: keys and values as numpy writes them.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  Header Parse() {
    Header header;
    bool has_shape = false;
    Expect('{');
    while (!Consume('}')) {
      const std::string key = Quoted();
      Expect(':');
      if (key == "descr") {
        header.descr = Quoted();
      } else if (key == "fortran_order") {
        header.fortran_order = Word() == "True";
      } else if (key == "shape") {
        header.shape = Tuple();
        has_shape = true;
      } else {
        Damaged(what_, StrCat("the header has an unknown key '", key, "'"));
      }
      if (!Consume(',')) {
        Expect('}');
        break;
      }
    }
    if (header.descr.empty() || !has_shape) Damaged(what_, "the header has no descr or no shape");
    return header;
  }

 private:
  void SkipSpace() { text_ = text_.substr(std::min(text_.find_first_not_of(" \n"), text_.size())); }
  bool Consume(char c) {
    SkipSpace();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void Expect(char c) {
    if (!Consume(c)) Damaged(what_, StrCat("the header is no dict of numpy: '", c, "' is missing"));
  }
  std::string Quoted() {
    if (Consume('[')) {
      ThrowError(Code::kUnimplemented, StrCat(what_, ": arrays with fields can't be read"));
    }
    Expect('\'');
    const size_t end = text_.find('\'');
    if (end == std::string_view::npos) Damaged(what_, "the header has a text without an end");
    std::string value(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return value;
  }
  std::string_view Word() {
    SkipSpace();
    const size_t end = std::min(text_.find_first_of(",} "), text_.size());
    const std::string_view word = text_.substr(0, end);
    text_.remove_prefix(end);
    return word;
  }
  std::vector<int64_t> Tuple() {
    std::vector<int64_t> values;
    Expect('(');
    while (!Consume(')')) {
      SkipSpace();
      int64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
      if (error != std::errc() || value < 0) Damaged(what_, "the header has a wrong shape");
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      values.push_back(value);
      if (!Consume(',')) {
        Expect(')');
        break;
      }
    }
    return values;
  }
  std::string_view text_;
  const std::string& what_;
};

Header TakeHeader(std::string_view* bytes, const std::string& what) {
  if (!bytes->starts_with(kMagic) || bytes->size() < 10) Damaged(what, "it is no .npy file");
  const int version = (*bytes)[6];
  if (version < 1 || version > 3) Damaged(what, StrCat("it has the unknown version ", version));
  const size_t length_size = version == 1 ? 2 : 4, start = 8 + length_size;
  if (bytes->size() < start) Damaged(what, "it is cut off");
  uint64_t length = 0;
  for (size_t i = 0; i < length_size; ++i) {
    length |= uint64_t{static_cast<unsigned char>((*bytes)[8 + i])} << (8 * i);
  }
  if (length > bytes->size() - start) Damaged(what, "it is cut off");
  const Header header = HeaderParser(bytes->substr(start, length), what).Parse();
  bytes->remove_prefix(start + length);
  return header;
}

void AppendUtf8(uint32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    *out += {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
  } else if (c < 0x10000) {
    *out += {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3f)),
             static_cast<char>(0x80 | (c & 0x3f))};
  } else {
    *out += {static_cast<char>(0xf0 | (c >> 18 & 7)), static_cast<char>(0x80 | (c >> 12 & 0x3f)),
             static_cast<char>(0x80 | (c >> 6 & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
  }
}

// Of fixed size in the file, filled up with zeros.
std::string TextElement(std::string_view bytes, bool unicode, bool swap) {
  std::string text;
  if (!unicode) {
    text = bytes;
    text.resize(text.find_last_not_of('\0') + 1);
    return text;
  }
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    uint32_t c;
    std::memcpy(&c, bytes.data() + i, 4);
    if (swap) c = __builtin_bswap32(c);
    if (c == 0) break;
    AppendUtf8(c, &text);
  }
  return text;
}

// For each element in row-major order, where it is in a column-major file.
std::vector<size_t> ColumnMajorOrder(const Shape& shape) {
  std::vector<size_t> order(static_cast<size_t>(shape.num_elements()));
  const int rank = shape.rank();
  std::vector<int64_t> index(static_cast<size_t>(rank));
  for (size_t& position : order) {
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; --d) at = at * shape.dim(d) + index[static_cast<size_t>(d)];
    position = static_cast<size_t>(at);
    for (int d = rank - 1; d >= 0 && ++index[static_cast<size_t>(d)] == shape.dim(d); --d) {
      index[static_cast<size_t>(d)] = 0;
    }
  }
  return order;
}

// Size and dtype of the elements that a descr stands for.
struct Element {
  DataType dtype = kInvalidType;
  size_t size = 0;
  size_t swap_size = 0;  // of the parts whose bytes are turned round; 0: none
  bool unicode = false;
};

Element ElementOf(const std::string& descr, const std::string& what) {
  const char order = descr[0];
  const std::string_view name = std::string_view(descr).substr(
      order == '<' || order == '>' || order == '|' || order == '=' ? 1 : 0);
  Element e;
  for (const NumpyType& type : kTypes) {
    if (type.name == name) e = {type.dtype, DTypeSize(type.dtype)};
  }
  if (!name.empty() && (name[0] == 'S' || name[0] == 'U')) {
    uint64_t length = 0;
    const auto result = std::from_chars(name.data() + 1, name.data() + name.size(), length);
    if (result.ec != std::errc() || length > (uint64_t{1} << 32)) Damaged(what, "a wrong descr");
    e = {kString, name[0] == 'U' ? 4 * length : length};
    e.unicode = name[0] == 'U';
  }
  if (e.dtype == kInvalidType) {
    ThrowError(Code::kUnimplemented, StrCat(what, ": arrays of '", descr, "' can't be read"));
  }
  if (order == '>') e.swap_size = IsComplex(e.dtype) ? e.size / 2 : e.unicode ? 4 : e.size;
  return e;
}

}  // namespace

Array ParseNpy(std::string_view bytes, const std::string& what) {
  const Header header = TakeHeader(&bytes, what);
  const Element e = ElementOf(header.descr, what);
  Shape shape;
  std::string error;
  int64_t size = 0;
  if (!Shape::Make(header.shape, &shape, &error)) Damaged(what, error);
  if (__builtin_mul_overflow(shape.num_elements(), static_cast<int64_t>(e.size), &size) ||
      static_cast<uint64_t>(size) > bytes.size() ||
      (e.size == 0 && shape.num_elements() > int64_t{1} << 24)) {
    Damaged(what, StrCat("it has ", bytes.size(), " bytes of elements, too few for shape ",
                         shape.ToString()));
  }
  std::vector<size_t> order;
  if (header.fortran_order && shape.rank() > 1) order = ColumnMajorOrder(shape);
  Array array(e.dtype, shape);
  const auto n = static_cast<size_t>(shape.num_elements());
  if (order.empty() && e.dtype != kString && e.swap_size <= 1) {
    if (size > 0) std::memcpy(array.raw_data(), bytes.data(), static_cast<size_t>(size));
    return array;
  }
  for (size_t i = 0; i < n; ++i) {
    const std::string_view element = bytes.substr((order.empty() ? i : order[i]) * e.size, e.size);
    if (e.dtype == kString) {
      array.mutable_data<std::string>()[i] = TextElement(element, e.unicode, e.swap_size > 0);
      continue;
    }
    char* out = static_cast<char*>(array.raw_data()) + i * e.size;
    std::memcpy(out, element.data(), e.size);
    for (size_t at = 0; e.swap_size > 1 && at < e.size; at += e.swap_size) {
      std::reverse(out + at, out + at + e.swap_size);
    }
  }
  return array;
}

std::string NpyBytes(const Array& array) {
  std::string descr;
  size_t text_size = 1;
  if (array.dtype() == kString) {
    for (const std::string& s : array.values<std::string>()) {
      text_size = std::max(text_size, s.size());
    }
    descr = StrCat("|S", text_size);
  }
  for (const NumpyType& type : kTypes) {
    const bool one_byte = DTypeSize(type.dtype) == 1;
    if (type.dtype == array.dtype()) descr = StrCat(one_byte ? "|" : "<", type.name);
  }
  if (descr.empty()) {
    ThrowError(Code::kUnimplemented,
               StrCat("numpy has no arrays of ", DTypeName(array.dtype()), " in its files"));
  }
  std::string header =
      StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (",
             StrJoin(array.shape().dims(), ", "), array.rank() == 1 ? "," : "", "), }");
  // The elements begin at a multiple of 64.
  const size_t end = (10 + header.size() + 1 + 63) / 64 * 64;
  header.resize(end - 11, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes +=
      {'\x01', '\x00', static_cast<char>(header.size()), static_cast<char>(header.size() >> 8)};
  bytes += header;
  if (array.dtype() != kString) {
    return bytes.append(static_cast<const char*>(array.raw_data()), array.num_bytes());
  }
  for (std::string s : array.values<std::string>()) {
    s.resize(text_size);
    bytes += s;
  }
  return bytes;
}

Array ReadNpy(const std::string& path) { return ParseNpy(ValueOrThrow(ReadFile(path)), path); }

void WriteNpy(const std::string& path, const Array& array) {
  ThrowIfError(WriteFileAtomically(path, NpyBytes(array)));
}

std::map<std::string, Array> ReadNpz(const std::string& path) {
  const std::string bytes = ValueOrThrow(ReadFile(path));
  std::map<std::string, Array> arrays;
  for (const auto& [name, contents] : ReadZip(bytes, path)) {
    const bool has_suffix = name.ends_with(".npy");
    arrays[has_suffix ? name.substr(0, name.size() - 4) : name] =
        ParseNpy(contents, StrCat(path, ", ", name));
  }
  return arrays;
}

void WriteNpz(const std::string& path, const std::map<std::string, Array>& arrays) {
  std::map<std::string, std::string> files;
  for (const auto& [name, array] : arrays) files[name + ".npy"] = NpyBytes(array);
  ThrowIfError(WriteFileAtomically(path, ZipBytes(files)));
}

}  // namespace weft::tool
