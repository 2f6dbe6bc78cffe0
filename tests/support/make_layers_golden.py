# SPDX-License-Identifier: Apache-2.0
"""Writes the golden files of layers with TensorFlow 2.15.1 (compat.v1) and tf-slim 1.1.0 (pip install tf-slim==1.1.0).

    python3 tests/support/make_layers_golden.py     # from the root of the project

tests/nn/data/layers.golden: the nodes that each layer adds (see graph_golden.h).
tests/tutorials/data/nets.golden: the nodes of two of slim's nets.
tests/tutorials/data/net_variables.txt: names and shapes of the variables of slim's nets.
tests/tutorials/data/net_logits.txt: what slim's nets make of two pictures, with weights of seed 1.
"""
import os
import sys

from graph_text import section, tf, write
import numpy as np
import keras.src.legacy_tf_layers.normalization
from tensorflow.python.framework import ops
import tf_slim as slim
from tf_slim.nets import alexnet, inception_v3, resnet_v1, resnet_v2, vgg

# tf-slim was written for a release of TensorFlow that had Tensor here.
ops.Tensor = tf.Tensor
# TensorFlow 2.15 looks for the layer that slim.batch_norm is made of where no release of tf_keras has it.
sys.modules['tf_keras'] = keras
sys.modules['tf_keras.legacy_tf_layers'] = keras.src.legacy_tf_layers
sys.modules['tf_keras.legacy_tf_layers.normalization'] = keras.src.legacy_tf_layers.normalization

L2 = slim.l2_regularizer(0.5)


def ph(shape, dtype=tf.float32, name='x'): return tf.placeholder(dtype, shape, name=name)


@section
def conv2d():
    slim.conv2d(ph([2, 8, 8, 3]), 4, [3, 3], scope='conv1')


@section
def conv2d_without_scope():
    x = ph([None, 8, 8, 3])
    slim.conv2d(slim.conv2d(x, 4, 3), 4, 1)


@section
def conv2d_arguments():
    slim.conv2d(ph([None, None, None, 3]), 4, [3, 1], stride=[2, 1], padding='VALID', activation_fn=tf.nn.tanh,
                weights_regularizer=L2, biases_regularizer=slim.l1_regularizer(0.25),
                weights_initializer=tf.truncated_normal_initializer(stddev=0.1),
                biases_initializer=tf.constant_initializer(0.1), trainable=False, scope='c')


@section
def conv2d_linear():
    slim.conv2d(ph([2, 8, 8, 3]), 4, 3, activation_fn=None, biases_initializer=None, scope='c')


@section
def conv2d_reused():
    x = ph([2, 8, 8, 3])
    slim.conv2d(x, 4, 3, weights_regularizer=L2, scope='c')
    slim.conv2d(x, 4, 3, weights_regularizer=L2, scope='c', reuse=True)


@section
def conv2d_channels_first():
    slim.conv2d(ph([2, 3, 8, 8]), 4, 3, data_format='NCHW', scope='c')


@section
def conv2d_of_resources():
    with tf.variable_scope('r', use_resource=True):
        slim.conv2d(ph([2, 8, 8, 3]), 4, 3, weights_regularizer=L2, scope='c')


@section
def conv1d_and_3d():
    slim.conv1d(ph([2, 8, 3]), 4, 3, stride=2, scope='c1')
    slim.conv3d(ph([2, 8, 8, 8, 3]), 4, [3, 3, 2], scope='c3')


@section
def conv2d_in_plane():
    slim.conv2d_in_plane(ph([2, 8, 8, 3]), [3, 1], scope='c')


@section
def conv2d_transpose():
    slim.conv2d_transpose(ph([2, 4, 4, 3]), 5, [3, 3], stride=2, scope='same')
    slim.conv2d_transpose(ph([None, None, 4, 3]), 5, 4, stride=[2, 3], padding='VALID', scope='valid')


@section
def separable_conv2d():
    slim.separable_conv2d(ph([2, 8, 8, 3]), 6, 3, depth_multiplier=2, weights_regularizer=L2, scope='both')


@section
def separable_conv2d_depthwise():
    slim.separable_conv2d(ph([2, 8, 8, 3]), None, 3, depth_multiplier=1, stride=2, weights_regularizer=L2,
                          scope='alone')


