# SPDX-License-Identifier: Apache-2.0
"""Writes the golden files of graph_golden.h: the nodes that TensorFlow 2.15.1 (compat.v1) adds.

    python3 tests/support/make_graphs_golden.py     # from the root of the project

tests/framework/data/graphs.golden: variables, learning rates, moving averages.
tests/ops/data/composites.golden: public functions that add several nodes.
tests/ops/data/images.golden: convolution, pooling, sampled losses.
"""
from graph_text import case, ph, section, tf, write
from tensorflow.python.ops import control_flow_ops

# ---- variables ----------------------------------------------------------------------------------


@section
def variables_of_both_forms():
    w = tf.Variable([1., 2.], name='w')
    u = tf.Variable([1., 2.], name='u', use_resource=True)
    tf.Variable(lambda: tf.ones([2]), name='f')
    with tf.name_scope('layer'): tf.Variable(tf.random_normal([2], seed=1), trainable=False)


@section
def guarded_values():
    w = tf.Variable([1., 2.], name='w')
    tf.Variable(w * 2, name='w2')
    tf.Variable(w.initialized_value() * 2.0, name='w3')


@section
def guarded_functions():
    w = tf.Variable(lambda: tf.ones([2]), name='w')
    tf.Variable(lambda: w * 2, name='w2')
    tf.Variable(lambda: w.initialized_value() * 2.0, name='w3')


@section
def guarded_in_scopes():
    w = tf.Variable(tf.random_normal([2], seed=1), name='w')
    with tf.name_scope('foo'): tf.Variable((w + 1) * w.initialized_value(), name='w2')
    with tf.name_scope('foo'): tf.Variable(tf.nn.relu(tf.identity(w)) - tf.random_normal([2], seed=2), name='w3')


@section
def resource_values_are_not_guarded():
    w = tf.Variable([1., 2.], name='w', use_resource=True)
    tf.Variable(w * 2, name='w2', use_resource=True)


@section
def lazy_reads():
    w = tf.Variable([1., 2.], name='w', use_resource=True)
    x = ph([3, 2])
    y = tf.matmul(x, tf.reshape(w, [2, 1])) + w
    tf.reduce_mean(w)
    tf.reduce_sum(w, axis=0)
    tf.nn.bias_add(x, w)
    tf.nn.relu(w)
    tf.concat([w, w], 0)
    tf.stack([w, w])
    2 * w
    w * w
    x - w
    -w
    w - x
    w / 2.0
    tf.square(w)
    tf.add_n([w, w])
    tf.nn.softmax(w)
    tf.identity(w)
    tf.cast(w, tf.float64)
    tf.greater(w, x)
    tf.argmax(w, 0)
    tf.nn.l2_loss(w)


@section
def reads_ignore_devices():
    w = tf.Variable([1., 2.], name='w', use_resource=True)
    with tf.device('/cpu:0'):
        a = w + 1
        b = tf.reduce_sum(w)
        with tf.colocate_with(b.op):
            w * w
            tf.square(w)


@section
def assignments():
    w = tf.Variable([1., 2.], name='w')
    n = tf.Variable(0, name='n')
    w.assign([3., 4.])
    w.assign_add([3., 4.], name='foo')
    w.assign_sub([1., 1.])
    w.read_value()
    tf.assign(w, [1., 1.])
    tf.assign_add(w, [1., 1.], name='bar')
    tf.assign_sub(w, [1., 1.])
    tf.assign(w, [1., 1., 2.], validate_shape=False)
    n.count_up_to(3)
    tf.count_up_to(n, 4)
    w.scatter_sub(tf.IndexedSlices(tf.constant([1.]), tf.constant([1])))
    tf.is_variable_initialized(w)
    with tf.control_dependencies([w.op]): w.assign([1., 1.])


@section
def resource_assignments():
    w = tf.Variable([1., 2.], name='w', use_resource=True)
    n = tf.Variable(0, name='n', use_resource=True)
    w.assign([3., 4.])
    w.assign_add([3., 4.], name='foo')
    w.assign_sub([1., 1.])
    w.read_value()
    tf.assign(w, [1., 1.])
    tf.assign_add(w, [1., 1.])
    w.is_initialized()
    w.value()
    n.count_up_to(3)
    tf.is_variable_initialized(w)


