// SPDX-License-Identifier: Apache-2.0
// Texts: examples, CSV, regular expressions, and what the ops of strings take apart.
#include <memory>
#include <utility>

#include "tests/fuzz/targets.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/sparse_tensor.h"
#include "weft/ops/parsing.h"
#include "weft/weft.h"

namespace weft::fuzz {
namespace {

// A graph that is built once and fed with texts.
class TextGraph {
 public:
  explicit TextGraph(int num_texts) {
    GraphScope scope(graph_);
    for (int i = 0; i < num_texts; ++i) texts_.push_back(Placeholder(kString));
  }
  Tensor text(size_t i) const { return texts_[i]; }
  const Graph& graph() const { return graph_; }
  void Fetch(Tensor t) { outputs_.push_back(t); }
  void Fetch(const SparseTensor& t) {
    for (const Tensor& part : {t.indices, t.values, t.dense_shape}) Fetch(part);
  }
  void Start() { session_ = std::make_unique<Session>(graph_); }
  // One run for each output: an error of one says nothing about the others.
  void Run(const std::vector<Array>& texts) const {
    Feeds feeds;
    for (size_t i = 0; i < texts_.size(); ++i) feeds.emplace_back(texts_[i], texts[i]);
    for (const Tensor& output : outputs_) {
      try {
        session_->Run(output, feeds);
      } catch (const Error&) {
      }
    }
  }

 private:
  Graph graph_;
  std::vector<Tensor> texts_;
  std::vector<Tensor> outputs_;
  std::unique_ptr<Session> session_;
};

// `build` adds nodes to the graph and fetches what it likes.
template <typename F>
const TextGraph& BuiltOnce(int num_texts, F&& build) {
  auto* const graph = new TextGraph(num_texts);
  GraphScope scope(graph->graph());
  build(*graph);
  graph->Start();
  return *graph;
}

Tensor Node(const char* op, const std::vector<Tensor>& inputs,
            const std::vector<std::pair<const char*, AttrValue>>& attrs = {}) {
  OpBuilder builder(op, "");
  for (const Tensor& t : inputs) builder.In(t);
  for (const auto& [name, value] : attrs) builder.Attr(name, value);
  return builder.Output();
}

// A tag and what it marks, as messages have them.
std::string Field(int number, const std::string& content) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         std::string(1, static_cast<char>(content.size())) + content;
}
std::string Feature(const std::string& name, int kind, const std::string& values) {
  return Field(1, Field(1, name) + Field(2, Field(kind, values)));
}

}  // namespace

void RunExample(std::string_view bytes) {
  static const TextGraph& graph = BuiltOnce(1, [](TextGraph& g) {
    using namespace io;
    const Features features = {{"a", FixedLenFeature{Shape({2}), kFloat32}},
                               {"b", FixedLenFeature{Shape(), kInt64, Array(int64_t{7})}},
                               {"c", VarLenFeature{kString}},
                               {"d", FixedLenSequenceFeature{Shape({2}), kFloat32, true}}};
    const Features lists = {{"e", FixedLenSequenceFeature{Shape(), kInt64, true}},
                            {"f", VarLenFeature{kFloat32}}};
    const Features context = {{"b", FixedLenFeature{Shape(), kInt64, Array(int64_t{7})}},
                              {"c", VarLenFeature{kString}}};
    const auto fetch = [&](const ParsedFeatures& parsed) {
      for (const auto& [name, feature] : parsed) {
        if (feature.is_sparse())
          g.Fetch(feature.sparse());
        else
          g.Fetch(feature.dense());
      }
    };
    fetch(ParseSingleExample(g.text(0), features));
    fetch(ParseExample(ExpandDims(g.text(0), 0), features));
    const ParsedSequence sequence = ParseSingleSequenceExample(g.text(0), context, lists);
    fetch(sequence.context);
    fetch(sequence.sequence);
  });
  graph.Run({Array(std::string(bytes))});
}

std::vector<std::string> ExampleSeeds() {
  const std::string floats = Field(1, std::string("\0\0\x80\x3f\0\0\0\x40", 8));
  const std::string ints = Field(1, std::string("\x05\x96\x01", 3));
  const std::string texts = Field(1, "text") + Field(1, "");
  const std::string both = Feature("a", 2, floats) + Feature("b", 3, ints) +
                           Feature("c", 1, texts) + Feature("d", 2, floats + floats);
  const std::string list = Field(1, Field(1, "e") + Field(2, Field(1, Field(3, ints))));
  return {Field(1, both), Field(1, Feature("a", 2, floats)),
          Field(1, Feature("b", 3, ints)) + Field(2, list), ""};
}

void RunCsv(std::string_view bytes) {
  static const TextGraph& graph = BuiltOnce(1, [](TextGraph& g) {
    for (const char* delimiter : {",", "\t", "\""}) {
      for (const bool quotes : {true, false}) {
        const std::vector<Tensor> columns =
            io::DecodeCsv(g.text(0),
                          {Constant({1.f}), Constant({int32_t{2}}), Constant({"text"}),
                           Constant(Array::Zeros(kInt64, Shape({0})))},
                          {.field_delim = delimiter, .use_quote_delim = quotes, .na_value = "NA"});
        for (const Tensor& column : columns) g.Fetch(column);
      }
    }
  });
  graph.Run({Array(std::string(bytes))});
}