@section
def pools():
    x = ph([None, 8, 8, 3])
    slim.max_pool2d(x, 2, scope='pool1')
    slim.avg_pool2d(x, [3, 2], stride=1, padding='SAME', scope='pool2')
    slim.max_pool2d(x, 3)
    slim.max_pool2d(x, 3)
    with tf.variable_scope('net'): slim.avg_pool2d(x, 2)
    v = ph([2, 4, 4, 4, 3])
    slim.max_pool3d(v, 2)
    slim.avg_pool3d(v, 2)


@section
def fully_connected():
    slim.fully_connected(ph([None, 12]), 5, scope='fc')


@section
def fully_connected_of_rank_3():
    slim.fully_connected(ph([None, 4, 12]), 5, activation_fn=None, weights_regularizer=L2, scope='fc')


@section
def bias_add():
    slim.bias_add(ph([2, 4]), scope='b')
    slim.bias_add(ph([2, 4, 3, 3]), activation_fn=tf.nn.relu, regularizer=L2, data_format='NCHW', scope='c')


@section
def conv2d_with_batch_norm():
    slim.conv2d(ph([None, 8, 8, 3]), 4, 3, normalizer_fn=slim.batch_norm, scope='c')


@section
def batch_norm_at_inference():
    slim.batch_norm(ph([None, 8, 8, 3]), is_training=False, scale=True, scope='bn')


@section
def batch_norm_arguments():
    slim.batch_norm(ph([None, 8, 8, 3]), decay=0.9, center=False, scale=True, epsilon=0.01, activation_fn=tf.nn.relu,
                    param_initializers={'gamma': tf.constant_initializer(0.5)}, param_regularizers={'gamma': L2},
                    scope='bn')


@section
def batch_norm_told_in_each_run():
    training = tf.placeholder(tf.bool, [], 'training')
    slim.batch_norm(ph([None, 8, 8, 3]), is_training=training, scope='bn')


@section
def batch_norm_of_rank_2():
    slim.batch_norm(ph([None, 6]), scope='bn')
    slim.batch_norm(ph([None, 6], name='y'), is_training=False, scope='inference')


@section
def batch_norm_updates_in_place():
    slim.batch_norm(ph([None, 8, 8, 3]), updates_collections=None, scope='bn')


@section
def batch_norm_debiased():
    slim.batch_norm(ph([None, 8, 8, 3]), zero_debias_moving_mean=True, scope='bn')


@section
def batch_norm_not_fused():
    slim.batch_norm(ph([None, 8, 8, 3]), fused=False, scale=True, scope='bn')
    slim.batch_norm(ph([None, 8, 3], name='y'), scope='three')
    slim.batch_norm(ph([2, 3, 8, 8], name='z'), fused=False, scale=True, data_format='NCHW', scope='first')
    slim.batch_norm(ph([None, 8, 8, 3], name='w'), fused=False, is_training=False, scope='inference')


@section
def batch_norm_weighted():
    slim.batch_norm(ph([4, 6]), batch_weights=tf.constant([1., 2., 0., 1.]), scope='bn')


@section
def layer_norm():
    slim.layer_norm(ph([None, 4, 6]), scope='ln')
    slim.layer_norm(ph([2, 4, 6], name='y'), center=False, begin_norm_axis=-1, begin_params_axis=1,
                    activation_fn=tf.nn.relu, scope='two')


@section
def unit_norm():
    slim.unit_norm(ph([2, 4, 3]), 1, scope='un')


@section
def dropout():
    tf.set_random_seed(3)
    x = ph([None, 6])
    slim.dropout(x, 0.75, scope='d1')
    slim.dropout(x, is_training=False)
    slim.dropout(x, 1.0)
    slim.dropout(x, seed=7)


@section
def dropout_told_in_each_run():
    slim.dropout(ph([2, 6]), is_training=tf.placeholder(tf.bool, [], 'training'), seed=1)


@section
def flatten():
    slim.flatten(ph([None, 3, 4]))
    slim.flatten(ph([2, None, 4], name='y'))
    slim.flatten(ph([None, None, 4], name='z'), scope='f')


