// SPDX-License-Identifier: Apache-2.0
// The nets of examples/models: names, shapes and numbers of weights. The numbers are those that
// the papers' nets have in other libraries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "examples/models/alexnet.h"
#include "examples/models/inception_v3.h"
#include "examples/models/lenet.h"
#include "examples/models/mobilenet_v1.h"
#include "examples/models/resnet.h"
#include "examples/models/vgg.h"
#include "tests/support/graph_golden.h"

namespace weft::examples {
namespace {

using testing::Contains;
using testing::IsSupersetOf;
using testing::Key;

class Models : public testing::Test {
 protected:
  static Tensor Images(int64_t side, int64_t channels = 3) {
    return Placeholder(kFloat32, {2, side, side, channels}, "images");
  }
  static int64_t TrainableWeights() {
    int64_t count = 0;
    for (const Variable& v : TrainableVariables()) count += v.shape().num_elements();
    return count;
  }
  static std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const Variable& v : GlobalVariables()) names.push_back(v.op_name());
    return names;
  }
  bool HasNode(const std::string& name) const { return graph_.FindOperation(name).has_value(); }

  Graph graph_;
  GraphScope use_{graph_};
};

TEST_F(Models, Lenet) {
  const ArgScope scope(LenetArgScope(0.0005f));
  const Net net = Lenet(Images(28, 1), {.num_classes = 10, .is_training = true});
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 10}));
  EXPECT_EQ(TrainableWeights(), 3274634);
  EXPECT_THAT(Names(),
              testing::ElementsAre("LeNet/conv1/weights", "LeNet/conv1/biases",
                                   "LeNet/conv2/weights", "LeNet/conv2/biases", "LeNet/fc3/weights",
                                   "LeNet/fc3/biases", "LeNet/fc4/weights", "LeNet/fc4/biases"));
  EXPECT_EQ(losses::GetRegularizationLosses().size(), 4u);
  EXPECT_EQ(net.end_points.at("Predictions").shape(), PartialShape({2, 10}));
}

TEST_F(Models, Lenet5) {
  const Net net = Lenet5(Images(32, 1));
  const auto shape = [&](const char* name) { return net.end_points.at(name).shape(); };
  EXPECT_EQ(shape("conv1"), PartialShape({2, 28, 28, 6}));
  EXPECT_EQ(shape("pool1"), PartialShape({2, 14, 14, 6}));
  EXPECT_EQ(shape("conv2"), PartialShape({2, 10, 10, 16}));
  EXPECT_EQ(shape("pool2"), PartialShape({2, 5, 5, 16}));
  EXPECT_EQ(shape("fc3"), PartialShape({2, 120}));
  EXPECT_EQ(shape("fc4"), PartialShape({2, 84}));
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 10}));
  EXPECT_EQ(TrainableWeights(), 61706);
}

TEST_F(Models, Alexnet) {
  const ArgScope scope(AlexnetArgScope());
  const Net net = Alexnet(Images(224));
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 1000}));
  EXPECT_EQ(net.logits.name(), "alexnet_v2/fc8/squeezed:0");
  EXPECT_EQ(TrainableWeights(), 50303912);
  EXPECT_THAT(net.end_points, Contains(Key("alexnet_v2/pool5")));
}

TEST_F(Models, Vgg) {
  const ArgScope scope(VggArgScope());
  const Net net = Vgg(16, Images(224));
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 1000}));
  EXPECT_EQ(TrainableWeights(), 138357544);
  EXPECT_THAT(Names(), IsSupersetOf(std::vector<std::string>{
                           "vgg_16/conv1/conv1_1/weights", "vgg_16/conv5/conv5_3/biases",
                           "vgg_16/fc6/weights", "vgg_16/fc8/biases"}));
  EXPECT_THROW(Vgg(17, Images(224)), std::invalid_argument);
}

TEST_F(Models, VggOfOtherDepths) {
  const ArgScope scope(VggArgScope());
  Vgg(11, Images(224));
  EXPECT_EQ(TrainableWeights(), 132863336);
  Vgg(19, Images(224));
  EXPECT_EQ(TrainableWeights(), 132863336 + 143667240);
}