std::vector<std::string> CsvSeeds() {
  return {"1.5,2,text,9223372036854775807",
          "\"1\",\"2\",\"a \"\"b\"\",\",3",
          ",,,4",
          "NA,NA,NA,NA",
          "1e400,-0x7,\"",
          "1\t2\t3\t4",
          "\n,\r\n"};
}

void RunRegex(std::string_view bytes) {
  static const TextGraph& graph = BuiltOnce(3, [](TextGraph& g) {
    const Tensor text = g.text(0), pattern = g.text(1), rewrite = g.text(2);
    g.Fetch(Node("RegexFullMatch", {text, pattern}));
    for (const bool all : {true, false})
      g.Fetch(Node("RegexReplace", {text, pattern, rewrite}, {{"replace_global", all}}));
  });
  Bytes in(bytes);
  const std::string pattern = in.Text(64), rewrite = in.Text(16);
  graph.Run({Array(in.Rest()), Array(pattern), Array(rewrite)});
}

std::vector<std::string> RegexSeeds() {
  const auto seed = [](const std::string& pattern, const std::string& rewrite,
                       const std::string& text) {
    return std::string(1, static_cast<char>(pattern.size())) + pattern +
           std::string(1, static_cast<char>(rewrite.size())) + rewrite + text;
  };
  return {seed("a(b*)c", "<\\1>", "abbbc abc"),    seed("^[[:alpha:]]+\\d{2,3}$", "\\0", "abc123"),
          seed("(?i)(x|y)+?", "\\2", "xyXY"),      seed("", "-", "text"),
          seed("(a{1,1000}){1,1000}", "", "aaaa"), seed("\\pN\\C", "", "\xff\xfe 1")};
}

void RunStrings(std::string_view bytes) {
  static const TextGraph& graph = BuiltOnce(3, [](TextGraph& g) {
    const Tensor text = g.text(0), texts = ExpandDims(text, 0), other = g.text(1),
                 number = g.text(2);
    // A number that the bytes choose.
    const Tensor chosen = Node("StringToHashBucketFast", {number}, {{"num_buckets", int64_t{64}}});
    const Tensor small = Subtract(Cast(chosen, kInt32), 16);
    for (const char* unit : {"BYTE", "UTF8_CHAR"}) {
      g.Fetch(Node("StringLength", {text}, {{"unit", std::string(unit)}}));
      g.Fetch(Node("Substr", {text, small, Abs(small)}, {{"unit", std::string(unit)}}));
    }
    g.Fetch(Node("StringSplit", {texts, other}));
    g.Fetch(Node("StringSplitV2", {texts, other}));
    for (const char* op : {"StringStrip", "DecodeBase64", "EncodeBase64"})
      g.Fetch(Node(op, {text}));
    for (const char* op : {"StringUpper", "StringLower"})
      g.Fetch(Node(op, {text}, {{"encoding", std::string("utf-8")}}));
    for (const DataType dtype : {kFloat32, kFloat64, kInt32, kInt64})
      g.Fetch(Node("StringToNumber", {text}, {{"out_type", dtype}}));
    for (const DataType dtype : {kUint8, kInt32, kFloat64, kBool, kComplex64})
      g.Fetch(Node("DecodeRaw", {texts}, {{"out_type", dtype}}));
    g.Fetch(Node("DecodePaddedRaw", {texts, Abs(small)}, {{"out_type", kInt16}}));
    for (const char* encoding : {"UTF-8", "UTF-16-BE", "UTF-32-BE", "ISO-8859-1"}) {
      g.Fetch(
          Node("UnicodeDecodeWithOffsets", {texts},
               {{"input_encoding", std::string(encoding)}, {"errors", std::string("replace")}}));
      g.Fetch(Node("UnicodeTranscode", {texts},
                   {{"input_encoding", std::string(encoding)},
                    {"output_encoding", std::string("UTF-8")},
                    {"errors", std::string("ignore")}}));
    }
    g.Fetch(Node("DecodeCompressed", {texts}, {{"compression_type", std::string("ZLIB")}}));
    g.Fetch(Node("DecodeCompressed", {texts}, {{"compression_type", std::string("GZIP")}}));
    g.Fetch(Node("DecodeWav", {text}));
    g.Fetch(Node("DecodeJSONExample", {texts}));
    g.Fetch(Node("ParseTensor", {text}, {{"out_type", kFloat32}}));
    g.Fetch(Node("StringFormat", {texts},
                 {{"T", std::vector<DataType>{kString}}, {"template", std::string("text %s")}}));
  });
  Bytes in(bytes);
  const std::string other = in.Text(8), number = in.Text(2);
  graph.Run({Array(in.Rest()), Array(other), Array(number)});
}

std::vector<std::string> StringsSeeds() {
  const auto seed = [](const std::string& other, const std::string& text) {
    return std::string(1, static_cast<char>(other.size())) + other + "\x01" + "x" + text;
  };
  return {
      seed(",", "a,b,,c"),
      seed("", "  some words\t\n "),
      seed("", "-1.5e10"),
      seed("", "9223372036854775808"),
      seed("", "\xe2\x82\xac\xf0\x9f\x98\x80 text \xff"),
      seed("", "c29tZSB0ZXh0"),
      seed("", std::string("RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0"
                           "\x02\0\x10\0data\x04\0\0\0\x01\x02\x03\x04",
                           48)),
      seed("", "{\"features\":{\"feature\":{\"a\":{\"int64List\":{\"value\":[\"1\"]}}}}}")};
}

}  // namespace weft::fuzz
