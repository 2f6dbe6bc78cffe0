// SPDX-License-Identifier: Apache-2.0
#include "src/graph/proto_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "proto/weft/meta_graph.pb.h"
#include "src/graph/proto_convert.h"

namespace weft {
namespace {

using ::testing::HasSubstr;

// A meta graph that names an asset as TensorFlow does: an Any of TensorFlow's type.
proto::MetaGraphDef WithAsset() {
  proto::AssetFileDef asset;
  asset.set_filename("words.txt");
  asset.mutable_tensor_info()->set_name("path:0");
  proto::MetaGraphDef def;
  auto& any =
      *(*def.mutable_collection_def())["saved_model_assets"].mutable_any_list()->add_value();
  any.set_type_url("type.googleapis.com/tensorflow.AssetFileDef");
  any.set_value(SerializeProto(asset));
  return def;
}

TEST(ProtoText, PackedMessagesAreWrittenAndReadAsTheirFields) {
  const proto::MetaGraphDef def = WithAsset();
  const std::string text = ProtoToText(def);
  EXPECT_THAT(text, HasSubstr("[type.googleapis.com/tensorflow.AssetFileDef] {"));
  EXPECT_THAT(text, HasSubstr("filename: \"words.txt\""));
  proto::MetaGraphDef read;
  ASSERT_TRUE(ParseProtoText(text, &read).ok());
  EXPECT_EQ(SerializeProto(read), SerializeProto(def));
}

TEST(ProtoText, PackedMessagesInJson) {
  const proto::MetaGraphDef def = WithAsset();
  const auto json = ProtoToJson(def);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_THAT(*json, HasSubstr("\"@type\": \"type.googleapis.com/tensorflow.AssetFileDef\""));
  EXPECT_THAT(*json, HasSubstr("\"filename\": \"words.txt\""));
  proto::MetaGraphDef read;
  ASSERT_TRUE(ParseProtoJson(*json, &read).ok());
  EXPECT_EQ(SerializeProto(read), SerializeProto(def));
}

TEST(ProtoText, SaysWhereATextGoesWrong) {
  proto::MetaGraphDef read;
  EXPECT_THAT(ParseProtoText("meta_info_def {\n  tags: 3\n}", &read).message(),
              HasSubstr("line 2, column 9"));
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "object_graph_def { nodes { children { ";
  EXPECT_FALSE(ParseProtoText(deep, &read).ok());
  EXPECT_FALSE(ParseProtoJson("{\"metaInfoDef\": {\"tags\": ", &read).ok());
  EXPECT_FALSE(ParseProtoJson("{\"unheardOf\": 1}", &read).ok());
}

}  // namespace
}  // namespace weft
