// SPDX-License-Identifier: Apache-2.0
// Cells of recurrent networks against plain loops in double. Gradients:
// tests/gradients/table_nn.cc.
#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "tests/support/op_case.h"

namespace weft {
namespace {

// Numbers in +-scale without a pattern, the same in each run.
Array Numbers(const Shape& shape, double scale, double seed) {
  Array a(kFloat32, shape);
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    a.mutable_data<float>()[i] =
        static_cast<float>(scale * std::sin(12.9898 * static_cast<double>(i + 1) + seed));
  }
  return a;
}

double At(const Array& a, int64_t i) { return static_cast<double>(a.data<float>()[i]); }
double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Odd sizes: rows end within a vector.
constexpr int64_t kBatch = 3, kInput = 5, kCell = 19;

struct LstmCase {
  bool peephole = false;
  double forget_bias = 1, clip = 0;
  int64_t c_gate = 1, f_gate = 2;  // of four
  Array cs_prev = Numbers({kBatch, kCell}, 1.5, 1), h_prev = Numbers({kBatch, kCell}, 1, 2);
  Array w = Numbers({kInput + kCell, 4 * kCell}, 0.8, 3), b = Numbers({4 * kCell}, 1, 4);
  Array wci = Numbers({kCell}, 1, 5), wcf = Numbers({kCell}, 1, 6), wco = Numbers({kCell}, 1, 7);
};

// i, cs, f, o, ci, co, h over `steps` of the rows of x [time, batch, input]; zeros after them.
std::vector<Array> LstmReference(const LstmCase& c, const Array& x, int64_t steps) {
  std::vector<Array> out(7, Array::Zeros(kFloat32, {x.dim(0), kBatch, kCell}));
  for (Array& a : out) a = a.Clone();
  std::vector<double> cs(kBatch * kCell), h(kBatch * kCell);
  for (size_t i = 0; i < cs.size(); ++i) {
    cs[i] = At(c.cs_prev, static_cast<int64_t>(i));
    h[i] = At(c.h_prev, static_cast<int64_t>(i));
  }
  for (int64_t t = 0; t < steps; ++t) {
    const std::vector<double> before = h;
    for (int64_t row = 0; row < kBatch; ++row) {
      for (int64_t j = 0; j < kCell; ++j) {
        const auto gate = [&](int64_t number) {
          const int64_t column = number * kCell + j;
          double sum = At(c.b, column);
          for (int64_t k = 0; k < kInput; ++k)
            sum += At(x, (t * kBatch + row) * kInput + k) * At(c.w, k * 4 * kCell + column);
          for (int64_t k = 0; k < kCell; ++k)
            sum += before[static_cast<size_t>(row * kCell + k)] *
                   At(c.w, (kInput + k) * 4 * kCell + column);
          return sum;
        };
        const size_t at = static_cast<size_t>(row * kCell + j);
        const double peephole = c.peephole ? 1 : 0;
        const double i = Sigmoid(gate(0) + peephole * cs[at] * At(c.wci, j));
        const double ci = std::tanh(gate(c.c_gate));
        const double f = Sigmoid(gate(c.f_gate) + c.forget_bias + peephole * cs[at] * At(c.wcf, j));
        cs[at] = i * ci + f * cs[at];
        if (c.clip > 0) cs[at] = std::min(c.clip, std::max(-c.clip, cs[at]));
        const double co = std::tanh(cs[at]);
        const double o = Sigmoid(gate(3) + peephole * cs[at] * At(c.wco, j));
        h[at] = o * co;
        const double values[] = {i, cs[at], f, o, ci, co, h[at]};
        for (size_t n = 0; n < 7; ++n) {
          out[n].mutable_data<float>()[t * kBatch * kCell + static_cast<int64_t>(at)] =
              static_cast<float>(values[n]);
        }
      }
    }
  }
  return out;
}

TEST(LSTMBlockCell, Values) {
  const Array x = Numbers({1, kBatch, kInput}, 1, 8);
  for (const bool peephole : {false, true}) {
    for (const double clip : {0.0, 0.4}) {
      LstmCase c;
      c.peephole = peephole;
      c.clip = clip;
      c.forget_bias = 0.5;
      OpCase cell("LSTMBlockCell");
      cell.In(x.Reshaped({kBatch, kInput}));
      for (const Array& a : {c.cs_prev, c.h_prev, c.w, c.wci, c.wcf, c.wco, c.b}) cell.In(a);
      cell.Attr("forget_bias", 0.5f)
          .Attr("cell_clip", static_cast<float>(clip))
          .Attr("use_peephole", peephole)
          .Within(1e-5, 1e-6);
      for (const Array& a : LstmReference(c, x, 1)) cell.Out(a.Reshaped({kBatch, kCell}));
      cell.RunEverywhere();
    }
  }
}

TEST(BlockLSTM, Values) {
  const Array x = Numbers({4, kBatch, kInput}, 1, 9);
  for (const bool second : {false, true}) {
    for (const int64_t steps : {4, 3, 0}) {
      LstmCase c;
      c.peephole = steps == 3;
      c.clip = 2;
      if (second) {
        c.forget_bias = 0;
        c.c_gate = 2;
        c.f_gate = 1;
      }
      OpCase layer(second ? "BlockLSTMV2" : "BlockLSTM");
      layer.In(I64(steps)).In(x);
      for (const Array& a : {c.cs_prev, c.h_prev, c.w, c.wci, c.wcf, c.wco, c.b}) layer.In(a);
      layer.Attr("cell_clip", 2.0f).Attr("use_peephole", c.peephole).Within(1e-5, 1e-6);
      for (const Array& a : LstmReference(c, x, steps)) layer.Out(a);
      layer.RunEverywhere();
    }
  }
}

TEST(GRUBlockCell, Values) {
  const Array x = Numbers({kBatch, kInput}, 1, 1), h_prev = Numbers({kBatch, kCell}, 1, 2);
  const Array w_ru = Numbers({kInput + kCell, 2 * kCell}, 0.8, 3);
  const Array w_c = Numbers({kInput + kCell, kCell}, 0.8, 4);
  const Array b_ru = Numbers({2 * kCell}, 1, 5), b_c = Numbers({kCell}, 1, 6);
  std::vector<Array> out;
  for (int n = 0; n < 4; ++n) out.emplace_back(kFloat32, Shape({kBatch, kCell}));
  for (int64_t row = 0; row < kBatch; ++row) {
    const auto gate = [&](const Array& w, const Array& b, int64_t column, const Array* factor) {
      const int64_t columns = b.dim(0);
      double sum = At(b, column);
      for (int64_t k = 0; k < kInput; ++k)
        sum += At(x, row * kInput + k) * At(w, k * columns + column);
      for (int64_t k = 0; k < kCell; ++k) {
        sum += At(h_prev, row * kCell + k) * (factor ? At(*factor, row * kCell + k) : 1) *
               At(w, (kInput + k) * columns + column);
      }
      return sum;
    };
    for (int64_t j = 0; j < kCell; ++j) {
      const int64_t at = row * kCell + j;
      out[0].mutable_data<float>()[at] = static_cast<float>(Sigmoid(gate(w_ru, b_ru, j, nullptr)));
      out[1].mutable_data<float>()[at] =
          static_cast<float>(Sigmoid(gate(w_ru, b_ru, kCell + j, nullptr)));
    }
    for (int64_t j = 0; j < kCell; ++j) {
      const int64_t at = row * kCell + j;
      const double c = std::tanh(gate(w_c, b_c, j, &out[0])), u = At(out[1], at);
      out[2].mutable_data<float>()[at] = static_cast<float>(c);
      out[3].mutable_data<float>()[at] = static_cast<float>(u * At(h_prev, at) + (1 - u) * c);
    }
  }
  OpCase cell("GRUBlockCell");
  for (const Array& a : {x, h_prev, w_ru, w_c, b_ru, b_c}) cell.In(a);
  for (const Array& a : out) cell.Out(a);
  cell.Within(1e-5, 1e-6).RunEverywhere();
}

// Gates far out on both sides, and NaN, which must not be hidden.
TEST(GRUBlockCell, Extremes) {
  const Array zeros2 = F32(Shape({2, 2}), {0}), zeros1 = F32(Shape({2, 1}), {0});
  OpCase("GRUBlockCell")
      .In(F32({{0}, {0}, {0}}))
      .In(F32({{2}, {-3}, {kNaN}}))
      .In(zeros2)
      .In(zeros1)
      .In(F32({1000, -1000}))
      .In(F32({100}))
      .Out(F32({{1}, {1}, {kNaN}}))
      .Out(F32({{0}, {0}, {kNaN}}))
      .Out(F32({{1}, {1}, {kNaN}}))
      .Out(F32({{1}, {1}, {kNaN}}))
      .RunEverywhere();
}

TEST(BlockLSTM, Half) {
  const Array zeros = F16(Shape({1, 1, 1}), {0}), one = F16({{1}});
  OpCase layer("BlockLSTMV2");
  layer.In(I64(int64_t{1})).In(zeros).In(one).In(F16({{0}})).In(F16(Shape({2, 4}), {0}));
  for (int i = 0; i < 3; ++i) layer.In(F16({0}));
  layer.In(F16({0, 0, 0, 0}));
  const Array half = F16(Shape({1, 1, 1}), {0.5f});
  // sigmoid(0) = 1/2, so cs = 1/2 and h = tanh(1/2) / 2.
  const Array co = F16(Shape({1, 1, 1}), {0.46211716f});
  const Array h = F16(Shape({1, 1, 1}), {0.23105858f});
  for (const Array& a : {half, half, half, half, zeros, co, h}) layer.Out(a);
  layer.RunEverywhere();
}

TEST(Rnn, Shapes) {
  ExpectShape("LSTMBlockCell", {"[3,?]", "[?,7]", "?", "?", "?", "?", "?", "?"},
              "[3,7];[3,7];[3,7];[3,7];[3,7];[3,7];[3,7]");
  ExpectShape("GRUBlockCell", {"[3,?]", "[?,7]", "?", "?", "?", "?"}, "[3,7];[3,7];[3,7];[3,7]");
  ExpectShape("BlockLSTM", {"int64[]", "[4,?,5]", "?", "?", "?", "?", "?", "?", "[8]"},
              "[4,?,2];[4,?,2];[4,?,2];[4,?,2];[4,?,2];[4,?,2];[4,?,2]");
  ExpectBuildError("BlockLSTMV2", {"int64[]", "[4,?,5]", "?", "?", "?", "?", "?", "?", "[7]"},
                   "Dimension size must be evenly divisible by 4 but is 7");
  ExpectBuildError("BlockLSTM", {"int64[]", "[4,5]", "?", "?", "?", "?", "?", "?", "[8]"},
                   "must be rank 3");
}

TEST(BlockLSTM, WrongSizes) {
  const auto layer = [](int64_t steps, int64_t rows_of_w) {
    OpCase c("BlockLSTM");
    c.In(I64(steps)).In(F32(Shape({2, 1, 3}), {0})).In(F32({{0, 0}})).In(F32({{0, 0}}));
    c.In(F32(Shape({rows_of_w, 8}), {0}));
    for (int i = 0; i < 3; ++i) c.In(F32({0, 0}));
    return c.In(F32(Shape({8}), {0}));
  };
  layer(3, 5).ExpectRunError(Code::kInvalidArgument,
                             "seq_len_max must be between 0 and 2 but is 3");
  layer(-1, 5).ExpectRunError(Code::kInvalidArgument, "but is -1");
  layer(2, 4).ExpectRunError(Code::kInvalidArgument, "w.dim_size(0) is 4, which must be 5");
}

}  // namespace
}  // namespace weft
