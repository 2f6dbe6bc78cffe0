// SPDX-License-Identifier: Apache-2.0
// write_for_tensorflow FOLDER: writes files of all kinds that the library writes, with what
// TensorFlow must find in them. check.py reads them; README.md tells how.
#include <exception>
#include <filesystem>
#include <iostream>

#include "tests/tensorflow/expected.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_for_tensorflow FOLDER\n";
    return 2;
  }
  try {
    const std::filesystem::path root = std::filesystem::absolute(argv[1]);
    std::filesystem::remove_all(root);
    for (const auto write :
         {weft::for_tensorflow::WriteCheckpoints, weft::for_tensorflow::WriteGraphs,
          weft::for_tensorflow::WriteQueuesAndBranches, weft::for_tensorflow::WriteSavedModels,
          weft::for_tensorflow::WriteRecords})
      write(root);
  } catch (const std::exception& e) {
    std::cerr << "write_for_tensorflow: " << e.what() << "\n";
    return 1;
  }
  return 0;
}
