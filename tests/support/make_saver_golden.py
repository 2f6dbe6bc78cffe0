# SPDX-License-Identifier: Apache-2.0
"""Writes tests/framework/data/saver.golden (see graph_golden.h) with TensorFlow 2.15.1 (compat.v1).

    python3 tests/support/make_saver_golden.py     # from the root of the project
"""
from graph_text import section, tf, write


def get(name, shape, **options): return tf.get_variable(name, shape, initializer=tf.zeros_initializer(), **options)


@section
def reference_variables():
    get('w', [2, 3])
    get('b', [3])
    tf.train.Saver()
    tf.train.Saver(name='backup', filename='best')


@section
def resource_variables():
    get('w', [2, 3], use_resource=True)
    with tf.device('/device:CPU:0'): get('b', [3], use_resource=True)
    tf.train.Saver()


@section
def in_shards():
    with tf.device('/device:CPU:1'):
        get('w', [2, 3])
        get('v', [2])
    with tf.device('/device:CPU:0'): get('b', [3], use_resource=True)
    get('anywhere', [1])
    tf.train.Saver(sharded=True)


@section
def in_parts():
    get('p/w', [4, 3], partitioner=tf.fixed_size_partitioner(2))
    get('r', [3, 4], partitioner=tf.fixed_size_partitioner(2, axis=1), use_resource=True)
    get('b', [3])
    tf.train.Saver()


@section
def reshaped():
    get('w', [2, 3])
    get('u', [2, 3], use_resource=True)
    tf.Variable(tf.placeholder(tf.float32, name='x'), validate_shape=False, name='b')
    tf.train.Saver(reshape=True, restore_sequentially=True)


@section
def version_1():
    w = get('w', [2, 3])
    tf.train.Saver({'x': w}, write_version=tf.train.SaverDef.V1)


@section
def version_1_in_shards():
    with tf.device('/device:CPU:0'): get('w', [2, 3])
    with tf.device('/device:CPU:1'): get('b', [3])
    tf.train.Saver(write_version=tf.train.SaverDef.V1, sharded=True)


@section
def some_variables():
    w, b = get('w', [2, 3]), get('b', [3])
    get('c', [3])
    with tf.name_scope('model'): tf.train.Saver([w, b])
    tf.train.Saver({'new/w': w, 'a': b})


write('tests/framework/data/saver.golden')
