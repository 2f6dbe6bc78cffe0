// SPDX-License-Identifier: Apache-2.0
// weft: looks at models, runs, freezes, converts and measures them. `weft --help` lists what it
// can.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "tools/weft/command.h"
#include "tools/weft/style.h"
#include "weft/core/error.h"

namespace {

std::string Failed() { return weft::tool::Red("weft:", STDERR_FILENO) + " "; }

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Looks at models, runs, freezes, converts and measures them.", "weft");
  app.require_subcommand(1);
  app.footer(
      "A MODEL is the folder of a SavedModel, a frozen graph (.pb, .pbtxt) or a checkpoint with "
      "its "
      ".meta file.\n"
      "Ends with 0 if all went well, with 1 if the command failed, with 2 if it was not "
      "understood.\n"
      "Help of a subcommand: weft SUBCOMMAND --help");
  weft::tool::AddShow(app);
  weft::tool::AddRun(app);
  weft::tool::AddBench(app);
  weft::tool::AddFreeze(app);
  weft::tool::AddConvert(app);
  weft::tool::AddCheckpoint(app);
  weft::tool::AddOp(app);
  weft::tool::AddConformance(app);
  try {
    app.parse(argc, argv);
  } catch (
      const CLI::RuntimeError& e) {  // a command's own exit code; it has said what there is to say
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : weft::tool::kBadUsage;
  } catch (const weft::Error& e) {
    std::cerr << Failed() << weft::CodeName(e.code()) << ": " << e.what() << "\n";
    return weft::tool::kFailed;
  } catch (const std::exception& e) {
    std::cerr << Failed() << e.what() << "\n";
    return weft::tool::kFailed;
  }
  return 0;
}
