# SPDX-License-Identifier: Apache-2.0
"""Writes tests/framework/data/variables.golden (see graph_golden.h) with TensorFlow 2.15.1 (compat.v1).

    python3 tests/support/make_variables_golden.py     # from the root of the project

Variables in parts, scopes and getters, initializers, moving averages.
"""
from graph_text import ph, section, tf, write
from tensorflow.python.ops import init_ops
from tensorflow.python.training import moving_averages

# ---- initializers -------------------------------------------------------------------------------


def get(name, shape, initializer, dtype=tf.float32): return tf.get_variable(name, shape, dtype, initializer)


@section
def simple_initializers():
    get('zeros', [2], tf.zeros_initializer())
    get('ones', [2], tf.ones_initializer())
    get('constant', [2], tf.constant_initializer(3))
    get('default', [2], tf.constant_initializer())
    get('list', [2, 2], tf.constant_initializer([1, 2, 3, 4]))
    get('filled', [2, 3], tf.constant_initializer([1, 2, 3, 4]))
    get('strings', [3], tf.constant_initializer(['a', 'b']), tf.string)
    get('uniform', [2], tf.random_uniform_initializer(seed=1))
    get('uniform_ints', [2], tf.random_uniform_initializer(0, 10, seed=1), tf.int32)
    get('normal', [2], tf.random_normal_initializer(1., 2., seed=1))
    get('truncated', [2], tf.truncated_normal_initializer(1., 2., seed=1), tf.float64)
    get('unit', [2, 3], tf.uniform_unit_scaling_initializer(1.43, seed=1))
    get('identity', [2, 3], tf.initializers.identity(2.))
    get('identity_double', [2, 2], tf.initializers.identity(), tf.float64)
    tf.get_variable('function', initializer=lambda: tf.ones([2]) * 3)
    get('of_ints', [2], None, tf.int64)
    get('of_bools', [2], None, tf.bool)
    get('of_strings', [2], None, tf.string)


@section
def scaling_initializers():
    get('fan_in', [3, 3, 2, 4], tf.variance_scaling_initializer(seed=1))
    get('fan_out', [3, 3, 2, 4],
        tf.variance_scaling_initializer(2., mode='fan_out', distribution='untruncated_normal', seed=1))
    get('fan_avg', [5], tf.variance_scaling_initializer(3., mode='fan_avg', distribution='uniform', seed=1))
    get('scalar', [], tf.variance_scaling_initializer(seed=1))
    get('glorot_uniform', [2, 3], tf.glorot_uniform_initializer(seed=1))
    get('glorot_normal', [2, 3], tf.glorot_normal_initializer(seed=1))
    get('lecun_uniform', [2, 3], tf.initializers.lecun_uniform(seed=1))
    get('lecun_normal', [2, 3], tf.initializers.lecun_normal(seed=1))
    get('he_uniform', [2, 3], tf.initializers.he_uniform(seed=1))
    get('he_normal', [2, 3], tf.initializers.he_normal(seed=1))


@section
def orthogonal_initializers():
    get('tall', [3, 2], tf.orthogonal_initializer(seed=1))
    get('wide', [2, 2, 5], tf.orthogonal_initializer(2., seed=1), tf.float64)
    get('delta1', [3, 2, 2], init_ops.ConvolutionDeltaOrthogonal(seed=1))
    get('delta2', [3, 3, 1, 2], init_ops.ConvolutionDeltaOrthogonal(2., seed=1))
    get('delta3', [3, 3, 3, 2, 2], init_ops.ConvolutionDeltaOrthogonal(seed=1))


@section
def convolution_orthogonal_initializers():
    one = init_ops.ConvolutionOrthogonal1D(seed=3)
    get('one_1', [1, 2, 3], one)
    get('one_3', [3, 2, 3], one)
    get('two_1', [1, 1, 2, 3], init_ops.ConvolutionOrthogonal2D(2., seed=3))
    get('two_3', [3, 3, 2, 2], init_ops.ConvolutionOrthogonal2D(seed=3))
    get('three_1', [1, 1, 1, 2, 3], init_ops.ConvolutionOrthogonal3D(seed=3))
    get('three_2', [2, 2, 2, 2, 2], init_ops.ConvolutionOrthogonal3D())


# ---- parts --------------------------------------------------------------------------------------


