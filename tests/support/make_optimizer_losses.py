# SPDX-License-Identifier: Apache-2.0
"""Writes tests/framework/data/optimizer_losses.golden: how the loss falls with each optimizer of TensorFlow 2.15.1.

    python3 tests/support/make_optimizer_losses.py     # from the root of the project

A line: the optimizer, the model, then the losses before each step, which are the same for variables of both forms. The
models are those of tests/framework/optimizer_losses_test.cc. The optimizers of tf.contrib.opt, which TensorFlow 2 has not, are
made of its training ops, and by their formulas where gradients are sparse.
"""
import numpy as np

from graph_text import tf

train = tf.train
STEPS = 25


def numbers(shape, seed):
    """Numbers in [-.5, .5) that any language makes alike."""
    n = int(np.prod(shape))
    return ((np.arange(n) * 37 + seed * 11) % 101 / 101. - .5).reshape(shape).astype(np.float32)


# ---- models: each gives its loss ----------------------------------------------------------------


def rosenbrock(resource):
    x = tf.Variable(-1.2, name='x', use_resource=resource)
    y = tf.Variable(1., name='y', use_resource=resource)
    return tf.square(1. - x) + 100. * tf.square(y - tf.square(x))


def perceptron(resource):
    w1 = tf.Variable(numbers([3, 8], 1), name='w1', use_resource=resource)
    b1 = tf.Variable(numbers([8], 2), name='b1', use_resource=resource)
    w2 = tf.Variable(numbers([8, 2], 3), name='w2', use_resource=resource)
    hidden = tf.tanh(tf.matmul(tf.constant(numbers([10, 3], 4)), w1) + b1)
    return tf.reduce_mean(tf.square(tf.matmul(hidden, w2) - tf.constant(numbers([10, 2], 5))))


def embedding(resource):
    table = tf.Variable(numbers([6, 4], 6), name='table', use_resource=resource)
    w = tf.Variable(numbers([4, 1], 7), name='w', use_resource=resource)
    rows = tf.gather(table, [0, 3, 3, 1, 0, 3])
    return tf.reduce_mean(tf.square(tf.matmul(rows, w) - tf.constant(numbers([6, 1], 8))))


# ---- optimizers of tf.contrib.opt ---------------------------------------------------------------


class Contrib(train.Optimizer):
    def __init__(self, slots): super().__init__(False, 'Contrib'); self.slot_names = slots
    def _create_slots(self, variables):
        for v in variables:
            for s in self.slot_names: self._zeros_slot(v, s, 'slot')
    def slots(self, v): return [self.get_slot(v, s) for s in self.slot_names]
    def _resource_apply_dense(self, g, v): return self.dense('Resource', g, v.handle, [s.handle for s in self.slots(v)])
    def _apply_dense(self, g, v): return self.dense('', g, v._ref(), [s._ref() for s in self.slots(v)])
    def _apply_sparse(self, g, v): return tf.group(*self.sparse(g.values, g.indices, v, *self.slots(v)))
    def _resource_apply_sparse(self, g, v, i): return tf.group(*self.sparse(g, i, v, *self.slots(v)))


class AdaMax(Contrib):
    """At step t: m = .9 m + .1 g, v = max(.999 v, |g|), w -= rate / (1 - .9^t) m / (v + 1e-8)."""
    def __init__(self, rate): super().__init__(['m', 'v']); self.rate = rate
    def _prepare(self): self.step = tf.cast(train.get_global_step().value(), tf.float32) + 1.
    def dense(self, form, g, w, slots):
        return getattr(tf.raw_ops, form + 'ApplyAdaMax')(
            var=w, m=slots[0], v=slots[1], beta1_power=.9 ** self.step, lr=self.rate, beta1=.9, beta2=.999,
            epsilon=1e-8, grad=g)
    def sparse(self, g, i, w, m, v):
        m_rows = .9 * tf.gather(m, i) + .1 * g
        v_rows = tf.maximum(.999 * tf.gather(v, i), tf.abs(g))
        delta = self.rate / (1. - .9 ** self.step) * m_rows / (v_rows + 1e-8)
        with tf.control_dependencies([m_rows, v_rows, delta]):
            return [tf.scatter_update(m, i, m_rows), tf.scatter_update(v, i, v_rows), tf.scatter_sub(w, i, delta)]