@section
def one_hot_encoding():
    slim.one_hot_encoding(ph([None], tf.int32), 10)
    slim.one_hot_encoding(ph([None], tf.int64, name='y'), 10, on_value=2.0, off_value=-1.0, scope='oh')


@section
def softmax():
    slim.softmax(ph([None, 3, 4]), scope='Predictions')


@section
def repeat_and_stack():
    x = ph([2, 8, 8, 3])
    slim.repeat(x, 2, slim.conv2d, 4, [3, 3], scope='conv1')
    slim.stack(ph([2, 6], name='y'), slim.fully_connected, [5, 4], scope='fc')


@section
def initializers():
    for i, f in enumerate([slim.xavier_initializer(seed=1), slim.xavier_initializer(uniform=False, seed=1),
                           slim.variance_scaling_initializer(seed=1),
                           slim.variance_scaling_initializer(factor=1.0, mode='FAN_OUT', uniform=True, seed=1)]):
        tf.get_variable('w%d' % i, [3, 3, 4, 5], initializer=f)


os.makedirs('tests/nn/data', exist_ok=True)
write('tests/nn/data/layers.golden')

# ---- nets: tests/tutorials/models_test.cc -------------------------------------------------------


@section
def alexnet_v2():
    with slim.arg_scope(alexnet.alexnet_v2_arg_scope()):
        alexnet.alexnet_v2(ph([2, 224, 224, 3], name='images'), 10, is_training=False)


@section
def inception_v3_up_to_mixed_5b():
    with slim.arg_scope(inception_v3.inception_v3_arg_scope()):
        inception_v3.inception_v3_base(ph([2, 75, 75, 3], name='images'), final_endpoint='Mixed_5b', min_depth=8,
                                       depth_multiplier=0.25)


write('tests/tutorials/data/nets.golden')

NETS = [
    ('alexnet_v2', alexnet.alexnet_v2, alexnet.alexnet_v2_arg_scope, 224),
    ('vgg_16', vgg.vgg_16, vgg.vgg_arg_scope, 224),
    ('inception_v3', inception_v3.inception_v3, inception_v3.inception_v3_arg_scope, 299),
    ('resnet_v1_50', resnet_v1.resnet_v1_50, resnet_v1.resnet_arg_scope, 64),
    ('resnet_v2_50', resnet_v2.resnet_v2_50, resnet_v2.resnet_arg_scope, 64),
]
with open('tests/tutorials/data/net_variables.txt', 'w') as out:
    out.write('# SPDX-License-Identifier: Apache-2.0\n# Made by tests/support/%s\n' % os.path.basename(sys.argv[0]))
    for name, net, scope, side in NETS:
        with tf.Graph().as_default():
            with slim.arg_scope(scope()): net(ph([2, side, side, 3]), 1000, is_training=False)
            lines = ['%s [%s]' % (v.op.name, ','.join(str(d) for d in v.shape.as_list())) for v in tf.global_variables()]
            for line in sorted(lines): out.write('%s %s\n' % (name, line))


# What models_test.cc makes too.
def pictures(side): return ((np.arange(2 * side * side * 3) * 7919 % 256) / 128 - 1).reshape(2, side, side, 3)


RUNS = [
    ('inception_v3', inception_v3.inception_v3, inception_v3.inception_v3_arg_scope, 139,
     {'min_depth': 8, 'depth_multiplier': 0.2}),
    ('resnet_v1_50', resnet_v1.resnet_v1_50, resnet_v1.resnet_arg_scope, 65, {}),
    ('resnet_v2_50', resnet_v2.resnet_v2_50, resnet_v2.resnet_arg_scope, 65, {}),
]
with open('tests/tutorials/data/net_logits.txt', 'w') as out:
    out.write('# SPDX-License-Identifier: Apache-2.0\n# Made by tests/support/%s\n' % os.path.basename(sys.argv[0]))
    for name, net, scope, side, arguments in RUNS:
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            images = ph([2, side, side, 3])
            with slim.arg_scope(scope()): logits, _ = net(images, 5, is_training=False, **arguments)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                values = session.run(logits, {images: pictures(side)})
        out.write(' '.join([name] + ['%.9g' % v for v in np.ravel(values)]) + '\n')
