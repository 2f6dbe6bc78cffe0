// SPDX-License-Identifier: Apache-2.0
// Special functions against values that mpmath gave with 40 digits.
#include "kernels/common/special_functions.h"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace weft {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Table {
  const char* name;
  double (*fn)(double);
  std::vector<std::pair<double, double>> values;
};

class SpecialFunctions : public testing::TestWithParam<Table> {};

TEST_P(SpecialFunctions, Values) {
  for (const auto& [x, want] : GetParam().values) {
    const double got = GetParam().fn(x);
    EXPECT_LE(std::abs(got - want), 4e-15 * std::abs(want))
        << GetParam().name << "(" << x << ") = " << got;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SpecialFunctions,
    testing::Values(
        Table{"BesselI0",
              special::BesselI0,
              {{0.5, 1.0634833707413235},
               {7.5, 268.16131151518936},
               {8.5, 683.16192699011561},
               {-30.0, 781672297823.97749},
               {700.0, 1.5295933476718737e+302}}},
        Table{"BesselI0e",
              special::BesselI0e,
              {{0.5, 0.64503527044915007},
               {7.5, 0.1483158300773955},
               {8.5, 0.1390018430548476},
               {-30.0, 0.073145946482237294},
               {100000.0, 0.0012615678379767768}}},
        Table{"BesselI1",
              special::BesselI1,
              {{1e-08, 5.0000000000000002e-9},
               {0.5, 0.25789430539089632},
               {7.5, 249.58436542268814},
               {8.5, 641.61990254006676},
               {-30.0, -768532038938.957},
               {700.0, 1.5285003902339007e+302}}},
        Table{"BesselI1e",
              special::BesselI1e,
              {{0.5, 0.1564208031848717},
               {7.5, 0.1380412115485542},
               {8.5, 0.13054935509459586},
               {-30.0, -0.071916330598647555},
               {100000.0, 0.0012615615301218171}}},
        Table{"BesselK0",
              special::BesselK0,
              {{1e-08, 18.536612259610778},
               {0.5, 0.92441907122766586},
               {1.999, 0.11403383058923291},
               {2.001, 0.11375409873668463},
               {30.0, 2.1324774964630564e-14},
               {700.0, 4.6697764316853769e-306}}},
        Table{"BesselK0e",
              special::BesselK0e,
              {{1e-08, 18.536612444976902},
               {0.5, 1.5241093857739095},
               {1.999, 0.84176019018918334},
               {2.001, 0.84137637287354027},
               {30.0, 0.22788666561625373},
               {700.0, 0.047362369454613572}}},
        Table{"BesselK1",
              special::BesselK1,
              {{1e-08, 99999999.999999903},
               {0.5, 1.6564411200033009},
               {1.999, 0.14004984207710966},
               {2.001, 0.13968218830176756},
               {30.0, 2.1677320018915494e-14},
               {700.0, 4.6731107967079661e-306}}},
        Table{"BesselK1e",
              special::BesselK1e,
              {{1e-08, 100000000.99999991},
               {0.5, 2.7310097082117857},
               {1.999, 1.0338018208600278},
               {2.001, 1.0331521611403637},
               {30.0, 0.2316541293777118},
               {700.0, 0.047396187653494544}}},
        Table{
            "BesselJ0",
            special::BesselJ0,
            {{0.5, 0.9384698072408129}, {5.0, -0.1775967713143383}, {-20.0, 0.16702466434058315}}},
        Table{"BesselJ1",
              special::BesselJ1,
              {{0.5, 0.24226845767487389},
               {5.0, -0.32757913759146522},
               {-20.0, -0.066833124175850046}}},
        Table{"BesselY0",
              special::BesselY0,
              {{0.5, -0.44451873350670656},
               {5.0, -0.30851762524903378},
               {20.0, 0.062640596809383831}}},
        Table{
            "BesselY1",
            special::BesselY1,
            {{0.5, -1.4714723926702431}, {5.0, 0.14786314339122684}, {20.0, -0.1655116143625213}}},
        Table{
            "Lgamma",
            special::Lgamma,
            {{0.25, 1.2880225246980775}, {1.5, -0.12078223763524522}, {30.0, 71.257038967168009}}},
        Table{"Digamma",
              special::Digamma,
              {{1e-06, -1000000.57721402},
               {0.5, -1.9635100260214235},
               {1.25, -0.22745353337626541},
               {1.4616, -3.110625123034165e-5},
               {1.75, 0.24747245354686116},
               {3.5, 1.1031566406452432},
               {25.0, 3.198742512851974},
               {10000000000.0, 23.025850929890457},
               {-0.25, 2.9141391202135278},
               {-3.75, -1.6923885983113303}}},
        Table{"Erfinv",
              special::Erfinv,
              {{1e-10, 8.8622692545275805e-11},
               {0.1, 0.088855990494257692},
               {-0.75, -0.81341984759761854},
               {0.99, 1.8213863677184495},
               {0.999999, 3.4589107372754988},
               {0.9999999999990905, 5.05125408524939}}},
        Table{"Ndtri",
              special::Ndtri,
              {{1e-300, -37.047096299361199},
               {1e-20, -9.2623400897984076},
               {0.001, -3.0902323061678135},
               {0.25, -0.67448975019608174},
               {0.5, 0.0},
               {0.9, 1.2815515655446006},
               {0.999999, 4.7534243088170878}}},
        Table{"Dawsn",
              special::Dawsn,
              {{1e-09, 1.0000000000000001e-9},
               {0.5, 0.4244363835020223},
               {-2.0, -0.30134038892379197},
               {4.0, 0.12934800123600512},
               {5.5, 0.09249323231075476},
               {100.0, 0.0050002500375093783}}},
        Table{"Expint",
              special::Expint,
              {{1e-06, -13.238293893062491},
               {0.25, -0.54254326466191373},
               {3.0, 9.9338325706254166},
               {6.5, 127.74722023322597},
               {13.0, 37197.688490689036},
               {25.0, 3005950906.5255487},
               {60.0, 1.9361822139292765e+24},
               {700.0, 1.4509787360525609e+301}}},
        Table{"FresnelCos",
              special::FresnelCos,
              {{1e-05, 1.0000000000000001e-5},
               {0.5, 0.49234422587144639},
               {1.5, 0.44526117603982154},
               {-1.7, -0.32382687600390026},
               {10.0, 0.49989869420551572},
               {1000.5, 0.50012175095081008}}},
        Table{"FresnelSin",
              special::FresnelSin,
              {{1e-05, 5.23598775598299e-16},
               {0.5, 0.064732432859999278},
               {1.5, 0.69750496008209301},
               {-1.7, -0.54919594032156854},
               {10.0, 0.46816997858488224},
               {1000.5, 0.49970606693895422}}},
        Table{"Spence",
              special::Spence,
              {{1e-09, 1.6449340451249606},
               {0.25, 0.9784693929303061},
               {0.75, 0.26765263908273261},
               {1.5, -0.4484142069236462},
               {3.0, -1.4367463668836809},
               {10000000000.0, -266.73983958836554}}}),
    [](const testing::TestParamInfo<Table>& info) { return info.param.name; });

TEST(SpecialFunctions, EndsOfTheirRanges) {
  EXPECT_EQ(special::BesselK0(0), kInf);
  EXPECT_EQ(special::BesselK1e(-1), kInf);
  EXPECT_EQ(special::BesselK1(kInf), 0);
  EXPECT_EQ(special::BesselY0(0), -kInf);
  EXPECT_EQ(special::BesselI0(800), kInf);
  EXPECT_EQ(special::BesselI0e(kInf), 0);
  EXPECT_TRUE(std::signbit(special::BesselI1e(-kInf)));
  EXPECT_EQ(special::Lgamma(-3), kInf);
  EXPECT_TRUE(std::isnan(special::Digamma(0)));
  EXPECT_TRUE(std::isnan(special::Digamma(-7)));
  EXPECT_EQ(special::Digamma(kInf), kInf);
  EXPECT_EQ(special::Erfinv(1), kInf);
  EXPECT_EQ(special::Erfinv(-1), -kInf);
  EXPECT_TRUE(std::isnan(special::Erfinv(1.5)));
  EXPECT_EQ(special::Ndtri(0), -kInf);
  EXPECT_EQ(special::Ndtri(1), kInf);
  EXPECT_TRUE(std::isnan(special::Ndtri(-0.1)));
  EXPECT_EQ(special::Dawsn(kInf), 0);
  EXPECT_EQ(special::Expint(0), -kInf);
  EXPECT_TRUE(std::isnan(special::Expint(-1)));
  EXPECT_EQ(special::Expint(kInf), kInf);
  EXPECT_EQ(special::FresnelCos(-kInf), -0.5);
  EXPECT_EQ(special::FresnelSin(1e300), 0.5);
  EXPECT_EQ(special::Spence(1), 0);
  EXPECT_TRUE(std::isnan(special::Spence(-1)));
}

TEST(SpecialFunctions, NanStays) {
  for (auto fn : {special::BesselI0, special::BesselI1e, special::BesselK0, special::BesselJ1,
                  special::BesselY1, special::Lgamma, special::Digamma, special::Erfinv,
                  special::Ndtri, special::Dawsn, special::Expint, special::FresnelCos,
                  special::FresnelSin, special::Spence}) {
    EXPECT_TRUE(std::isnan(fn(kNan)));
  }
}

// Where two series meet, they agree (but for the function's own slope between two neighbours).
TEST(SpecialFunctions, HaveNoSteps) {
  const std::vector<std::pair<double (*)(double), std::vector<double>>> seams = {
      {special::BesselI0e, {8}},      {special::BesselI1e, {8}},
      {special::BesselK0e, {2}},      {special::BesselK1e, {2}},
      {special::Digamma, {1, 2, 10}}, {special::Erfinv, {0.9990343}},
      {special::Dawsn, {1, 3, 5}},    {special::Expint, {6, 12, 24, 48}},
      {special::FresnelCos, {1.6}},   {special::FresnelSin, {1.6}},
      {special::Spence, {0.5, 2}},
  };
  for (const auto& [fn, points] : seams) {
    for (double x : points) {
      const double below = fn(std::nextafter(x, 0)), above = fn(std::nextafter(x, kInf));
      EXPECT_LE(std::abs(below - above), 1e-13 * std::abs(above)) << "at " << x;
    }
  }
}

}  // namespace
}  // namespace weft