@section
def scatters():
    w = tf.Variable([1., 2.], name='w')
    for scatter in [tf.scatter_update, tf.scatter_add, tf.scatter_sub, tf.scatter_mul, tf.scatter_div, tf.scatter_min,
                    tf.scatter_max]:
        scatter(w, [0], [2.])
    for scatter in [tf.scatter_nd_update, tf.scatter_nd_add, tf.scatter_nd_sub]: scatter(w, [[0]], [2.])


@section
def resource_scatters():
    w = tf.Variable([[1., 2.], [2., 3.]], name='w', use_resource=True)
    for scatter in [tf.scatter_update, tf.scatter_add, tf.scatter_sub, tf.scatter_mul, tf.scatter_div, tf.scatter_min,
                    tf.scatter_max]:
        scatter(w, [0], [[2., 1.]])
    for scatter in [tf.scatter_nd_update, tf.scatter_nd_add, tf.scatter_nd_sub]: scatter(w, [[0]], [[2., 1.]])


@section
def report_uninitialized():
    w = tf.Variable([1., 2.], name='w')
    n = tf.Variable(0, name='n', use_resource=True)
    tf.report_uninitialized_variables()
    tf.report_uninitialized_variables([w], name='rr')


@section
def groups():
    w = tf.Variable([1., 2.], name='w')
    n = tf.Variable(0, name='n')
    tf.variables_initializer([w, n])
    tf.global_variables_initializer()
    tf.local_variables_initializer()
    tf.group(w.initializer, n.initializer, name='gg')
    tf.group()
    control_flow_ops.with_dependencies([w.op], tf.constant(1.))
    with tf.device('/cpu:0'):
        a = tf.constant(1)
        b = tf.constant(2.)
    with tf.device('/gpu:0'): c = tf.constant(1)
    tf.group(a, b, c, w.initializer)
    tf.group(a, b)
    tf.tuple([a, None, b], control_inputs=[c])


@section
def get_variable_scopes():
    v = tf.get_variable('v', [2, 3])
    with tf.variable_scope('s') as s:
        tf.get_variable('w', initializer=tf.zeros([2]))
        tf.get_variable('u', [2], initializer=tf.constant_initializer(1.), regularizer=tf.nn.l2_loss)
        v + 1
        with tf.variable_scope('t'):
            tf.get_variable('z', [2], initializer=tf.zeros_initializer(), dtype=tf.int32)
            tf.get_variable('zd', [2], dtype=tf.int32)
    with tf.variable_scope(s, reuse=True): tf.get_variable('w', [2]) * 2
    with tf.variable_scope('s'): tf.get_variable('w3', [2], use_resource=True, trainable=False) * 2
    with tf.variable_scope(s, auxiliary_name_scope=False):
        tf.get_variable('w4', [2], initializer=tf.ones_initializer()) * 2
    with tf.variable_scope(None, 'def'):
        tf.get_variable('w4', [2], initializer=tf.random_normal_initializer(seed=1)) * 2
    with tf.variable_scope(None, 'def'):
        tf.get_variable('w4', [2], initializer=tf.truncated_normal_initializer(seed=1)) * 2
    with tf.variable_scope('q'):
        tf.get_variable('w4', [2], initializer=tf.random_uniform_initializer(-1., 1.))
        tf.Variable(1., name='x')
    tf.get_variable('foo', initializer=1.5)
    tf.get_variable('g', [3, 4, 5], initializer=tf.glorot_normal_initializer())
    tf.train.get_or_create_global_step()


# ---- training -----------------------------------------------------------------------------------


@section
def minimize():
    w = tf.Variable([1., 2., 3.], name='w')
    u = tf.Variable([1., 2., 3.], name='u', use_resource=True)
    tf.Variable(1., name='q')
    loss = tf.reduce_sum(w * u)
    step = tf.train.get_or_create_global_step()
    tf.train.GradientDescentOptimizer(.5).minimize(loss, global_step=step)


