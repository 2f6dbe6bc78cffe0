// SPDX-License-Identifier: Apache-2.0
#include "examples/support/digit_strokes.h"

#include <array>

namespace weft::examples {
namespace {

constexpr KnotKind S = KnotKind::kStart;
constexpr KnotKind o = KnotKind::kSmooth;
constexpr KnotKind C = KnotKind::kCorner;

constexpr Knot kZeroOval[] = {{55, 2, S},  {25, 12, o}, {5, 45, o},  {15, 85, o}, {45, 100, o},
                              {80, 82, o}, {95, 45, o}, {80, 12, o}, {52, 2, o}};
constexpr Knot kZeroNarrow[] = {{70, 8, S},  {40, 3, o},  {12, 35, o}, {10, 75, o}, {38, 98, o},
                                {72, 80, o}, {85, 40, o}, {72, 12, o}, {45, 8, o}};
constexpr Knot kZeroOpen[] = {{62, 8, S},  {28, 6, o},  {4, 42, o},  {12, 86, o},
                              {50, 99, o}, {90, 75, o}, {92, 30, o}, {74, 2, o}};

constexpr Knot kOneStick[] = {{50, 0, S}, {50, 50, o}, {50, 100, o}};
constexpr Knot kOneBent[] = {{56, 0, S}, {46, 45, o}, {52, 100, o}};
constexpr Knot kOneSerif[] = {{28, 24, S}, {54, 0, C}, {54, 100, o}};
constexpr Knot kOneSerifBase[] = {{25, 25, S}, {52, 0, C}, {52, 100, o}, {22, 100, S}, {82, 99, o}};

constexpr Knot kTwoPlain[] = {{10, 25, S}, {30, 3, o}, {65, 2, o}, {85, 25, o},
                              {65, 55, o}, {8, 98, C}, {90, 98, o}};
constexpr Knot kTwoLoop[] = {{12, 22, S}, {35, 2, o}, {72, 5, o},  {82, 32, o}, {55, 68, o},
                             {22, 95, o}, {6, 88, o}, {22, 74, o}, {50, 86, o}, {92, 96, o}};
constexpr Knot kTwoFlat[] = {{12, 10, S}, {50, 0, o},  {85, 15, o}, {70, 48, o},
                             {10, 95, C}, {50, 90, o}, {92, 98, o}};
constexpr Knot kTwoSwan[] = {{15, 30, S}, {40, 0, o},  {78, 12, o},  {70, 50, o}, {30, 85, o},
                             {12, 98, C}, {40, 90, o}, {70, 100, o}, {95, 88, o}};

constexpr Knot kThreeRound[] = {{12, 12, S}, {45, 0, o},  {80, 18, o},  {65, 42, o}, {38, 48, C},
                                {75, 56, o}, {88, 80, o}, {50, 100, o}, {8, 88, o}};
constexpr Knot kThreeFlat[] = {{12, 3, S},  {82, 3, C},   {42, 40, C}, {80, 52, o},
                               {85, 80, o}, {45, 100, o}, {8, 86, o}};
constexpr Knot kThreeCurl[] = {{15, 10, S}, {50, 0, o},  {82, 18, o}, {62, 43, o},  {40, 52, o},
                               {46, 42, o}, {80, 60, o}, {82, 88, o}, {40, 100, o}, {8, 85, o}};

constexpr Knot kFourOpen[] = {{20, 2, S}, {10, 55, C}, {90, 52, o}, {75, 0, S}, {68, 100, o}};
constexpr Knot kFourClosed[] = {{72, 100, S}, {70, 0, C}, {5, 68, C}, {95, 66, o}};
constexpr Knot kFourCup[] = {{15, 5, S}, {12, 40, o}, {35, 55, o}, {78, 42, o},
                             {82, 0, S}, {75, 50, o}, {70, 100, o}};
constexpr Knot kFourCross[] = {{62, 2, S}, {8, 66, C}, {95, 62, o}, {62, 34, S}, {60, 100, o}};

constexpr Knot kFiveOneStroke[] = {{80, 2, S},  {22, 2, C},  {15, 42, C}, {55, 38, o},
                                   {88, 65, o}, {60, 98, o}, {8, 90, o}};
constexpr Knot kFiveTwoStrokes[] = {{25, 4, S},   {18, 45, C}, {60, 40, o}, {85, 70, o},
                                    {50, 100, o}, {5, 88, o},  {25, 4, S},  {90, 0, o}};
constexpr Knot kFiveSnake[] = {{88, 5, S},  {40, 3, o},  {18, 28, o}, {55, 48, o},
                               {80, 72, o}, {50, 98, o}, {8, 92, o}};

constexpr Knot kSixRound[] = {{70, 0, S},  {30, 25, o}, {8, 65, o},  {30, 98, o},
                              {75, 90, o}, {80, 62, o}, {45, 52, o}, {12, 75, o}};
constexpr Knot kSixStem[] = {{45, 0, S},  {15, 50, o}, {15, 85, o}, {50, 100, o},
                             {82, 80, o}, {65, 58, o}, {25, 68, o}};
constexpr Knot kSixCurl[] = {{85, 8, S},   {50, 0, o},  {15, 40, o}, {10, 80, o},
                             {45, 100, o}, {78, 82, o}, {60, 58, o}, {18, 70, o}};

constexpr Knot kSevenPlain[] = {{8, 5, S}, {90, 4, C}, {45, 100, o}};
constexpr Knot kSevenBar[] = {{8, 6, S}, {88, 4, C}, {46, 100, o}, {26, 50, S}, {80, 48, o}};
constexpr Knot kSevenSerif[] = {{8, 22, S}, {12, 3, C}, {88, 5, C}, {60, 45, o}, {45, 100, o}};
constexpr Knot kSevenRound[] = {{8, 10, S}, {50, 2, o}, {85, 10, o}, {60, 50, o}, {48, 100, o}};

constexpr Knot kEightSnake[] = {{75, 12, S},  {45, 0, o},  {15, 20, o}, {45, 46, o}, {82, 75, o},
                                {50, 100, o}, {15, 78, o}, {50, 48, o}, {82, 20, o}, {70, 6, o}};
constexpr Knot kEightRings[] = {{50, 0, S},  {20, 22, o}, {50, 46, o},  {80, 22, o}, {50, 0, o},
                                {50, 46, S}, {12, 74, o}, {50, 100, o}, {88, 74, o}, {50, 46, o}};
constexpr Knot kEightOpen[] = {{88, 8, S},   {40, 0, o},  {18, 24, o}, {68, 62, o}, {74, 88, o},
                               {38, 100, o}, {18, 76, o}, {58, 42, o}, {86, 14, o}};

constexpr Knot kNineStraight[] = {{78, 22, S}, {50, 2, o},  {15, 20, o}, {25, 48, o},
                                  {60, 45, o}, {80, 15, C}, {78, 50, o}, {72, 100, o}};
constexpr Knot kNineHook[] = {{78, 20, S}, {48, 0, o},  {12, 25, o}, {35, 52, o}, {72, 38, o},
                              {80, 12, C}, {78, 60, o}, {55, 98, o}, {18, 90, o}};
constexpr Knot kNineSlant[] = {{82, 15, S}, {50, 0, o}, {14, 22, o}, {28, 50, o},
                               {65, 42, o}, {85, 8, C}, {65, 55, o}, {55, 100, o}};

constexpr Prototype kZeros[] = {{kZeroOval, 4}, {kZeroNarrow, 3}, {kZeroOpen, 2}};
constexpr Prototype kOnes[] = {{kOneStick, 5}, {kOneBent, 2}, {kOneSerif, 2}, {kOneSerifBase, 1}};
constexpr Prototype kTwos[] = {{kTwoPlain, 4}, {kTwoLoop, 3}, {kTwoFlat, 2}, {kTwoSwan, 2}};
constexpr Prototype kThrees[] = {{kThreeRound, 5}, {kThreeFlat, 2}, {kThreeCurl, 2}};
constexpr Prototype kFours[] = {{kFourOpen, 4}, {kFourClosed, 2}, {kFourCup, 3}, {kFourCross, 2}};
constexpr Prototype kFives[] = {{kFiveOneStroke, 4}, {kFiveTwoStrokes, 4}, {kFiveSnake, 2}};
constexpr Prototype kSixes[] = {{kSixRound, 4}, {kSixStem, 3}, {kSixCurl, 2}};
constexpr Prototype kSevens[] = {
    {kSevenPlain, 4}, {kSevenBar, 3}, {kSevenSerif, 2}, {kSevenRound, 2}};
constexpr Prototype kEights[] = {{kEightSnake, 4}, {kEightRings, 3}, {kEightOpen, 2}};
constexpr Prototype kNines[] = {{kNineStraight, 4}, {kNineHook, 3}, {kNineSlant, 2}};

constexpr std::array<std::span<const Prototype>, 10> kDigits = {
    kZeros, kOnes, kTwos, kThrees, kFours, kFives, kSixes, kSevens, kEights, kNines};

}  // namespace

std::span<const Prototype> PrototypesOf(int digit) { return kDigits.at(digit); }

}  // namespace weft::examples