@section
def partitioned():
    v = tf.get_variable('v', [5, 2], partitioner=tf.fixed_size_partitioner(3), regularizer=tf.nn.l2_loss)
    tf.matmul(ph([3, 5]), v)
    tf.add(v, 1.)
    one = tf.get_variable('one', [5, 2], partitioner=tf.fixed_size_partitioner(1))
    tf.identity(one)
    tf.get_variable('s', [], partitioner=tf.fixed_size_partitioner(3))
    with tf.name_scope('layer'):
        r = tf.get_variable('r', [4, 3], use_resource=True, partitioner=tf.fixed_size_partitioner(2, axis=1))
        with tf.control_dependencies([v.as_tensor()]): tf.nn.relu(r)
    with tf.variable_scope('', reuse=True):
        tf.identity(tf.get_variable('v', [5, 2]))
    tf.global_variables_initializer()


@section
def partitioned_values():
    tf.get_variable('t', initializer=tf.ones([4, 2]), partitioner=tf.fixed_size_partitioner(2))
    tf.get_variable('typed', [4], tf.float64, partitioner=tf.fixed_size_partitioner(2, axis=-1))
    tf.get_variable('w', [4, 6], initializer=tf.variance_scaling_initializer(seed=1),
                    partitioner=tf.fixed_size_partitioner(2, 1))
    tf.get_variable('u', [4, 6], initializer=tf.uniform_unit_scaling_initializer(seed=1),
                    partitioner=tf.fixed_size_partitioner(4))
    tf.get_variable('i', [4, 3], initializer=tf.initializers.identity(2.), partitioner=tf.fixed_size_partitioner(2))


@section
def partitioned_scopes():
    with tf.variable_scope('a', partitioner=tf.variable_axis_size_partitioner(24)):
        tf.multiply(tf.get_variable('v', [5, 3]), 2.)
        with tf.variable_scope('b', partitioner=tf.min_max_variable_partitioner(4, 1, 20)):
            w = tf.get_variable('w', [2, 6])
            w.assign(tf.ones([2, 6]))
            w.assign_add(tf.ones([2, 6]), name='more')
            w.assign_sub(w)
            w.assign([part * 2 for part in w])
        tf.Variable([1., 2.], name='whole')


@section
def created_in_parts():
    tf.create_partitioned_variables([4, 2], [2, 1], tf.zeros_initializer())
    tf.create_partitioned_variables([4, 2], [1, 2], tf.ones([4, 2]), name='named')
    with tf.variable_scope('s'): tf.create_partitioned_variables([3], [1], tf.zeros_initializer(), trainable=False)


# ---- scopes -------------------------------------------------------------------------------------


@section
def getters():
    def doubled(getter, name, *args, **kwargs):
        getter(name + '_twin', *args, **kwargs)
        return getter(name, *args, **kwargs)

    def renamed(getter, name, *args, **kwargs): return getter(name + '_r', *args, **kwargs)

    with tf.variable_scope('a', custom_getter=doubled):
        tf.get_variable('v', [1], initializer=tf.zeros_initializer())
        with tf.variable_scope('b', custom_getter=renamed):
            tf.get_variable('v', [1], initializer=tf.zeros_initializer())
            tf.get_variable('alone', [1], initializer=tf.zeros_initializer(), custom_getter=renamed)


@section
def counted_scopes():
    def get(): tf.get_variable('v', [1], initializer=tf.zeros_initializer()) + 1.

    with tf.variable_scope('p') as p:
        with tf.variable_scope(None, 'd'): get()
        with tf.variable_scope(None, 'd'): get()
        with tf.variable_scope('d_2'): get()
        with tf.variable_scope(None, 'd'): get()
    with tf.variable_scope(p):
        with tf.variable_scope(None, 'e'): get()
    with tf.variable_scope(p, auxiliary_name_scope=False) as again:
        with tf.name_scope(again.original_name_scope): tf.constant(1., name='c')
        with tf.variable_scope(None, 'f'): get()
    with tf.variable_scope('q/r') as r: get()
    with tf.variable_scope(r):
        with tf.variable_scope(r, reuse=True): get()
        with tf.variable_scope('r'): get()
    with tf.name_scope('n'):
        with tf.variable_scope('q'): tf.get_variable('w', [1], initializer=tf.zeros_initializer()) + 1.
        with tf.variable_scope(None, 'q'): get()
    tf.get_variable_scope().reuse_variables()
    tf.get_variable('p/d/v', [1]) + 1.


@section
def templates():
    def scaled(x): return x * tf.get_variable('factor', [1], initializer=tf.constant_initializer(2))

    x = ph([1])
    scale = tf.make_template('scale', scaled)
    early = tf.make_template('scale', scaled, create_scope_now_=True)
    named = tf.make_template('scale', scaled, unique_name_='only')
    scale(x)
    early(x)
    with tf.variable_scope('outer'):
        scale(x)
        early(x)
        named(x)
    named(x)


