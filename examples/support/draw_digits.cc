// SPDX-License-Identifier: Apache-2.0
//
// The same bytes everywhere: floats are only added, multiplied, divided and rooted, which IEEE 754
// fixes to the last bit (the build file keeps the compiler from joining a product and a sum into
// one rounding), and all random numbers come from one integer hash. So no sine, no exponential, no
// <random> distribution here.
#include "examples/support/draw_digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <future>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "examples/support/digit_strokes.h"
#include "examples/support/idx.h"
#include "examples/support/mnist_data.h"

namespace weft::examples {
namespace {

constexpr int kSide = kDigitSide;
constexpr int64_t kPixels = kDigitSide * kDigitSide;
constexpr int kStepsPerPiece = 7;  // line segments for each spline piece between two knots

struct Point {
  float x;
  float y;
};

Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(float s, Point a) { return {s * a.x, s * a.y}; }

// SplitMix64: a counter through a mixing function; a stream starts at any (seed, index) at no cost.
class Random {
 public:
  Random(uint64_t seed, uint64_t index) : state_(Mix(Mix(seed) ^ index)) {}

  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>((Next() >> 32) * limit >> 32); }
  float Uniform() { return static_cast<float>(Next() >> 40) * 0x1p-24f; }
  float Uniform(float low, float high) { return low + (high - low) * Uniform(); }
  bool Chance(float probability) { return Uniform() < probability; }

  // Mean 0, variance 1, within +-3.5: the sum of four uniform numbers.
  float Normal() {
    float sum = 0;  // a loop, and not one expression, whose order the compiler may choose
    for (int i = 0; i < 4; ++i) sum += Uniform();
    return (sum - 2.0f) * 1.7320508f;
  }

 private:
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15u); }

  uint64_t state_;
};

// One straight piece of ink with the pen's radius at both ends, in pixels once the digit is placed.
struct Segment {
  Point from;
  Point to;
  float from_radius = 0;
  float to_radius = 0;
};

// A smooth displacement of the plane: random vectors on a 4 x 4 grid over [0,1]^2, blended in
// between.
class Wobble {
 public:
  Wobble(Random& random, float strength) {
    for (Point& p : grid_) p = {strength * random.Normal(), strength * random.Normal()};
  }

  Point At(Point p) const {
    const float gx = std::clamp(p.x, 0.0f, 1.0f) * (kGrid - 1);
    const float gy = std::clamp(p.y, 0.0f, 1.0f) * (kGrid - 1);
    const int ix = std::min(static_cast<int>(gx), kGrid - 2);
    const int iy = std::min(static_cast<int>(gy), kGrid - 2);
    const float u = Ease(gx - ix), v = Ease(gy - iy);
    const Point* row = &grid_[iy * kGrid + ix];
    const Point top = (1 - u) * row[0] + u * row[1];
    const Point bottom = (1 - u) * row[kGrid] + u * row[kGrid + 1];
    return (1 - v) * top + v * bottom;
  }

 private:
  static constexpr int kGrid = 4;
  static float Ease(float t) { return t * t * (3 - 2 * t); }
  std::array<Point, kGrid * kGrid> grid_;
};

// How strongly a writer departs from the prototype. Each digit has its own hand.
struct Hand {
  explicit Hand(Random& random)
      : knot_jitter(random.Uniform(0.015f, 0.065f)),
        wobble(random.Uniform(0.02f, 0.085f)),
        slant(0.12f + 0.25f * random.Normal()),
        half_turn(0.095f * random.Normal()),
        width(random.Uniform(0.62f, 1.12f)),
        box(random.Uniform(17.5f, 20.5f)),
        radius(random.Uniform(0.75f, 1.75f)),
        pressure_swing(random.Uniform(-0.3f, 0.3f)),
        softness(random.Uniform(0.9f, 1.5f)),
        peak(random.Uniform(200.0f, 255.0f)) {}

