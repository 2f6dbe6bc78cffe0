# SPDX-License-Identifier: Apache-2.0
"""Writes tests/framework/data/graph_util.golden: GraphDefs before and after TensorFlow 2.15.1's graph_util.

    python3 tests/support/make_graph_util_golden.py     # from the root of the project

A section a case: its name, the GraphDef given, a line of "--", the GraphDef that TensorFlow makes of it.
"""
import os

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import numpy as np
import tensorflow.compat.v1 as tf
from google.protobuf import text_format
from tensorflow.python.tools import optimize_for_inference_lib
from tensorflow.python.tools import strip_unused_lib

tf.disable_v2_behavior()
tf.disable_resource_variables()
out = open('tests/framework/data/graph_util.golden', 'w')
out.write('# SPDX-License-Identifier: Apache-2.0\n# Made by tests/support/make_graph_util_golden.py\n')


def text(graph_def):
    return ''.join('node { %s }\n' % text_format.MessageToString(n, as_one_line=True) for n in graph_def.node)


def case(name, build, transform, edit=lambda graph_def: None):
    graph = tf.Graph()
    with graph.as_default(), tf.Session(graph=graph) as session:
        build()
        for op in graph.get_operations():
            if op.name == 'init': session.run(op)
        before = graph.as_graph_def()
        edit(before)
        saved = tf.GraphDef.FromString(before.SerializeToString())
        after = transform(session, before)
        out.write('== %s\n%s--\n%s' % (name, text(saved), text(after)))


def convert(outputs, **kw):
    return lambda session, graph_def: tf.graph_util.convert_variables_to_constants(session, graph_def, outputs, **kw)


def sum_of_two():
    v1 = tf.Variable(tf.constant(1.0, shape=[1]), name='v1')
    v2 = tf.Variable(tf.constant(2.0, shape=[1]), name='v2')
    tf.add(v1, v2, name='add')
    tf.global_variables_initializer()


def resources():
    w = tf.Variable([[1., 2.], [3., 4.]], name='w', use_resource=True)
    b = tf.Variable([1., 2.], name='b', use_resource=True)
    with tf.device('/cpu:0'):
        x = tf.placeholder(tf.float32, [None, 2], 'x')
        y = tf.identity(tf.nn.relu(tf.matmul(x, w) + b), name='y')
    tf.gather(w, tf.placeholder(tf.int64, [None], 'rows'), name='g')
    tf.gather_nd(w, [[1, 0]], name='gn')
    with tf.control_dependencies([y]): tf.identity(b, name='ordered')
    tf.global_variables_initializer()


def handles_through_control_flow():
    w = tf.Variable([1., 2.], name='w', use_resource=True)
    p = tf.placeholder(tf.bool, [], 'p')
    u = tf.Variable([3., 4.], name='u')
    off, on = tf.raw_ops.Switch(data=w.handle, pred=p, name='switch')
    same = tf.raw_ops.Identity(input=on, name='same')
    read = tf.raw_ops.ReadVariableOp(resource=same, dtype=tf.float32, name='read')
    tf.identity(read + u, name='y')
    tf.global_variables_initializer()


case('convert_ref', sum_of_two, convert(['add']))
case('convert_whitelist', sum_of_two, convert(['add'], variable_names_whitelist=['v1']))
case('convert_blacklist', sum_of_two, convert(['add'], variable_names_blacklist=['v1']))
case('convert_resource', resources, convert(['y', 'g', 'gn', 'ordered']))
case('convert_through_control_flow', handles_through_control_flow, convert(['y']))


def training_nodes():
    x = tf.placeholder(tf.float32, [2], 'x')
    a = tf.identity(x, name='a')
    b = tf.identity(a, name='b')
    kept = tf.identity(b, name='kept')
    gate = tf.identity(x, name='gate')
    with tf.control_dependencies([gate]): held = tf.identity(x, name='held')
    with tf.control_dependencies([tf.check_numerics(x, 'bad', name='check')]): tf.add(x, x, name='checked')
    with tf.colocate_with(a): tf.negative(a, name='near')
    tf.add(kept, held, name='y')
    tf.add_n([tf.identity(tf.split(x, 2, name='split')[1], name='part')] * 2, name='parts')


case('remove_training_nodes', training_nodes, lambda s, g: tf.graph_util.remove_training_nodes(g))
case('remove_training_nodes_protected', training_nodes,
     lambda s, g: tf.graph_util.remove_training_nodes(g, ['kept', 'part']))
case('extract_sub_graph', training_nodes, lambda s, g: tf.graph_util.extract_sub_graph(g, ['near', 'parts']))
case('strip_unused', training_nodes,
     lambda s, g: strip_unused_lib.strip_unused(g, ['b', 'x'], ['y'], [tf.float64.as_datatype_enum, 1]))


def batch_norms():
    r = np.random.RandomState(3)
    const = lambda *shape: tf.constant(r.uniform(.5, 2, shape).astype(np.float32))

    def norm(x, n, name, **kw):
        scale, offset, mean, variance = [const(n) for _ in range(4)]
        return tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=1e-3,
                                           is_training=False, name=name, **kw)[0]

    x = tf.placeholder(tf.float32, [1, 4, 4, 2], 'x')
    y = norm(tf.nn.conv2d(x, const(1, 2, 2, 3), 1, 'SAME', name='conv'), 3, 'n1')
    y = tf.nn.relu(y)
    biased = tf.nn.bias_add(tf.nn.depthwise_conv2d_native(y, const(2, 1, 3, 2), [1, 1, 1, 1], 'VALID', name='dw'), const(6))
    y = norm(biased, 6, 'n2')
    y = const(2) + tf.nn.conv2d(y, const(1, 1, 6, 2), 1, 'SAME', name='conv3')
    y = tf.raw_ops.FusedBatchNorm(x=y, scale=const(2), offset=const(2), mean=const(2), variance=const(2),
                                  is_training=False, name='n3')[0]
    y = norm(y, 2, 'n4')
    y = tf.nn.conv2d(y, const(1, 1, 2, 2), 1, 'SAME', name='conv5')
    y = norm(y, 2, 'n5')
    tf.nn.relu(y, name='y')


# No TensorFlow of today makes this op, but its function knows it.
def old_norm(graph_def):
    node = [n for n in graph_def.node if n.name == 'n5'][0]
    x, gamma, beta, mean, variance = node.input
    node.op = 'BatchNormWithGlobalNormalization'
    node.input[:] = [x, mean, variance, beta, gamma]
    node.attr.clear()
    node.attr['T'].type = tf.float32.as_datatype_enum
    node.attr['variance_epsilon'].f = 1e-2
    node.attr['scale_after_normalization'].b = False


case('fold_batch_norms', batch_norms, lambda s, g: optimize_for_inference_lib.fold_batch_norms(g), edit=old_norm)
