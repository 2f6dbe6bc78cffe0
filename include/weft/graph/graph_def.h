// SPDX-License-Identifier: Apache-2.0
// GraphDef: a serialised graph, as a value. Reads and writes TensorFlow's binary, text (.pbtxt) and
// JSON forms.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

namespace proto {
class GraphDef;
}

class GraphDef {
 public:
  GraphDef();
  explicit GraphDef(proto::GraphDef proto);
  ~GraphDef();
  GraphDef(const GraphDef&);
  GraphDef(GraphDef&&) noexcept;
  GraphDef& operator=(const GraphDef&);
  GraphDef& operator=(GraphDef&&) noexcept;

  // Throw DataLossError / InvalidArgumentError if the text is no GraphDef; files: NotFoundError.
  static GraphDef Parse(std::string_view bytes);
  static GraphDef ParseText(std::string_view text);
  static GraphDef ParseJson(std::string_view text);
  // Binary unless the name ends with .pbtxt or .json.
  static GraphDef FromFile(const std::string& path);

  std::string Serialize() const;  // deterministic
  std::string ToText() const;
  std::string ToJson() const;
  // Writes to a temporary name first and renames.
  void WriteFile(const std::string& path, bool as_text = false) const;

  int num_nodes() const;
  std::vector<std::string> node_names() const;

  const proto::GraphDef& proto() const { return *proto_; }
  proto::GraphDef& mutable_proto() { return *proto_; }

 private:
  std::unique_ptr<proto::GraphDef> proto_;
};

}  // namespace weft