TEST_F(Models, InceptionV3) {
  const ArgScope scope(InceptionV3ArgScope());
  const Net net = InceptionV3(Images(299), {.num_classes = 1000});
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 1000}));
  const auto shape = [&](const char* name) { return net.end_points.at(name).shape(); };
  EXPECT_EQ(shape("MaxPool_5a_3x3"), PartialShape({2, 35, 35, 192}));
  EXPECT_EQ(shape("Mixed_5d"), PartialShape({2, 35, 35, 288}));
  EXPECT_EQ(shape("Mixed_6e"), PartialShape({2, 17, 17, 768}));
  EXPECT_EQ(shape("Mixed_7a"), PartialShape({2, 8, 8, 1280}));
  EXPECT_EQ(shape("Mixed_7c"), PartialShape({2, 8, 8, 2048}));
  EXPECT_EQ(shape("PreLogits"), PartialShape({2, 1, 1, 2048}));
  EXPECT_EQ(shape("AuxLogits"), PartialShape({2, 1000}));
  EXPECT_EQ(TrainableWeights(), 27143152);
  EXPECT_THAT(Names(), IsSupersetOf(std::vector<std::string>{
                           "InceptionV3/Conv2d_1a_3x3/weights",
                           "InceptionV3/Conv2d_1a_3x3/BatchNorm/moving_variance",
                           "InceptionV3/Mixed_5c/Branch_1/Conv_1_0c_5x5/weights",
                           "InceptionV3/Mixed_6a/Branch_0/Conv2d_1a_1x1/BatchNorm/beta",
                           "InceptionV3/Mixed_7b/Branch_1/Conv2d_0b_3x1/weights",
                           "InceptionV3/Mixed_7c/Branch_1/Conv2d_0c_3x1/weights",
                           "InceptionV3/AuxLogits/Conv2d_2a_5x5/weights",
                           "InceptionV3/Logits/Conv2d_1c_1x1/biases"}));
  EXPECT_TRUE(HasNode("InceptionV3/InceptionV3/Mixed_7c/Branch_2/concat"));
  EXPECT_TRUE(HasNode("InceptionV3/Predictions/Reshape_1"));
}

TEST_F(Models, InceptionV3UpToAnEndPoint) {
  const ArgScope scope(InceptionV3ArgScope());
  const Net net = InceptionV3Base(
      Images(75), {.final_endpoint = "Mixed_6a", .min_depth = 8, .depth_multiplier = 0.25});
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 3, 3, 96 + 24 + 72}));
  EXPECT_THROW(InceptionV3Base(Images(75), {.final_endpoint = "Mixed_9"}), std::invalid_argument);
}

TEST_F(Models, ResnetV1) {
  const ArgScope scope(ResnetArgScope());
  const Net net = ResnetV1(50, Images(224));
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 1000}));
  EXPECT_EQ(TrainableWeights(), 25557032);
  const std::string unit = "resnet_v1_50/block1/unit_1/bottleneck_v1";
  EXPECT_THAT(Names(), IsSupersetOf(std::vector<std::string>{
                           "resnet_v1_50/conv1/weights", unit + "/shortcut/weights",
                           unit + "/conv2/BatchNorm/gamma", "resnet_v1_50/logits/biases"}));
  EXPECT_EQ(net.end_points.at(unit).shape(), PartialShape({2, 56, 56, 256}));
  // The last unit of a block has its stride.
  EXPECT_EQ(net.end_points.at("resnet_v1_50/block1").shape(), PartialShape({2, 28, 28, 256}));
  EXPECT_EQ(net.end_points.at("resnet_v1_50/block4").shape(), PartialShape({2, 7, 7, 2048}));
}

TEST_F(Models, DeeperResnets) {
  const ArgScope scope(ResnetArgScope());
  ResnetV1(101, Images(64));
  EXPECT_EQ(TrainableWeights(), 44549160);
  ResnetV1(152, Images(64));
  EXPECT_EQ(TrainableWeights(), 44549160 + 60192808);
  EXPECT_THROW(ResnetV1(18, Images(64)), std::invalid_argument);
}

TEST_F(Models, ResnetV2) {
  const ArgScope scope(ResnetArgScope());
  const Net net = ResnetV2(50, Images(224), {.num_classes = 0, .is_training = false});
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 1, 1, 2048}));
  const std::string unit = "resnet_v2_50/block1/unit_1/bottleneck_v2";
  EXPECT_THAT(Names(), IsSupersetOf(std::vector<std::string>{
                           "resnet_v2_50/conv1/biases", unit + "/preact/gamma",
                           unit + "/conv3/biases", "resnet_v2_50/postnorm/moving_mean"}));
}

