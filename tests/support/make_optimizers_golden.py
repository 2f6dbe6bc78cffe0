# SPDX-License-Identifier: Apache-2.0
"""Writes the nodes that TensorFlow 2.15.1 (compat.v1) adds for optimizers and learning rates.

    python3 tests/support/make_optimizers_golden.py     # from the root of the project

tests/framework/data/optimizers.golden, tests/framework/data/learning_rates.golden.
"""
import graph_text
from graph_text import case, ph, section, tf, write

train = tf.train

# ---- optimizers ---------------------------------------------------------------------------------


def update_all(optimizer, dtype=tf.float32, **options):
    """Dense and sparse gradients of variables of both forms."""
    value = tf.constant([[1., 2.], [3., 4.]], dtype)
    variables = [tf.Variable(value, name=name, use_resource=resource)
                 for name, resource in [('w', False), ('u', True), ('e', False), ('f', True)]]
    dense = tf.constant([[.5, .5], [.5, .5]], dtype, name='dense')
    rows = tf.IndexedSlices(tf.constant([[1., 1.]], dtype, name='rows'), tf.constant([1], name='indices'))
    optimizer().apply_gradients(zip([dense, dense, rows, rows], variables), **options)


OPTIMIZERS = {
    'gradient_descent': lambda **o: train.GradientDescentOptimizer(.5, **o),
    'momentum': lambda **o: train.MomentumOptimizer(.5, .9, **o),
    'nesterov': lambda **o: train.MomentumOptimizer(.5, .9, use_nesterov=True, **o),
    'adagrad': lambda **o: train.AdagradOptimizer(.5, initial_accumulator_value=.2, **o),
    'adagrad_da': lambda **o: train.AdagradDAOptimizer(
        .5, train.get_or_create_global_step(), l1_regularization_strength=.01, l2_regularization_strength=.02, **o),
    'adadelta': lambda **o: train.AdadeltaOptimizer(.5, .9, 1e-6, **o),
    'adam': lambda **o: train.AdamOptimizer(.5, **o),
    'rms_prop': lambda **o: train.RMSPropOptimizer(.5, momentum=.1, **o),
    'centered_rms_prop': lambda **o: train.RMSPropOptimizer(.5, centered=True, **o),
    'ftrl': lambda **o: train.FtrlOptimizer(.5, l1_regularization_strength=.01, l2_regularization_strength=.02, **o),
    'ftrl_v2': lambda **o: train.FtrlOptimizer(
        .5, l2_shrinkage_regularization_strength=.1, accum_name='acc', linear_name='lin', beta=.5, **o),
    'proximal_gradient_descent': lambda **o: train.ProximalGradientDescentOptimizer(
        .5, l1_regularization_strength=.01, l2_regularization_strength=.02, **o),
    'proximal_adagrad': lambda **o: train.ProximalAdagradOptimizer(.5, l1_regularization_strength=.01, **o),
}
for name, make in OPTIMIZERS.items(): case(name, lambda make=make: update_all(make))
for name in ['adagrad', 'adam']:
    case(name + '_doubles', lambda make=OPTIMIZERS[name]: update_all(make, tf.float64))


@section
def names_and_steps():
    step = train.get_or_create_global_step()
    update_all(lambda: train.AdamOptimizer(.1, use_locking=True, name='Bold'), global_step=step, name='go')


@section
def tensors_and_functions():
    rate = tf.constant(.1, name='rate')
    beta = tf.Variable(.9, name='beta', trainable=False)
    w = tf.Variable([1., 2.], name='w')
    g = tf.constant([1., 1.], name='g')
    optimizer = train.AdamOptimizer(rate, beta1=lambda: tf.identity(rate, name='from_rate'), beta2=tf.constant(.99))
    optimizer.apply_gradients([(g, w)])
    optimizer.apply_gradients([(g, w)])
    train.MomentumOptimizer(lambda: .5, beta).apply_gradients([(g, w)])
    train.RMSPropOptimizer(lambda: rate * 2., 1).apply_gradients([(g, w)])


@section
def two_of_a_kind():
    w = tf.Variable([1., 2.], name='w')
    b = tf.Variable([1.], name='b')
    g = tf.constant([1., 1.], name='g')
    h = tf.constant([1.], name='h')
    train.AdamOptimizer(.1).apply_gradients([(g, w), (h, b)])
    train.AdamOptimizer(.1).apply_gradients([(g, w), (None, b)])
    train.MomentumOptimizer(.1, .9).apply_gradients([(h, b), (g, w)])


@section
def in_scopes():
    with tf.variable_scope('net'):
        w = tf.get_variable('w', [2], initializer=tf.zeros_initializer())
    g = tf.constant([1., 1.], name='g')
    with tf.name_scope('ops'): train.AdamOptimizer(.1).apply_gradients([(g, w)])
    with tf.variable_scope('outer'): train.MomentumOptimizer(.1, .9).apply_gradients([(g, w)])
    with tf.control_dependencies([g.op]): train.AdagradOptimizer(.1).apply_gradients([(g, w)])
    train.AdadeltaOptimizer(.1).apply_gradients([(g, w)])