@section
def gates_and_names():
    w = tf.Variable([1., 2., 3.], name='w')
    u = tf.Variable([1., 2., 3.], name='u')
    with tf.name_scope('foo'):
        loss = tf.reduce_sum(w * u)
        rate = tf.train.exponential_decay(.1, tf.train.get_or_create_global_step(), 100, .9, staircase=True)
        optimizer = tf.train.GradientDescentOptimizer(rate)
        pairs = optimizer.compute_gradients(loss, gate_gradients=tf.train.Optimizer.GATE_GRAPH,
                                            colocate_gradients_with_ops=True, grad_loss=tf.constant(2.))
        optimizer.apply_gradients(pairs, name='apply')
    optimizer.apply_gradients(pairs)


@section
def no_gate():
    w = tf.Variable([1., 2., 3.], name='w')
    u = tf.Variable([1., 2., 3.], name='u')
    loss = tf.reduce_sum(w * u)
    tf.train.GradientDescentOptimizer(.5, use_locking=True, name='SGD').minimize(loss, gate_gradients=0)


@section
def sparse_updates():
    w = tf.Variable([[1., 2.], [3., 4.]], name='w')
    u = tf.Variable([[1., 2.], [3., 4.]], name='u', use_resource=True)
    values = tf.constant([[1., 1.]])
    rows = tf.constant([1])
    optimizer = tf.train.GradientDescentOptimizer(.1)
    optimizer.apply_gradients([(tf.IndexedSlices(values, rows), w), (tf.IndexedSlices(values, rows), u)])


@section
def resource_global_step():
    step = tf.Variable(0, name='step', use_resource=True, trainable=False)
    w = tf.Variable([1., 2., 3.], name='w')
    tf.train.GradientDescentOptimizer(.1).apply_gradients([(tf.constant([1., 1., 1.]), w)], global_step=step)


@section
def decays():
    g = tf.Variable(0, name='g')
    tf.train.exponential_decay(.1, g, 100, .9)
    tf.train.exponential_decay(.1, tf.train.get_or_create_global_step(), 100., .9, name='ed')
    tf.train.exponential_decay(tf.constant(.1, tf.float64), g, tf.constant(10), tf.constant(.5))
    tf.train.exponential_decay(.1, g + 1, 100, .9, staircase=True)
    r = tf.Variable(0, name='r', use_resource=True)
    tf.train.exponential_decay(.1, r, 100, .9)


@section
def moving_average():
    w = tf.Variable([1., 2.], name='w')
    u = tf.Variable([1., 2.], name='u', use_resource=True)
    g = tf.Variable(0, name='g', trainable=False)
    with tf.name_scope('foo'):
        ema = tf.train.ExponentialMovingAverage(.99, g)
        ema.apply()
        tf.identity(ema.average(w))


@section
def moving_average_again():
    w = tf.Variable([1., 2.], name='w')
    ema = tf.train.ExponentialMovingAverage(tf.constant(.5), num_updates=5, name='e3')
    ema.apply([w])
    ema.apply([w])


@section
def moving_average_of_doubles():
    d = tf.Variable(tf.constant([1., 2.], tf.float64), name='d')
    tf.train.ExponentialMovingAverage(.5, name='e4').apply([d])


@section
def moving_average_of_tensors():
    t = tf.identity(tf.constant([1., 2.]), name='tt')
    tf.train.ExponentialMovingAverage(.9).apply([t])


@section
def moving_average_zero_debias():
    t = tf.identity(tf.constant([1., 2.]), name='tt')
    tf.train.ExponentialMovingAverage(.9, zero_debias=True, name='zd').apply([t])


write('tests/framework/data/graphs.golden')

# ---- functions that add several nodes -----------------------------------------------------------

case('moments', lambda: tf.nn.moments(ph([2, 3]), [0]))
case('moments_of_halves', lambda: tf.nn.moments(ph([None, 3], tf.float16), [0, 1], keep_dims=True, name='mm'))
case('weighted_moments', lambda: tf.nn.weighted_moments(ph([2, 3]), [0], ph([2, 3])))
case('normalize_moments', lambda: tf.nn.normalize_moments(ph([]), ph([3]), ph([3]), None))
case('normalize_shifted_moments', lambda: tf.nn.normalize_moments(ph([]), ph([3]), ph([3]), ph([])))
case('batch_normalization', lambda: tf.nn.batch_normalization(ph([2, 3]), ph([3]), ph([3]), ph([3]), ph([3]), .001))
case('batch_normalization_alone', lambda: tf.nn.batch_normalization(ph([2, 3]), ph([3]), ph([3]), None, None, .001))
case('batch_normalization_offset',
     lambda: tf.nn.batch_normalization(ph([2, 3]), ph([3]), ph([3]), ph([3]), None, .001, name='b'))
