// SPDX-License-Identifier: Apache-2.0
// C3 and the example programs mnist, mnist_eval and serve: a model is trained for some hundred
// steps on drawn digits, saved, read into the net that evaluates, frozen, and classifies picture
// files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <jpeglib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "examples/cnn/data.h"
#include "examples/mnist/model.h"
#include "examples/serve/classify.h"
#include "examples/support/draw_digits.h"
#include "examples/support/idx.h"
#include "examples/support/mnist_data.h"
#include "examples/support/png.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/graph_util.h"

namespace weft::examples {
namespace {

namespace fs = std::filesystem;

// Black on white, as on paper, and four times as large as the net wants it.
std::vector<uint8_t> OnPaper(const uint8_t* digit) {
  constexpr int kScale = 4, kSide = static_cast<int>(kDigitSide) * kScale;
  std::vector<uint8_t> pixels;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x)
      pixels.push_back(255 - digit[y / kScale * kDigitSide + x / kScale]);
  }
  return pixels;
}

void WriteJpeg(const fs::path& path, int side, const std::vector<uint8_t>& grey) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  jpeg_error_mgr error;
  jpeg_compress_struct info = {};
  info.err = jpeg_std_error(&error);
  jpeg_create_compress(&info);
  jpeg_stdio_dest(&info, file);
  info.image_width = info.image_height = static_cast<JDIMENSION>(side);
  info.input_components = 1;
  info.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<uint8_t*>(grey.data()) + info.next_scanline * info.image_width;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::fclose(file);
}

constexpr int kPictures = 60;

// Digits that nobody trained on, as picture files in turns of three kinds.
std::vector<fs::path> WritePictures(const test::TemporaryFolder& folder, const Digits& digits) {
  std::vector<fs::path> files;
  for (int i = 0; i < kPictures; ++i) {
    const uint8_t* digit = digits.pixels.data() + i * kDigitSide * kDigitSide;
    const std::string name = folder.File("digit" + std::to_string(i));
    if (i % 3 == 0) {
      files.emplace_back(name + ".png");
      WritePng(files.back(), kDigitSide, kDigitSide, 1,
               {digit, static_cast<size_t>(kDigitSide * kDigitSide)});
      continue;
    }
    const std::vector<uint8_t> paper = OnPaper(digit);
    files.emplace_back(name + (i % 3 == 1 ? ".png" : ".jpg"));
    if (i % 3 == 1) {
      WritePng(files.back(), 4 * kDigitSide, 4 * kDigitSide, 1, paper);
    } else {
      WriteJpeg(files.back(), 4 * kDigitSide, paper);
    }
  }
  return files;
}

int CountRight(const std::vector<Answer>& answers, const Digits& digits) {
  int right = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    right += answers[i].digit == digits.classes[i];
    float sum = 0;
    for (const float p : answers[i].probabilities) sum += p;
    EXPECT_NEAR(sum, 1, 1e-4);
  }
  return right;
}

struct Trained {
  std::string checkpoint, frozen;
  float accuracy = 0;
};

Trained TrainAndSave(const test::TemporaryFolder& folder, DataSets& data, const Array& images,
                     const Array& labels) {
  Graph graph;
  GraphScope use(graph);
  graph.set_seed(1);
  const Model m = BuildModel({.hidden = 64, .train_examples = data.train.num_examples()});
  const train::Saver saver;
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  for (int step = 0; step < 400; ++step) {
    const Batch b = data.train.NextBatch(100);
    session.Run(m.train, {{m.images, ImagesOf(b.images)}, {m.labels, LabelsOf(b.labels)}});
  }
  Trained t;
  t.checkpoint = saver.Save(session, folder.File("model.ckpt"), m.step);
  t.frozen = folder.File("frozen.pb");
  graph_util::ConvertVariablesToConstants(session, graph.AsGraphDef(), {"probabilities"})
      .WriteFile(t.frozen);
  t.accuracy = session.Run(m.accuracy, {{m.images, images}, {m.labels, labels}}).scalar<float>();
  return t;
}

TEST(Serve, TrainsSavesEvaluatesAndClassifies) {
  const test::TemporaryFolder folder;
  const fs::path dir = folder.File("digits");
  WriteDefaultDigits(dir, {.num_train = 6000, .num_test = 1000});
  DataSets data = ReadDataSets(dir, {.validation_size = 1000, .seed = 1});
  const Array images = ImagesOf(data.validation.images()),
              labels = LabelsOf(data.validation.labels());
  const Trained trained = TrainAndSave(folder, data, images, labels);
  EXPECT_TRUE(trained.checkpoint.ends_with("model.ckpt-400")) << trained.checkpoint;
  EXPECT_GT(trained.accuracy, 0.9f);
  {  // as mnist_eval does
    Graph graph;
    GraphScope use(graph);
    const Evaluation e = BuildEvaluation({.hidden = 64});
    const train::Saver saver(e.restore);
    Session session(graph);
    saver.Restore(session, trained.checkpoint);
    EXPECT_EQ(session.Run(e.accuracy, {{e.images, images}, {e.labels, labels}}).scalar<float>(),
              trained.accuracy);
  }
  const Digits digits = DrawDigits(kPictures, /*seed=*/77);
  const std::vector<fs::path> files = WritePictures(folder, digits);
  const auto model = serving::Predictor::Load(trained.frozen);
  EXPECT_GE(CountRight(Classify(model, files), digits), kPictures * 9 / 10);
}

// tests/support/make_tf_digits.py made the model with TensorFlow 2.15.1.
TEST(Serve, ClassifiesWithAModelThatTensorFlowTrained) {
  const test::TemporaryFolder folder;
  const Digits digits = DrawDigits(kPictures, /*seed=*/77);
  const auto model = serving::Predictor::Load("tests/tutorials/data/tf_digits.pb");
  EXPECT_GE(CountRight(Classify(model, WritePictures(folder, digits)), digits), kPictures * 8 / 10);
}

TEST(Serve, FilesThatAreNoPictures) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(ReadPicture(folder.File("none.png")), FileError);
  const auto write = [&](const std::string& bytes) {
    std::FILE* file = std::fopen(folder.File("x").c_str(), "wb");
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
  };
  for (const std::string bytes : {"", "text", "\x89PNG\r\n\x1a\nnonsense", "\xff\xd8\xff\xe0"}) {
    write(bytes);
    EXPECT_THROW(ReadPicture(folder.File("x")), FileError) << bytes;
  }
}

TEST(Serve, AreasOfAPicture) {
  Picture p{4, 2, {}};
  for (const uint8_t grey : {0, 0, 255, 255, 0, 255, 255, 255})
    p.pixels.insert(p.pixels.end(), {grey, grey, grey});
  EXPECT_THAT(GreyAreas(p, 2, 1), testing::ElementsAre(testing::FloatNear(0.25f, 1e-6f),
                                                       testing::FloatNear(1.0f, 1e-6f)));
}

}  // namespace
}  // namespace weft::examples