class Sign(Contrib):
    def __init__(self, rate): super().__init__(['m']); self.rate = rate
    def sparse(self, g, i, w, m):
        new_m = .9 * m + tf.unsorted_segment_sum(.1 * g, i, w.shape[0])
        factor = self.factor(tf.sign(tf.gather(new_m, i)) * tf.sign(g))
        return [tf.assign(m, new_m), tf.scatter_sub(w, i, self.rate * factor * g)]


class AddSign(Sign):
    def factor(self, signs): return 1. + signs
    def dense(self, form, g, w, slots):
        return getattr(tf.raw_ops, form + 'ApplyAddSign')(
            var=w, m=slots[0], lr=self.rate, alpha=1., sign_decay=1., beta=.9, grad=g)


class PowerSign(Sign):
    """With the linear decay of the sign over 20 steps."""
    def _prepare(self):
        self.decay = tf.maximum(0., (20. - tf.cast(train.get_global_step().value(), tf.float32)) / 20.)
    def factor(self, signs): return tf.exp(self.decay * signs)
    def dense(self, form, g, w, slots):
        return getattr(tf.raw_ops, form + 'ApplyPowerSign')(
            var=w, m=slots[0], lr=self.rate, logbase=1., sign_decay=self.decay, beta=.9, grad=g)


# A rate for the first model, whose gradients are large, and one for the others.
OPTIMIZERS = [
    ('gradient_descent', lambda r, s: train.GradientDescentOptimizer(r), 1e-4, .1),
    ('momentum', lambda r, s: train.MomentumOptimizer(r, .9), 1e-5, .02),
    ('nesterov', lambda r, s: train.MomentumOptimizer(r, .9, use_nesterov=True), 1e-5, .02),
    ('adagrad', lambda r, s: train.AdagradOptimizer(r), .01, .05),
    ('adagrad_da', lambda r, s: train.AdagradDAOptimizer(
        r, s, l1_regularization_strength=.001, l2_regularization_strength=.01), .01, .05),
    ('adadelta', lambda r, s: train.AdadeltaOptimizer(r, rho=.9, epsilon=1e-4), 1., 1.),
    ('adam', lambda r, s: train.AdamOptimizer(r), .02, .02),
    ('rms_prop', lambda r, s: train.RMSPropOptimizer(r, momentum=.5), .01, .01),
    ('centered_rms_prop', lambda r, s: train.RMSPropOptimizer(r, momentum=.5, centered=True), .001, .01),
    ('ftrl', lambda r, s: train.FtrlOptimizer(
        r, l1_regularization_strength=.001, l2_regularization_strength=.01), .01, .1),
    ('ftrl_v2', lambda r, s: train.FtrlOptimizer(
        r, l2_shrinkage_regularization_strength=.01, learning_rate_power=-.6, beta=.1), .01, .1),
    ('proximal_gradient_descent', lambda r, s: train.ProximalGradientDescentOptimizer(
        r, l1_regularization_strength=.01, l2_regularization_strength=.02), 1e-4, .1),
    ('proximal_adagrad', lambda r, s: train.ProximalAdagradOptimizer(
        r, l1_regularization_strength=.01, l2_regularization_strength=.02), .01, .05),
    ('adamax', lambda r, s: AdaMax(r), .02, .02),
    ('add_sign', lambda r, s: AddSign(r), 1e-4, .02),
    ('power_sign', lambda r, s: PowerSign(r), 1e-4, .02),
]


def losses(make, model, rate, resource):
    with tf.Graph().as_default():
        step = train.get_or_create_global_step()
        loss = model(resource)
        op = make(rate, step).minimize(loss, global_step=step)
        config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            values = []
            for _ in range(STEPS):
                values.append(session.run(loss))
                session.run(op)
            return values


with open('tests/framework/data/optimizer_losses.golden', 'w') as out:
    out.write('# SPDX-License-Identifier: Apache-2.0\n# Made by tests/support/make_optimizer_losses.py\n')
    for name, make, steep, flat in OPTIMIZERS:
        for model in [rosenbrock, perceptron, embedding]:
            values = [losses(make, model, steep if model is rosenbrock else flat, form) for form in [False, True]]
            assert values[0] == values[1], (name, model)
            out.write('%s %s %s\n' % (name, model.__name__, ' '.join('%.9g' % v for v in values[0])))