case('dropout', lambda: tf.nn.dropout(ph([2, 3]), keep_prob=.5, seed=5))
case('dropout_by_tensor', lambda: tf.nn.dropout(ph([None, 3]), keep_prob=ph([])))
case('dropout_noise', lambda: tf.nn.dropout(ph([2, 3]), keep_prob=.5, noise_shape=[None, 1], name='d'))
case('dropout_nothing', lambda: tf.nn.dropout(ph([2, 3]), keep_prob=1.))
case('softmax', lambda: tf.nn.softmax(ph([2, 3, 4])))
case('softmax_axis', lambda: tf.nn.softmax(ph([2, 3, 4]), axis=1))
case('log_softmax_axis', lambda: tf.nn.log_softmax(ph([2, 3, 4]), axis=0, name='ls'))
case('softmax_cross_entropy', lambda: tf.nn.softmax_cross_entropy_with_logits(labels=ph([2, 3]), logits=ph([2, 3])))
case('softmax_cross_entropy_v2',
     lambda: tf.nn.softmax_cross_entropy_with_logits_v2(labels=ph([None, 3]), logits=ph([None, 3]), name='a'))
case('softmax_cross_entropy_axis',
     lambda: tf.nn.softmax_cross_entropy_with_logits_v2(labels=ph([2, 3, 4]), logits=ph([2, 3, 4]), axis=1))
case('softmax_cross_entropy_half',
     lambda: tf.nn.softmax_cross_entropy_with_logits_v2(labels=ph([2, 3], tf.float16), logits=ph([2, 3], tf.float16)))
case('sparse_softmax_cross_entropy',
     lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0, 1], logits=ph([3, 2])))
case('sparse_softmax_cross_entropy_name',
     lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0, 1], logits=ph([3, 2]), name='foo'))
case('sparse_softmax_cross_entropy_3',
     lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ph([2, 3], tf.int32), logits=ph([2, 3, 4])))
case('sparse_softmax_cross_entropy_half',
     lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ph([2], tf.int32), logits=ph([2, 4], tf.float16)))
case('sparse_softmax_cross_entropy_unknown',
     lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ph(None, tf.int64), logits=ph(None)))
case('sigmoid_cross_entropy', lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=ph([2, 3]), logits=ph([2, 3])))
case('weighted_cross_entropy',
     lambda: tf.nn.weighted_cross_entropy_with_logits(targets=ph([2, 3]), logits=ph([2, 3]), pos_weight=2.))
case('log_poisson_loss', lambda: tf.nn.log_poisson_loss(ph([2, 3]), ph([2, 3])))
case('log_poisson_loss_full', lambda: tf.nn.log_poisson_loss(ph([2, 3]), ph([2, 3]), compute_full_loss=True))
case('l2_normalize', lambda: tf.nn.l2_normalize(ph([2, 3]), 0))
case('zero_fraction', lambda: tf.nn.zero_fraction(ph([2, 3])))
case('zero_fraction_unknown', lambda: tf.nn.zero_fraction(ph(None)))
case('relu_layer', lambda: tf.nn.relu_layer(ph([2, 3]), ph([3, 4]), ph([4])))
case('xw_plus_b', lambda: tf.nn.xw_plus_b(ph([2, 3]), ph([3, 4]), ph([4]), name='foo'))
case('clip_by_value', lambda: tf.clip_by_value(ph([2, 3]), 0., 1.))
case('clip_by_norm', lambda: tf.clip_by_norm(ph([2, 3]), 5.))
case('clip_by_norm_axes', lambda: tf.clip_by_norm(ph([2, 3]), 5., axes=[1]))
case('clip_by_average_norm', lambda: tf.clip_by_average_norm(ph([2, 3]), 5.))
case('global_norm', lambda: tf.global_norm([ph([2, 3]), ph([4])]))
case('clip_by_global_norm', lambda: tf.clip_by_global_norm([ph([2, 3]), None, ph([4])], 5.))
case('clip_by_given_norm', lambda: tf.clip_by_global_norm([ph([2, 3]), ph([4])], 5., use_norm=ph([]), name='c'))
case('clip_slices', lambda: tf.clip_by_global_norm([tf.IndexedSlices(ph([2, 3]), ph([2], tf.int32)), ph([4])], 5.))
case('clip_by_named_global_norm', lambda: tf.clip_by_global_norm([ph([2, 3])], 5., name='c'))
case('clip_values_and_norms_of_slices',
     lambda: [tf.clip_by_value(tf.IndexedSlices(ph([2, 3]), ph([2], tf.int32)), 0., 1.),
              tf.clip_by_norm(tf.IndexedSlices(ph([2, 3]), ph([2], tf.int32)), 5.)])