@section
def kinds_of_variables():
    tf.get_local_variable('local', [2], initializer=tf.zeros_initializer())
    with tf.variable_scope('s', use_resource=True, dtype=tf.float64):
        tf.get_local_variable('local', initializer=tf.constant([1., 2.], tf.float64))
    with tf.device('/cpu:0'):
        tf.Variable([1., 2.], name='cached', caching_device='/gpu:0')
        u = tf.Variable([1., 2.], name='u', caching_device='/gpu:0', use_resource=True)
        u + 1.
        u.read_value()
    tf.Variable([1., 2.], name='any', validate_shape=False)
    tf.Variable([1., 2.], name='shaped', shape=tf.TensorShape([None]), validate_shape=False)
    tf.Variable([1., 2.], name='shaped_u', shape=tf.TensorShape([None]), use_resource=True)
    tf.local_variables_initializer()
    tf.assert_variables_initialized()


@section
def typed_values():
    tf.get_variable('f', dtype=tf.float32, initializer=1.5)
    tf.get_variable('i', dtype=tf.int32, initializer=[1, 2])
    tf.get_variable('t', dtype=tf.float64, initializer=tf.constant(1., tf.float64))


# ---- changes ------------------------------------------------------------------------------------


def change(w):
    slices = tf.IndexedSlices(tf.constant([[1., 2.]]), tf.constant([1]))
    w.assign(tf.ones([3, 2]), read_value=False)
    w.assign_add(tf.ones([3, 2]), read_value=False, name='more')
    w.assign_sub(tf.ones([3, 2]), read_value=False)
    for scatter in [w.scatter_update, w.scatter_add, w.scatter_sub, w.scatter_mul, w.scatter_div, w.scatter_min,
                    w.scatter_max]:
        scatter(slices)
    for scatter in [w.scatter_nd_update, w.scatter_nd_add, w.scatter_nd_sub, w.scatter_nd_min, w.scatter_nd_max]:
        scatter([[0, 1]], [2.])


@section
def reference_methods():
    w = tf.Variable(tf.ones([3, 2]), name='w')
    change(w)
    w.batch_scatter_update(tf.IndexedSlices(tf.constant([[1.], [2.], [3.]]), tf.constant([[1], [0], [1]])))
    w.batch_scatter_update(tf.IndexedSlices(ph([None, 2]), ph([None], tf.int64)), name='batch')


@section
def resource_methods(): change(tf.Variable(tf.ones([3, 2]), name='w', use_resource=True))


# ---- moving averages ----------------------------------------------------------------------------


@section
def averages_in_scopes():
    with tf.variable_scope('net'): w = tf.get_variable('w', [2], initializer=tf.zeros_initializer())
    with tf.variable_scope('train'):
        ema = tf.train.ExponentialMovingAverage(.9)
        ema.apply([w])
    tf.train.ExponentialMovingAverage(.9).apply([w])
    with tf.name_scope('again'): tf.train.ExponentialMovingAverage(.9).apply([w])
    with tf.variable_scope('parts', partitioner=tf.fixed_size_partitioner(2)):
        p = tf.get_variable('p', [3], initializer=tf.zeros_initializer())
        tf.train.ExponentialMovingAverage(.9).apply(list(p))


@section
def averages_of_any_tensors():
    unknown = tf.identity(ph([None, 2]), name='unknown')
    half = tf.identity(ph([2], tf.float16), name='half')
    tf.train.ExponentialMovingAverage(.9).apply([unknown, half])
    with tf.name_scope('n'):
        tf.train.ExponentialMovingAverage(.9, zero_debias=True, num_updates=tf.constant(3)).apply([half])


@section
def assigned_averages():
    mean = tf.get_variable('mean', [2], initializer=tf.zeros_initializer(), trainable=False)
    value = ph([2])
    moving_averages.assign_moving_average(mean, value, .99, zero_debias=False)
    moving_averages.assign_moving_average(mean, value, tf.constant(.9), name='fair')
    moving_averages.assign_moving_average(mean, value, .9)
    u = tf.get_variable('u', [2], initializer=tf.zeros_initializer(), trainable=False, use_resource=True)
    moving_averages.assign_moving_average(u, value, .99, zero_debias=False)
    moving_averages.weighted_moving_average(value, .9, ph([]))


write('tests/framework/data/variables.golden')
