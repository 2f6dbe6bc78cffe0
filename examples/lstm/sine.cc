// SPDX-License-Identifier: Apache-2.0
#include "examples/lstm/sine.h"

#include <algorithm>
#include <cmath>

#include "examples/support/png.h"
#include "examples/support/rgb_image.h"

namespace weft::examples {

namespace rnn = nn::rnn_cell;

SineData MakeSineData(double start, double stop, int64_t points, int64_t steps) {
  std::vector<float> values;
  for (int64_t i = 0; i < points; ++i) {
    const double at = start + (stop - start) * static_cast<double>(i) /
                                  static_cast<double>(std::max<int64_t>(1, points - 1));
    values.push_back(static_cast<float>(std::sin(at)));
  }
  const int64_t samples = std::max<int64_t>(0, points - steps);
  SineData data{Array(kFloat32, {samples, steps, 1}), Array(kFloat32, {samples, 1})};
  for (int64_t i = 0; i < samples; ++i) {
    const auto first = values.begin() + i;
    std::copy(first, first + steps, data.x.mutable_data<float>() + i * steps);
    data.y.mutable_data<float>()[i] = first[steps];
  }
  return data;
}

SineData SineTrainingData() { return MakeSineData(0, 100.1, 10010); }
SineData SineTestData() { return MakeSineData(100.1, 110.2, 1010); }

SineData Rows(const SineData& data, const std::vector<int64_t>& rows) {
  const int64_t n = static_cast<int64_t>(rows.size()), steps = data.x.dim(1);
  SineData chosen{Array(kFloat32, {n, steps, 1}), Array(kFloat32, {n, 1})};
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = rows[static_cast<size_t>(i)];
    std::copy_n(data.x.data<float>() + row * steps, steps,
                chosen.x.mutable_data<float>() + i * steps);
    chosen.y.mutable_data<float>()[i] = data.y.data<float>()[row];
  }
  return chosen;
}

SineData TrainingBatch(const SineData& data, int64_t step, int64_t batch_size) {
  std::vector<int64_t> rows;
  for (int64_t j = 0; j < batch_size; ++j)
    rows.push_back((batch_size * step + j) * 7919 % data.size());
  return Rows(data, rows);
}

SineModel BuildSineModel(const SineOptions& options) {
  SineModel m;
  m.x = Placeholder(kFloat32, {-1, options.steps, 1}, "x");
  m.y = Placeholder(kFloat32, {-1, 1}, "y");
  std::vector<rnn::RNNCell> cells;
  for (int64_t i = 0; i < options.layers; ++i) {
    if (options.block_cells)
      cells.push_back(rnn::LSTMBlockCell(options.units));
    else
      cells.push_back(rnn::BasicLSTMCell(options.units));
  }
  const nn::DynamicRnnResult run =
      nn::DynamicRnn(rnn::MultiRNNCell(cells), m.x, {.dtype = kFloat32});
  const Tensor last = At(run.outputs, {All, -1});
  {
    const VariableScope scope("fc");
    const Variable w =
        GetVariable("w", {options.units, 1}, {.initializer = GlorotUniformInitializer()});
    const Variable b = GetVariable("b", {1}, {.initializer = ZerosInitializer()});
    m.predictions = MatMul(last, w) + b;
  }
  m.loss = ReduceMean(Square(m.predictions - m.y));
  m.train = train::AdagradOptimizer(options.learning_rate).Minimize(m.loss);
  return m;
}

SineEvaluation Evaluate(Session& session, const SineModel& model, const SineData& data) {
  const Array predicted = session.Run(model.predictions, {{model.x, data.x}});
  SineEvaluation result;
  for (int64_t i = 0; i < data.size(); ++i) {
    const float p = predicted.data<float>()[i];
    const double error = static_cast<double>(p) - static_cast<double>(data.y.data<float>()[i]);
    result.rmse += error * error;
    result.predictions.push_back(p);
  }
  result.rmse = std::sqrt(result.rmse / static_cast<double>(std::max<int64_t>(1, data.size())));
  return result;
}

void WriteSinePicture(const std::filesystem::path& path, const SineData& data,
                      const std::vector<float>& predictions) {
  constexpr int kWidth = 1000, kHeight = 320, kMargin = 20;
  RgbImage image(kWidth, kHeight, {255, 255, 255});
  const auto draw = [&](const float* values, size_t n, Rgb color, int thickness) {
    for (size_t i = 0; i < n; ++i) {
      const double across =
          static_cast<double>(i) / static_cast<double>(std::max<size_t>(1, n - 1));
      const double up = (1 - std::clamp(static_cast<double>(values[i]), -1.2, 1.2) / 1.2) / 2;
      image.FillRect(kMargin + static_cast<int>(across * (kWidth - 2 * kMargin)),
                     kMargin + static_cast<int>(up * (kHeight - 2 * kMargin)), thickness, thickness,
                     color);
    }
  };
  draw(data.y.data<float>(), static_cast<size_t>(data.size()), {0, 0, 0}, 4);
  draw(predictions.data(), predictions.size(), {220, 30, 30}, 2);
  WritePng(path, image);
}

}  // namespace weft::examples
