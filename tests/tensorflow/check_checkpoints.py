#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether TensorFlow reads the checkpoints that Weft writes. Needs TensorFlow 2; not part of ctest.

    python3 tests/tensorflow/check_checkpoints.py build/dev/bin/framework_test

Runs the cases of the test program that save all kinds of variables with WEFT_KEEP_CHECKPOINTS set to a folder, then compares
every tensor that TensorFlow's reader finds there with the values that the program wrote beside (name|dtype|shape|hex), and
restores through the meta graph.
"""
import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def check_values(prefix, listing):
    wrong = 0
    with open(listing) as lines:
        for text in lines:
            name, dtype, shape, data = text.rstrip("\n").split("|")
            with tf.Graph().as_default(), tf.Session() as session:
                got = session.run(tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=[name], shape_and_slices=[""],
                                                       dtypes=[tf.as_dtype(dtype)])[0])
            if dtype == "string":
                got_hex = ",".join(s.hex() for s in np.asarray(got, object).ravel())
            else:
                got_hex = np.ascontiguousarray(got).tobytes().hex()
            if got_hex != data or ",".join(map(str, np.shape(got))) != shape:
                print(f"{prefix}: {name} differs")
                wrong += 1
    return wrong


def check_meta_graph(prefix):
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
        saver = tf.train.import_meta_graph(prefix + ".meta")
        saver.restore(session, prefix)
        reader = tf.train.load_checkpoint(prefix)
        for variable in tf.global_variables():
            value = session.run(variable)
            if variable._save_slice_info is None:
                np.testing.assert_array_equal(value, reader.get_tensor(variable.op.name))


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "--gtest_filter=SaverInterop.*"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, WEFT_KEEP_CHECKPOINTS=folder))
        wrong = 0
        listings = sorted(f for f in os.listdir(folder) if f.endswith(".values"))
        for file in listings:
            prefix = os.path.join(folder, file[: -len(".values")])
            wrong += check_values(prefix, os.path.join(folder, file))
            check_meta_graph(prefix)
            state = tf.train.get_checkpoint_state(folder, file[: -len(".values")] + ".state")
            assert state.model_checkpoint_path == prefix, state
        print(f"{len(listings)} checkpoints, {wrong} differences")
        sys.exit(1 if wrong or not listings else 0)


if __name__ == "__main__":
    main()