TEST_F(Models, ResnetWithAnOutputStride) {
  const ArgScope scope(ResnetArgScope());
  const Net net = ResnetV1(50, Images(129), {.num_classes = 21, .spatial_squeeze = false},
                           {.global_pool = false, .output_stride = 8});
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 17, 17, 21}));
  EXPECT_THROW(ResnetV1(50, Images(65), {.scope = "three"}, {.output_stride = 12}),
               std::invalid_argument);
  EXPECT_THROW(ResnetV1(50, Images(65), {.scope = "six"}, {.output_stride = 6}),
               std::invalid_argument);
}

TEST_F(Models, MobilenetV1) {
  const ArgScope scope(MobilenetV1ArgScope());
  const Net net = MobilenetV1(Images(224), {.num_classes = 1000});
  EXPECT_EQ(net.logits.shape(), PartialShape({2, 1000}));
  EXPECT_EQ(TrainableWeights(), 4231976);
  EXPECT_EQ(net.end_points.at("Conv2d_13_pointwise").shape(), PartialShape({2, 7, 7, 1024}));
  EXPECT_THAT(Names(), IsSupersetOf(std::vector<std::string>{
                           "MobilenetV1/Conv2d_0/weights",
                           "MobilenetV1/Conv2d_1_depthwise/depthwise_weights",
                           "MobilenetV1/Conv2d_1_pointwise/BatchNorm/gamma",
                           "MobilenetV1/Logits/Conv2d_1c_1x1/biases"}));
  EXPECT_TRUE(HasNode("MobilenetV1/MobilenetV1/Conv2d_1_depthwise/depthwise"));
  // Depthwise weights have no penalty.
  EXPECT_EQ(losses::GetRegularizationLosses().size(), 1u + 13u + 1u);
}

TEST_F(Models, ThinMobilenetTrains) {
  graph_.set_seed(1);
  const ArgScope scope(MobilenetV1ArgScope());
  const Tensor images = Placeholder(kFloat32, {-1, 32, 32, 3}, "images");
  const Tensor labels = Placeholder(kInt64, {-1}, "labels");
  const Net net =
      MobilenetV1(images, {.num_classes = 2, .keep_prob = 1}, /*depth_multiplier=*/0.25);
  const Tensor loss = ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(labels, net.logits));
  const Operation step = train::GradientDescentOptimizer(0.01f).Minimize(loss);
  // Dark and light pictures.
  Array pictures(kFloat32, Shape({8, 32, 32, 3}));
  std::vector<int64_t> classes;
  const std::span<float> pixels = pictures.mutable_values<float>();
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = (i / 3072 % 2 ? 0.5f : -0.5f) + static_cast<float>(i % 11) * 0.02f;
  for (int64_t i = 0; i < 8; ++i) classes.push_back(i % 2);
  const Feeds feeds = {{images, pictures}, {labels, Array::FromVector(classes)}};
  Session session(graph_);
  session.Run(GlobalVariablesInitializer());
  const float before = session.Run(loss, feeds).scalar<float>();
  for (int i = 0; i < 30; ++i) session.Run(step, feeds);
  EXPECT_LT(session.Run(loss, feeds).scalar<float>(), 0.5f * before);
}

TEST_F(Models, ReuseSharesAllVariables) {
  const ArgScope scope(ResnetArgScope());
  ResnetV1(50, Images(64), {.num_classes = 10});
  const size_t variables = GlobalVariables().size(),
               penalties = losses::GetRegularizationLosses().size();
  ResnetV1(50, Images(64), {.num_classes = 10, .is_training = false, .reuse = Reuse::kTrue});
  EXPECT_EQ(GlobalVariables().size(), variables);
  EXPECT_EQ(losses::GetRegularizationLosses().size(), penalties);
}

// ---- Against slim's nets: tests/support/make_layers_golden.py -----------------------------------

TEST(ModelNodes, AreSlims) {
  GoldenGraphs golden("tests/tutorials/data/nets.golden");
  golden.Expect("alexnet_v2", [] {
    const ArgScope scope(AlexnetArgScope());
    Alexnet(Placeholder(kFloat32, {2, 224, 224, 3}, "images"),
            {.num_classes = 10, .is_training = false});
  });
  golden.Expect("inception_v3_up_to_mixed_5b", [] {
    const ArgScope scope(InceptionV3ArgScope());
    const Tensor images = Placeholder(kFloat32, {2, 75, 75, 3}, "images");
    const VariableScope net("InceptionV3");
    InceptionV3Base(images,
                    {.final_endpoint = "Mixed_5b", .min_depth = 8, .depth_multiplier = 0.25});
  });
}

struct SlimNet {
  const char* name;
  int64_t side;
  std::function<void(const Tensor& images)> build;
};