  float knot_jitter;     // of the height
  float wobble;          // of the height
  float slant;           // x moves by slant * height
  float half_turn;       // tangent of half the angle turned
  float width;           // relative to the height
  float box;             // pixels of the longer side
  float radius;          // of the pen, pixels
  float pressure_swing;  // the radius changes by this share from the first to the last point
  float softness;        // pixels over which the edge of the ink fades
  float peak;            // brightness
};

std::span<const Knot> ChoosePrototype(Random& random, int digit) {
  const std::span<const Prototype> prototypes = PrototypesOf(digit);
  int total = 0;
  for (const Prototype& p : prototypes) total += p.weight;
  int pick = static_cast<int>(random.Below(total));
  for (const Prototype& p : prototypes) {
    pick -= p.weight;
    if (pick < 0) return p.knots;
  }
  return prototypes.back().knots;
}

// The uniform Catmull-Rom curve between b and c at t, with neighbours a and d.
Point Spline(Point a, Point b, Point c, Point d, float t) {
  const Point tangent_b = 0.5f * (c - a), tangent_c = 0.5f * (d - b);
  const float t2 = t * t, t3 = t2 * t;
  return (2 * t3 - 3 * t2 + 1) * b + (t3 - 2 * t2 + t) * tangent_b + (3 * t2 - 2 * t3) * c +
         (t3 - t2) * tangent_c;
}

// The strokes as line segments in the unit square, with jittered knots.
std::vector<Segment> TraceStrokes(Random& random, std::span<const Knot> knots, float jitter) {
  std::vector<Point> points;
  for (const Knot& k : knots) {
    points.push_back(
        {k.x * 0.01f + jitter * random.Normal(), k.y * 0.01f + jitter * random.Normal()});
  }
  // The spline takes its tangents from the neighbours, but not across a corner or the end of a
  // stroke.
  const auto smooth = [&](size_t i) {
    return knots[i].kind == KnotKind::kSmooth && i + 1 < knots.size() &&
           knots[i + 1].kind != KnotKind::kStart;
  };
  std::vector<Segment> segments;
  for (size_t i = 0; i + 1 < knots.size(); ++i) {
    if (knots[i + 1].kind == KnotKind::kStart) continue;
    const Point before = smooth(i) ? points[i - 1] : points[i];
    const Point after = smooth(i + 1) ? points[i + 2] : points[i + 1];
    Point from = points[i];
    for (int step = 1; step <= kStepsPerPiece; ++step) {
      const float t = static_cast<float>(step) / kStepsPerPiece;
      const Point to = Spline(before, points[i], points[i + 1], after, t);
      segments.push_back({from, to});
      from = to;
    }
  }
  return segments;
}

// Bends, slants, turns and scales the strokes, still around any origin.
void Distort(Random& random, const Hand& hand, std::vector<Segment>& segments) {
  const Wobble wobble(random, hand.wobble);
  // cos and sin of an angle from the tangent of its half.
  const float h2 = hand.half_turn * hand.half_turn;
  const float cosine = (1 - h2) / (1 + h2), sine = 2 * hand.half_turn / (1 + h2);
  const auto move = [&](Point p) {
    p = p + wobble.At(p);
    const Point q = {hand.width * (p.x - 0.5f) - hand.slant * (p.y - 0.5f), p.y - 0.5f};
    return Point{cosine * q.x - sine * q.y, sine * q.x + cosine * q.y};
  };
  for (Segment& s : segments) {
    s.from = move(s.from);
    s.to = move(s.to);
  }
}

float Length(const Segment& s) {
  const Point d = s.to - s.from;
  return std::sqrt(d.x * d.x + d.y * d.y);
}