case('accumulate_n',
     lambda: [tf.accumulate_n([ph([2, 3]), ph([2, 3])]), tf.accumulate_n([ph([2, 3])], name='q'), tf.add_n([ph([2])])])
case('segments', lambda: [tf.segment_sum(ph([2, 3]), [0, 1]), tf.segment_mean(ph([2, 3]), [0, 1]),
                          tf.segment_max(ph([2, 3]), [0, 1], name='z'), tf.unsorted_segment_sum(ph([2, 3]), [0, 1], 2),
                          tf.sparse_segment_sum(ph([2, 3]), [0, 1], [0, 0]),
                          tf.sparse_segment_mean(ph([2, 3]), [0, 1], [0, 0], num_segments=3)])
case('unsorted_segment_mean', lambda: tf.unsorted_segment_mean(ph([2, 3]), [0, 1], 2))
case('unsorted_segment_sqrt_n', lambda: tf.unsorted_segment_sqrt_n(ph([2, 3]), ph([2], tf.int32), 2))
case('bincount', lambda: tf.math.bincount(ph([5], tf.int32)))
case('bincount_weights', lambda: tf.math.bincount(ph([5], tf.int32), weights=ph([5]), minlength=2, maxlength=7))
case('gamma_functions', lambda: [tf.igamma(ph([2]), ph([2])), tf.igammac(1., ph([2])), tf.zeta(ph([2]), 2.),
                                 tf.polygamma(1., ph([2])), tf.betainc(ph([2]), ph([2]), ph([2])),
                                 tf.lbeta(ph([2, 3]))])
case('activations', lambda: [tf.nn.leaky_relu(ph([2])), tf.nn.crelu(ph([2])), tf.nn.elu(ph([2])), tf.nn.selu(ph([2])),
                             tf.nn.relu6(ph([2])), tf.nn.softplus(ph([2])), tf.nn.softsign(ph([2]))])
case('random_uniform', lambda: [tf.random_uniform([2], seed=1), tf.random_uniform([2], 0, 1, seed=1, name='u'),
                                tf.random_uniform([2], 0., 1., seed=1), tf.random_uniform([2], maxval=2, seed=1)])

write('tests/ops/data/composites.golden')

# ---- convolution, pooling, sampled losses -------------------------------------------------------

case('conv2d', lambda: [tf.nn.conv2d(ph([1, 4, 4, 2]), ph([2, 2, 2, 3]), [1, 2, 2, 1], 'SAME'),
                        tf.nn.conv2d(ph([1, 2, 4, 4]), ph([2, 2, 2, 3]), 1, [[0, 0], [0, 0], [1, 0], [0, 1]],
                                     data_format='NCHW', dilations=[1, 1, 1, 2], name='c')])
case('conv1d', lambda: [tf.nn.conv1d(ph([1, 4, 2]), ph([2, 2, 3]), 2, 'VALID'),
                        tf.nn.conv1d(ph([1, 2, 4]), ph([2, 2, 3]), 1, 'SAME', data_format='NCW', name='c')])
case('conv3d', lambda: tf.nn.conv3d(ph([1, 4, 4, 4, 2]), ph([2, 2, 2, 2, 3]), [1, 1, 1, 2, 1], 'SAME'))
case('conv2d_transpose', lambda: [tf.nn.conv2d_transpose(ph([1, 2, 2, 3]), ph([2, 2, 2, 3]), [1, 4, 4, 2], 2),
                                  tf.nn.conv2d_transpose(ph([1, 2, 2, 3]), ph([2, 2, 2, 3]), ph([4], tf.int32), [1, 2, 2, 1],
                                                         name='up')])