// Lines "variable [shape]", sorted, of each net.
std::map<std::string, std::vector<std::string>> VariablesOfSlim() {
  std::map<std::string, std::vector<std::string>> nets;
  std::ifstream in("tests/tutorials/data/net_variables.txt");
  EXPECT_TRUE(in.good()) << "net_variables.txt can't be read";
  for (std::string line; std::getline(in, line);) {
    const size_t space = line.find(' ');
    if (!line.starts_with("#") && space != std::string::npos)
      nets[line.substr(0, space)].push_back(line.substr(space + 1));
  }
  return nets;
}

TEST(ModelVariables, AreSlims) {
  const NetOptions o{.is_training = false};
  const std::vector<SlimNet> nets = {
      {"alexnet_v2", 224,
       [&](const Tensor& images) {
         const ArgScope scope(AlexnetArgScope());
         Alexnet(images, o);
       }},
      {"vgg_16", 224,
       [&](const Tensor& images) {
         const ArgScope scope(VggArgScope());
         Vgg(16, images, o);
       }},
      {"inception_v3", 299,
       [&](const Tensor& images) {
         const ArgScope scope(InceptionV3ArgScope());
         InceptionV3(images, o);
       }},
      {"resnet_v1_50", 64,
       [&](const Tensor& images) {
         const ArgScope scope(ResnetArgScope());
         ResnetV1(50, images, o);
       }},
      {"resnet_v2_50", 64,
       [&](const Tensor& images) {
         const ArgScope scope(ResnetArgScope());
         ResnetV2(50, images, o);
       }},
  };
  const auto expected = VariablesOfSlim();
  ASSERT_EQ(expected.size(), nets.size());
  for (const SlimNet& net : nets) {
    Graph graph;
    const GraphScope scope(graph);
    net.build(Placeholder(kFloat32, {2, net.side, net.side, 3}, "x"));
    std::vector<std::string> lines;
    for (const Variable& v : GlobalVariables())
      lines.push_back(v.op_name() + " " + v.shape().ToString());
    std::sort(lines.begin(), lines.end());
    EXPECT_EQ(lines, expected.at(net.name)) << net.name;
  }
}

// ---- Logits from the same weights ---------------------------------------------------------------

std::map<std::string, std::vector<double>> LogitsOfSlim() {
  std::map<std::string, std::vector<double>> nets;
  std::ifstream in("tests/tutorials/data/net_logits.txt");
  EXPECT_TRUE(in.good()) << "net_logits.txt can't be read";
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string name;
    words >> name;
    for (double v; words >> v;) nets[name].push_back(v);
  }
  return nets;
}

Array TwoPictures(int64_t side) {
  Array a(kFloat32, Shape({2, side, side, 3}));
  const std::span<float> pixels = a.mutable_values<float>();
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<float>(i * 7919 % 256) / 128.0f - 1.0f;
  return a;
}

// With a graph seed, random weights are the same if the nets add the same nodes in the same order.
void ExpectLogits(const char* name, int64_t side,
                  const std::function<Tensor(const Tensor& images)>& build) {
  Graph graph;
  const GraphScope scope(graph);
  graph.set_seed(1);
  const Tensor images = Placeholder(kFloat32, {2, side, side, 3}, "x");
  const Tensor logits = build(images);
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  const Array got = session.Run(logits, {{images, TwoPictures(side)}});
  const std::vector<double> want = LogitsOfSlim().at(name);
  ASSERT_EQ(got.shape(), Shape({2, 5})) << name;
  ASSERT_EQ(want.size(), 10u) << name;
  double greatest = 0;
  for (const double v : want) greatest = std::max(greatest, std::abs(v));
  for (int64_t i = 0; i < 10; ++i)
    EXPECT_NEAR(got.AsDouble(i), want[static_cast<size_t>(i)], 1e-4 * greatest) << name << " " << i;
}

TEST(ModelLogits, AreSlims) {
  const NetOptions o{.num_classes = 5, .is_training = false};
  ExpectLogits("inception_v3", 139, [&](const Tensor& images) {
    const ArgScope scope(InceptionV3ArgScope());
    return InceptionV3(images, o, {.min_depth = 8, .depth_multiplier = 0.2}).logits;
  });
  ExpectLogits("resnet_v1_50", 65, [&](const Tensor& images) {
    const ArgScope scope(ResnetArgScope());
    return ResnetV1(50, images, o).logits;
  });
  ExpectLogits("resnet_v2_50", 65, [&](const Tensor& images) {
    const ArgScope scope(ResnetArgScope());
    return ResnetV2(50, images, o).logits;
  });
}

}  // namespace
}  // namespace weft::examples
