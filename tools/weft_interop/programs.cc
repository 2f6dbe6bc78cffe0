// SPDX-License-Identifier: Apache-2.0
// Classic programs, written anew with the library, against the numbers that TensorFlow gave.
#include "tools/weft_interop/programs.h"

#include <string>
#include <vector>

#include "src/core/strings.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/items.h"

namespace weft::interop {
namespace {

namespace fs = std::filesystem;
using golden::Mismatch;

// Items of one file; a file with several cases has one item each.
void AddItems(const fs::path& dir, const fs::path& file, std::vector<Item>* items) {
  const std::string name = file.stem().string();
  const auto add = [&](const std::string& item, std::function<void()> run) {
    items->push_back({"programs", StrCat("programs/", item), std::move(run)});
  };
  const Json reference = ReadJson(file);
  if (name == "a_mnist_mlp") {
    const fs::path data = dir.parent_path() / "data" / "mnist";
    add(name, [reference, data] { CheckMnistMlp(reference, data); });
  } else if (name == "b_mnist_cnn") {
    const fs::path data = dir.parent_path() / "data" / "mnist";
    add(name, [reference, data] { CheckMnistCnn(reference, data); });
  } else if (name == "c_sin_lstm") {
    for (const Json& run : reference.at("runs")) {
      add(StrCat(name, "/seed_", run.at("graph_seed").get<int64_t>()),
          [run] { CheckSineRun(run, 11000); });
    }
  } else if (name == "d_small_programs") {
    for (const Json& program : reference.at("cases"))
      add(StrCat(name, "/", Text(program, "name")), [program] { CheckSmallProgram(program); });
  } else if (name == "e_random_values") {
    add(name, [reference] { CheckRandomValues(reference); });
  } else {
    add(name, [] { throw Mismatch("no such program is known"); });
  }
}

}  // namespace

std::vector<Item> ProgramItems(const fs::path& dir) {
  std::vector<Item> items;
  const fs::path root = dir / "programs";
  if (!fs::is_directory(root)) return items;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == ".json") AddItems(dir, entry.path(), &items);
  }
  return items;
}

}  // namespace weft::interop
