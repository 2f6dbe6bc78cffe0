// SPDX-License-Identifier: Apache-2.0
// weft conformance: hands over to weft_conformance, which lies beside this program.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "tools/weft/command.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

[[noreturn]] void Conformance(std::vector<std::string> arguments) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  std::string program = (self.parent_path() / "weft_conformance").string();
  std::vector<char*> argv = {program.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  ThrowError(Code::kNotFound, program + " can't be run: " + std::strerror(errno));
}

}  // namespace

void AddConformance(CLI::App& weft) {
  CLI::App* command = weft.add_subcommand(
      "conformance", "Runs golden cases: all that follows goes to weft_conformance");
  command->prefix_command();
  command->callback([command] { Conformance(command->remaining()); });
}

}  // namespace weft::tool