// Scales the digit so that its longer side fills the box and puts its centre of mass near the
// middle; sets the radii.
void Place(Random& random, const Hand& hand, std::vector<Segment>& segments) {
  Point low = segments[0].from, high = low, mass = {0, 0};
  float total = 1e-6f;
  for (const Segment& s : segments) {
    for (const Point p : {s.from, s.to}) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
    const float length = Length(s);
    mass = mass + (0.5f * length) * (s.from + s.to);
    total += length;
  }
  const float extent = std::max({high.x - low.x, high.y - low.y, 0.2f});
  const float scale = (hand.box - 2 * hand.radius) / extent;
  const Point middle = {13.5f + 0.6f * random.Normal(), 13.5f + 0.6f * random.Normal()};
  const Point shift = middle - (scale / total) * mass;
  const float count = static_cast<float>(segments.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    Segment& s = segments[i];
    s.from = scale * s.from + shift;
    s.to = scale * s.to + shift;
    s.from_radius = hand.radius * (1 + hand.pressure_swing * (i / count - 0.5f));
    s.to_radius = hand.radius * (1 + hand.pressure_swing * ((i + 1) / count - 0.5f));
  }
}

using Canvas = std::array<float, kPixels>;  // ink, 0 .. 1

// Raises the ink to what a round pen leaves on its way along `s`; the edge fades over `softness`
// pixels, so the picture is free of steps.
void DrawSegment(const Segment& s, float softness, Canvas& canvas) {
  const float reach = std::max(s.from_radius, s.to_radius) + 0.5f * softness;
  const auto first = [&](float a, float b) {
    return std::clamp(static_cast<int>(std::min(a, b) - reach), 0, kSide - 1);
  };
  const auto last = [&](float a, float b) {
    return std::clamp(static_cast<int>(std::max(a, b) + reach), 0, kSide - 1);
  };
  const Point along = s.to - s.from;
  const float length2 = along.x * along.x + along.y * along.y;
  const float inverse = length2 > 0 ? 1 / length2 : 0;
  for (int y = first(s.from.y, s.to.y); y <= last(s.from.y, s.to.y); ++y) {
    for (int x = first(s.from.x, s.to.x); x <= last(s.from.x, s.to.x); ++x) {
      const Point p = Point{static_cast<float>(x), static_cast<float>(y)} - s.from;
      const float t = std::clamp((p.x * along.x + p.y * along.y) * inverse, 0.0f, 1.0f);
      const Point away = p - t * along;
      const float distance2 = away.x * away.x + away.y * away.y;
      if (distance2 >= reach * reach) continue;
      const float radius = s.from_radius + t * (s.to_radius - s.from_radius);
      const float ink = (radius + 0.5f * softness - std::sqrt(distance2)) / softness;
      float& pixel = canvas[y * kSide + x];
      pixel = std::max(pixel, std::min(ink, 1.0f));
    }
  }
}

// The pen sometimes leaves the paper for a moment.
void SkipInk(Random& random, std::vector<Segment>& segments) {
  if (!random.Chance(0.12f)) return;
  const size_t length = 1 + random.Below(4);
  const size_t at = random.Below(static_cast<uint32_t>(segments.size()));
  const auto begin = segments.begin() + at;
  segments.erase(begin, begin + std::min(length, segments.size() - at));
}

// Something that does not belong to the digit: a short stray stroke.
void AddStray(Random& random, const Hand& hand, std::vector<Segment>& segments) {
  if (!random.Chance(0.12f)) return;
  const Point from = {random.Uniform(2, 25), random.Uniform(2, 25)};
  const Point to = from + Point{2.5f * random.Normal(), 2.5f * random.Normal()};
  segments.push_back({from, to, 0.7f * hand.radius, 0.5f * hand.radius});
}