@section
def unknown_shapes():
    w = tf.Variable(ph([None, 2]), validate_shape=False, name='w')
    g = tf.constant([[1., 1.]], name='g')
    train.MomentumOptimizer(.1, .9).apply_gradients([(g, w)])
    train.AdagradOptimizer(.1).apply_gradients([(g, w)])
    train.RMSPropOptimizer(.1).apply_gradients([(g, w)])


@section
def large_variables():
    w = tf.Variable(tf.zeros([40, 50]), name='w')
    u = tf.Variable(tf.zeros([40, 50]), name='u', use_resource=True)
    g = tf.ones([40, 50])
    for optimizer in [train.FtrlOptimizer(.1), train.AdagradOptimizer(.1), train.RMSPropOptimizer(.1),
                      train.ProximalAdagradOptimizer(.1)]:
        optimizer.apply_gradients([(g, w), (g, u)])


@section
def resource_steps():
    step = tf.Variable(0, name='step', use_resource=True, trainable=False)
    w = tf.Variable([1., 2.], name='w', use_resource=True)
    train.AdamOptimizer(.1).apply_gradients([(tf.constant([1., 1.]), w)], global_step=step)


@section
def constraints():
    def limited(x): return tf.clip_by_value(x, 0., 1.)
    w = tf.Variable([1., 2.], name='w', constraint=limited)
    u = tf.Variable([1., 2.], name='u', constraint=limited, use_resource=True)
    train.MomentumOptimizer(.5, .9).minimize(tf.reduce_sum(w * u))


@section
def parts():
    v = tf.get_variable('v', [4, 2], initializer=tf.zeros_initializer(), partitioner=tf.fixed_size_partitioner(2))
    train.AdamOptimizer(.5).minimize(tf.reduce_sum(tf.convert_to_tensor(v)))


write('tests/framework/data/optimizers.golden')

# ---- learning rates -----------------------------------------------------------------------------


def decay(name, build):
    def with_step(): build(tf.Variable(0, name='g', trainable=False))
    case(name, with_step)


def resource_decay(name, build):
    def with_step(): build(tf.Variable(0, name='g', trainable=False, use_resource=True))
    case(name, with_step)


decay('polynomial', lambda g: train.polynomial_decay(.1, g, 100, .01, .5))
decay('polynomial_cycle', lambda g: train.polynomial_decay(.1, g, 100, cycle=True, name='p'))
decay('natural_exp', lambda g: train.natural_exp_decay(.1, g, 100, .5))
decay('natural_exp_staircase', lambda g: train.natural_exp_decay(.1, g, 100, .5, staircase=True, name='n'))
decay('inverse_time', lambda g: train.inverse_time_decay(.1, g, 100, .5))
decay('inverse_time_staircase', lambda g: train.inverse_time_decay(.1, g, 100, .5, staircase=True, name='i'))
decay('piecewise', lambda g: train.piecewise_constant(g, [10, 20], [1., .5, .1]))
decay('piecewise_one', lambda g: train.piecewise_constant(g, [10], [1., .5], name='p'))
decay('piecewise_four', lambda g: train.piecewise_constant(g, [10, 20, 30], [1., .5, .1, .05]))
resource_decay('piecewise_resource', lambda g: train.piecewise_constant(g, [10, 20], [1., .5, .1]))
case('piecewise_long', lambda: train.piecewise_constant(train.get_or_create_global_step(), [10, 20], [1., .5, .1]))
case('piecewise_floats', lambda: train.piecewise_constant(ph([]), [10., 20.], [1., .5, .1]))
resource_decay('polynomial_resource', lambda g: train.polynomial_decay(.1, g, 100, cycle=True))
resource_decay('restarts_resource', lambda g: train.cosine_decay_restarts(.1, g, 100))
decay('cosine', lambda g: train.cosine_decay(.1, g, 100))
decay('cosine_alpha', lambda g: train.cosine_decay(.1, g, 100, alpha=.2, name='c'))
decay('restarts', lambda g: train.cosine_decay_restarts(.1, g, 100))
decay('restarts_named', lambda g: train.cosine_decay_restarts(.1, g, 100, t_mul=1., m_mul=.5, alpha=.1, name='r'))
decay('linear_cosine', lambda g: train.linear_cosine_decay(.1, g, 100))
decay('linear_cosine_named', lambda g: train.linear_cosine_decay(.1, g, 100, 2, .1, .2, name='l'))
decay('noisy_linear_cosine', lambda g: train.noisy_linear_cosine_decay(.1, g, 100))


@section
def of_doubles():
    rate = tf.constant(.1, tf.float64)
    steps = tf.constant(10)
    g = train.get_or_create_global_step()
    train.polynomial_decay(rate, g, steps)
    train.natural_exp_decay(rate, g, steps, tf.constant(.5))
    train.inverse_time_decay(rate, g, steps, tf.constant(.5))


write('tests/framework/data/learning_rates.golden')