case('conv3d_transpose', lambda: tf.nn.conv3d_transpose(ph([1, 2, 2, 2, 3]), ph([2, 2, 2, 2, 3]), [1, 4, 4, 4, 2], 2))
case('depthwise_conv2d', lambda: [tf.nn.depthwise_conv2d(ph([1, 4, 4, 2]), ph([2, 2, 2, 3]), [1, 1, 1, 1], 'SAME'),
                                  tf.nn.depthwise_conv2d(ph([1, 4, 4, 2]), ph([2, 2, 2, 3]), [1, 2, 2, 1], 'VALID', name='d')])
case('separable_conv2d', lambda: tf.nn.separable_conv2d(ph([1, 4, 4, 2]), ph([2, 2, 2, 3]), ph([1, 1, 6, 5]),
                                                        [1, 1, 1, 1], 'SAME'))
case('pools', lambda: [tf.nn.max_pool(ph([1, 4, 4, 2]), 2, 2, 'SAME'), tf.nn.avg_pool(ph([1, 4, 4, 2]), [2, 3], 1, 'VALID'),
                       tf.nn.max_pool(ph([1, 2, 4, 4]), [1, 1, 2, 2], 2, 'SAME', data_format='NCHW', name='p'),
                       tf.nn.max_pool3d(ph([1, 4, 4, 4, 2]), 2, 2, 'SAME'),
                       tf.nn.avg_pool3d(ph([1, 4, 4, 4, 2]), 2, 2, 'SAME', name='a')])
case('pool', lambda: [tf.nn.pool(ph([1, 4, 2]), [2], 'MAX', 'SAME', strides=[2]),
                      tf.nn.pool(ph([1, 4, 4, 2]), [2, 3], 'AVG', 'VALID'),
                      tf.nn.pool(ph([1, 4, 4, 4, 2]), [2, 2, 2], 'MAX', 'VALID', name='p')])
case('max_pool_with_argmax', lambda: tf.nn.max_pool_with_argmax(ph([1, 4, 4, 2]), [1, 2, 2, 1], [1, 2, 2, 1], 'SAME'))
case('fractional_max_pool', lambda: tf.nn.fractional_max_pool(ph([1, 4, 4, 2]), [1., 1.5, 1.5, 1.], seed=1, seed2=2,
                                                              deterministic=True))
case('local_response_normalization', lambda: tf.nn.local_response_normalization(ph([1, 4, 4, 2]), depth_radius=3, bias=2.))
case('fused_batch_norm', lambda: [tf.nn.fused_batch_norm(ph([1, 4, 4, 2]), ph([2]), ph([2])),
                                  tf.nn.fused_batch_norm(ph([1, 4, 4, 2]), [1., 2.], [3., 4.], ph([2]), ph([2]),
                                                         is_training=False, name='bn')])
case('dilation2d', lambda: tf.nn.dilation2d(ph([1, 4, 4, 2]), ph([2, 2, 2]), [1, 1, 1, 1], [1, 2, 2, 1], 'SAME'))
case('ctc_loss', lambda: tf.nn.ctc_loss(tf.SparseTensor(ph([3, 2], tf.int64), ph([3], tf.int32), ph([2], tf.int64)),
                                        ph([2, 5, 4]), ph([2], tf.int32), time_major=False))
case('ctc_decoders', lambda: [tf.nn.ctc_greedy_decoder(ph([5, 2, 4]), ph([2], tf.int32)),
                              tf.nn.ctc_beam_search_decoder(ph([5, 2, 4]), ph([2], tf.int32), beam_width=7, top_paths=2)])
case('nce_loss', lambda: tf.nn.nce_loss(ph([9, 3]), ph([9]), ph([2, 1], tf.int64), ph([2, 3]), 4, 9))
case('sampled_softmax_loss', lambda: tf.nn.sampled_softmax_loss(ph([9, 3]), ph([9]), ph([2, 2], tf.int32), ph([2, 3]), 4, 9,
                                                                num_true=2, seed=1, name='s'))

write('tests/ops/data/images.golden')
