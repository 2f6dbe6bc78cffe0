// SPDX-License-Identifier: Apache-2.0
// A team that is slow to come is left alone, and asked again after a while.
#include <gtest/gtest.h>

#include "src/core/parallel.h"

namespace weft {
namespace {

// Runs until the choice is `team`; how many runs that took.
int RunsUntil(TeamChoice* choice, bool team, int64_t alone_ns, int64_t team_ns) {
  int runs = 0;
  for (; choice->PrefersTeam() != team && runs < 10'000; ++runs)
    choice->Took(choice->PrefersTeam() ? team_ns : alone_ns);
  return runs;
}

TEST(TeamChoice, AQuickTeamStays) {
  TeamChoice choice;
  EXPECT_FALSE(choice.PrefersTeam());
  EXPECT_LE(RunsUntil(&choice, true, 100, 60), 3);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(choice.PrefersTeam());
    // Now and then it is late.
    choice.Took(i % 10 == 0 ? 150 : 60);
  }
}

TEST(TeamChoice, ASlowTeamIsAskedLessAndLess) {
  TeamChoice choice;
  int longest = 0, team_runs = 0, all_runs = 0;
  for (int round = 0; round < 8; ++round) {
    const int alone = RunsUntil(&choice, true, 100, 120),
              team = RunsUntil(&choice, false, 100, 120);
    EXPECT_GE(alone, longest);
    longest = alone;
    team_runs += team;
    all_runs += alone + team;
  }
  EXPECT_LT(10 * team_runs, all_runs);
  // It is welcome when it has become quick.
  EXPECT_LE(RunsUntil(&choice, true, 100, 60), 4096);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(choice.PrefersTeam());
    choice.Took(60);
  }
}

// Late once in ten runs, and stopped once in a thousand: the machine's business, not the team's.
TEST(TeamChoice, OneThatStopsNowAndThenIsSoonAskedAgain) {
  TeamChoice choice;
  int alone_runs = 0;
  for (int i = 0; i < 20'000; ++i) {
    const bool team = choice.PrefersTeam();
    alone_runs += !team;
    choice.Took(!team ? 100 : i % 1000 == 999 ? 1'000'000 : i % 10 == 0 ? 150 : 60);
  }
  EXPECT_LT(alone_runs, 20 * 40);
}

TEST(TeamChoice, OneThatStoppedIsLeftAtOnce) {
  TeamChoice choice;
  static_cast<void>(RunsUntil(&choice, true, 100, 60));
  choice.Took(1'000'000);
  EXPECT_FALSE(choice.PrefersTeam());
}

}  // namespace
}  // namespace weft
