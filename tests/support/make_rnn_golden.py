# SPDX-License-Identifier: Apache-2.0
"""Writes tests/nn/data/rnn.golden: the nodes of recurrent networks, by TensorFlow 2.15.1 (compat.v1).

    python3 tests/support/make_rnn_golden.py     # from the root of the project
"""
from graph_text import case, ph, tf, write

rnn = tf.nn.rnn_cell


def lengths(): return tf.constant([2, 3], name='lengths')


def dynamic(cell, shape=(2, 3, 4), **options): return lambda: tf.nn.dynamic_rnn(cell(), ph(list(shape)), dtype=tf.float32, **options)


case('basic', dynamic(lambda: rnn.BasicRNNCell(5)))
case('gru_unknown_batch', dynamic(lambda: rnn.GRUCell(5), (None, 3, 4)))
case('lstm_lengths', lambda: tf.nn.dynamic_rnn(rnn.BasicLSTMCell(5), ph([2, 3, 4]), lengths(), dtype=tf.float32))
case('lstm_time_major', dynamic(lambda: rnn.BasicLSTMCell(5, state_is_tuple=False), time_major=True))
case('lstm_full', dynamic(lambda: rnn.LSTMCell(5, use_peepholes=True, cell_clip=2., num_proj=3, proj_clip=1.)))
case('multi', dynamic(lambda: rnn.MultiRNNCell([rnn.BasicLSTMCell(5), rnn.GRUCell(3)])))
case('wrappers', dynamic(lambda: rnn.ResidualWrapper(rnn.DropoutWrapper(rnn.GRUCell(4), input_keep_prob=.5,
                                                                        output_keep_prob=.8, seed=7))))
case('variational', dynamic(lambda: rnn.DropoutWrapper(rnn.BasicLSTMCell(5), .5, .6, .7, variational_recurrent=True,
                                                       input_size=4, dtype=tf.float32, seed=7)))
case('bidirectional', lambda: tf.nn.bidirectional_dynamic_rnn(rnn.GRUCell(5), rnn.GRUCell(5), ph([2, 3, 4]), lengths(),
                                                              dtype=tf.float32))
case('static', lambda: tf.nn.static_rnn(rnn.MultiRNNCell([rnn.BasicLSTMCell(5)]), [ph([2, 4]), ph([2, 4])],
                                        dtype=tf.float32))
case('static_lengths', lambda: tf.nn.static_rnn(rnn.GRUCell(5), [ph([2, 4]), ph([2, 4])], dtype=tf.float32,
                                                sequence_length=lengths()))
case('static_bidirectional', lambda: tf.nn.static_bidirectional_rnn(rnn.GRUCell(5), rnn.GRUCell(5), [ph([2, 4]), ph([2, 4])],
                                                                    dtype=tf.float32))

write('tests/nn/data/rnn.golden')
