#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/tutorials/data/tf_digits.pb: a classifier of digits that TensorFlow 2.15.1 trained.

  mnist --steps=1 --picture=            # draws digits into the temporary folder's weft_digits
  make_tf_digits.py DIGITS_FOLDER tests/tutorials/data/tf_digits.pb
"""
import gzip
import sys

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def read(path, header):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def main(folder, out):
    images = read(folder + "/train-images-idx3-ubyte.gz", 16).reshape(-1, 784) / np.float32(255)
    labels = read(folder + "/train-labels-idx1-ubyte.gz", 8).astype(np.int64)
    x = tf.placeholder(tf.float32, [None, 784], name="images")
    y = tf.placeholder(tf.int64, [None])
    w = tf.get_variable("w", [784, 10], initializer=tf.zeros_initializer())
    b = tf.get_variable("b", [10], initializer=tf.zeros_initializer())
    logits = tf.matmul(x, w) + b
    tf.nn.softmax(logits, name="probabilities")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for i in range(600):
            at = i * 100 % len(images)
            session.run(step, {x: images[at:at + 100], y: labels[at:at + 100]})
        frozen = tf.graph_util.convert_variables_to_constants(
            session, tf.get_default_graph().as_graph_def(), ["probabilities"])
    with open(out, "wb") as f:
        f.write(frozen.SerializeToString())


main(*sys.argv[1:])
