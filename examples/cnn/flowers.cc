// SPDX-License-Identifier: Apache-2.0
#include "examples/cnn/flowers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "examples/support/mt19937.h"

namespace weft::examples {
namespace {

using Color = std::array<double, 3>;

struct Kind {
  int petals;
  Color color;
};
constexpr std::array<Kind, kFlowerKinds> kKinds = {{{4, {0.8, 0.3, 0.4}},
                                                    {5, {0.9, 0.8, 0.3}},
                                                    {6, {0.6, 0.4, 0.8}},
                                                    {8, {0.9, 0.9, 0.9}},
                                                    {13, {0.9, 0.5, 0.2}}}};

// One flower, with lengths as parts of the picture's side.
struct Flower {
  int petals;
  double x, y, radius, turn, slimness;
  Color petal, middle, ground;
};

double Between(RandomState& random, double low, double high) {
  return low + (high - low) * random.RandomSample();
}
Color Varied(RandomState& random, const Color& color, double by) {
  Color c = color;
  for (double& v : c) v = std::clamp(v + Between(random, -by, by), 0.0, 1.0);
  return c;
}

Flower RandomFlower(RandomState& random, const Kind& kind) {
  Flower f;
  f.petals = kind.petals;
  f.x = Between(random, 0.4, 0.6);
  f.y = Between(random, 0.4, 0.6);
  f.radius = Between(random, 0.28, 0.42);
  f.turn = Between(random, 0, 2 * std::numbers::pi);
  f.slimness = Between(random, 0.6, 1.2);
  f.petal = Varied(random, kind.color, 0.25);
  f.middle = Varied(random, {0.7, 0.6, 0.1}, 0.2);
  f.ground = Varied(random, {0.2, 0.4, 0.15}, 0.15);
  return f;
}

// The edge of the petals, at an angle: |cos| has a hump for each.
const Color& ColorAt(const Flower& f, double x, double y) {
  const double dx = x - f.x, dy = y - f.y;
  const double distance = std::sqrt(dx * dx + dy * dy) / f.radius;
  if (distance < 0.25) return f.middle;
  const double angle = std::atan2(dy, dx) + f.turn;
  const double hump = std::pow(std::abs(std::cos(f.petals * angle / 2)), f.slimness);
  return distance < 0.3 + 0.7 * hump ? f.petal : f.ground;
}

void Draw(const Flower& f, int64_t side, RandomState& random, std::vector<float>* pixels) {
  for (int64_t row = 0; row < side; ++row) {
    for (int64_t column = 0; column < side; ++column) {
      const double x = (static_cast<double>(column) + 0.5) / static_cast<double>(side);
      const double y = (static_cast<double>(row) + 0.5) / static_cast<double>(side);
      const Color& color = ColorAt(f, x, y);
      const double noise = Between(random, -0.08, 0.08);
      for (double v : color)
        pixels->push_back(static_cast<float>(std::clamp(2 * (v + noise) - 1, -1.0, 1.0)));
    }
  }
}

}  // namespace

Flowers DrawFlowers(int64_t count, int64_t side, uint32_t seed) {
  if (count < 0 || side < 8 || side > 1024)
    throw std::invalid_argument("DrawFlowers: count >= 0 and 8 <= side <= 1024");
  RandomState random(seed);
  Flowers flowers;
  flowers.side = side;
  flowers.pixels.reserve(static_cast<size_t>(count * side * side * 3));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t kind = random.RandInt(0, kFlowerKinds);
    flowers.classes.push_back(kind);
    Draw(RandomFlower(random, kKinds[static_cast<size_t>(kind)]), side, random, &flowers.pixels);
  }
  return flowers;
}

}  // namespace weft::examples
