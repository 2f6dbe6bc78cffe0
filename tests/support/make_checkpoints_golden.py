#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What TensorFlow reads from checkpoints, as lines of text: the golden file of tests/io/checkpoint_golden_test.cc.

    make_checkpoints_golden.py INTEROP/checkpoints > tests/io/data/checkpoints.golden

A line a tensor, or a slice of one: "prefix|name|slice|dtype|shape|crc32c", where the prefix is relative to the folder, the
slice is empty or as SaveV2 takes it, and the checksum is that of the little-endian elements (of strings: of each length as
8 bytes and its bytes).
"""
import json
import os
import struct
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for b in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ b) & 0xFF]
    return crc ^ 0xFFFFFFFF


def line(folder, prefix, name, spec, dtype):
    with tf.Graph().as_default(), tf.Session() as session:
        value = session.run(tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=[name], shape_and_slices=[spec], dtypes=[dtype])[0])
    if dtype == tf.string:
        data = b"".join(struct.pack("<Q", len(s)) + s for s in np.asarray(value, object).ravel())
    else:
        data = np.ascontiguousarray(value).tobytes()
    shape = ",".join(str(d) for d in np.shape(value))
    return f"{os.path.relpath(prefix, folder)}|{name}|{spec}|{dtype.name}|{shape}|{crc32c(data):08x}"


def main():
    folder = sys.argv[1]
    prefixes = set()
    for parent, _, files in os.walk(folder):
        for file in files:
            if file.endswith(".index"):
                prefixes.add(os.path.join(parent, file[: -len(".index")]))
            elif os.path.basename(parent).startswith("v1_") and file == "model.ckpt":
                prefixes.add(os.path.join(parent, file))
    for prefix in sorted(prefixes):
        types = tf.train.load_checkpoint(prefix).get_variable_to_dtype_map()
        for name in sorted(types):
            print(line(folder, prefix, name, "", types[name]))
        with open(os.path.join(os.path.dirname(prefix), "expected.json")) as f:
            slices = json.load(f).get("slices", {})
        for part in slices.values():
            print(line(folder, prefix, part["full_name"], part["slice_spec"], types[part["full_name"]]))


if __name__ == "__main__":
    main()