void Develop(Random& random, const Hand& hand, const Canvas& canvas, uint8_t* pixels) {
  for (int64_t i = 0; i < kPixels; ++i) {
    if (canvas[i] <= 0) {
      pixels[i] = 0;
      continue;
    }
    const float grain = 1 - 0.12f * random.Uniform();
    pixels[i] = static_cast<uint8_t>(hand.peak * canvas[i] * grain + 0.5f);
  }
  // Faint specks of dust.
  for (uint32_t specks = random.Below(9); specks > 0; --specks) {
    uint8_t& pixel = pixels[random.Below(kPixels)];
    pixel = std::max(pixel, static_cast<uint8_t>(20 + random.Below(90)));
  }
}

void DrawDigit(Random& random, int digit, uint8_t* pixels) {
  const Hand hand(random);
  std::vector<Segment> segments =
      TraceStrokes(random, ChoosePrototype(random, digit), hand.knot_jitter);
  Distort(random, hand, segments);
  Place(random, hand, segments);
  SkipInk(random, segments);
  AddStray(random, hand, segments);
  Canvas canvas = {};
  for (const Segment& s : segments) DrawSegment(s, hand.softness, canvas);
  Develop(random, hand, canvas, pixels);
}

using NamedArray = std::pair<std::string_view, IdxArray>;

std::array<NamedArray, 2> DrawSplit(int64_t count, uint64_t seed, std::string_view images,
                                    std::string_view labels) {
  Digits digits = DrawDigits(count, seed);
  return {NamedArray(images, {{count, kDigitSide, kDigitSide}, std::move(digits.pixels)}),
          NamedArray(labels, {{count}, std::move(digits.classes)})};
}

// Writes what is missing of a split; what is there must be the same.
void WriteSplit(const std::filesystem::path& dir, const std::array<NamedArray, 2>& arrays) {
  for (const auto& [name, array] : arrays) {
    const std::filesystem::path path = dir / name;
    if (!std::filesystem::exists(path)) {
      WriteIdx(path, array);
      continue;
    }
    const IdxArray there = ReadIdx(path);
    if (there.dims == array.dims && there.data == array.data) continue;
    throw FileError(path,
                    "holds other data than the default digits, while some of MNIST's four files "
                    "are missing here: "
                    "supply them, or choose an empty folder for default digits");
  }
}

}  // namespace

Digits DrawDigits(int64_t count, uint64_t seed, int num_threads) {
  Digits digits{std::vector<uint8_t>(count * kPixels), std::vector<uint8_t>(count)};
  const auto draw = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Random random(seed, i);
      digits.classes[i] = static_cast<uint8_t>(random.Below(10));
      DrawDigit(random, digits.classes[i], &digits.pixels[i * kPixels]);
    }
  };
  const int64_t parts = std::max(num_threads, 1);
  std::vector<std::jthread> threads;
  for (int64_t part = 1; part < parts; ++part) {
    threads.emplace_back(draw, count * part / parts, count * (part + 1) / parts);
  }
  draw(0, count / parts);
  threads.clear();  // joins
  return digits;
}

bool WriteDefaultDigits(const std::filesystem::path& dir, const DefaultDigits& what) {
  const auto there = [&](std::string_view name) { return std::filesystem::exists(dir / name); };
  if (std::all_of(kMnistFiles.begin(), kMnistFiles.end(), there)) return false;
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be made: " + error.message());
  // Packing a file is one thread's work, so the splits are made side by side.
  std::future<void> train = std::async(std::launch::async, [&] {
    WriteSplit(dir, DrawSplit(what.num_train, 2 * what.seed, kTrainImages, kTrainLabels));
  });
  WriteSplit(dir, DrawSplit(what.num_test, 2 * what.seed + 1, kTestImages, kTestLabels));
  train.get();
  return true;
}

std::filesystem::path DigitsFolder(const std::filesystem::path& data_dir) {
  if (!data_dir.empty()) return data_dir;
  const std::filesystem::path dir = std::filesystem::temp_directory_path() / "weft_digits";
  if (WriteDefaultDigits(dir)) std::printf("drew 70000 digits into %s\n", dir.c_str());
  return dir;
}

}  // namespace weft::examples
