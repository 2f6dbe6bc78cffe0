# SPDX-License-Identifier: Apache-2.0
"""Writes tests/framework/data/warm_start.golden (see graph_golden.h) with TensorFlow 2.15.1 (compat.v1), and on standard output
what the variables are after their initializers ran, for the tests of values.

    python3 tests/support/make_warm_start_golden.py     # from the root of the project

Checkpoint and vocabularies are made in the folder where the script runs, under the names that the test uses too.
"""
import os
import tempfile

import numpy as np

from graph_text import section, tf, write

ROOT = os.getcwd()
FOLDER = tempfile.mkdtemp()


def get(name, shape, **options): return tf.get_variable(name, shape, initializer=tf.zeros_initializer(), **options)


def in_folder(build):
    """Paths in the nodes are those of the working folder."""
    def run():
        os.chdir(FOLDER)
        try: build()
        finally: os.chdir(ROOT)
    run.__name__ = build.__name__
    return section(run)


def show(graph):
    with tf.Session(graph=graph, config=tf.ConfigProto(device_count={'CPU': 2})) as session:
        session.run(tf.variables_initializer(tf.global_variables()))
        for v in tf.global_variables():
            value = session.run(v)
            print(' ', v.op.name, value.tolist())


def make_files():
    os.chdir(FOLDER)
    with tf.Graph().as_default() as graph:
        tf.get_variable('old/w', initializer=np.arange(6, dtype=np.float32).reshape(2, 3))
        tf.get_variable('old/b', initializer=np.array([10, 20, 30], np.float32))
        tf.get_variable('old/table', initializer=np.arange(8, dtype=np.float32).reshape(4, 2) + 100)
        tf.get_variable('root', initializer=np.array([7, 8], np.int32))
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            tf.train.Saver().save(session, './old.ckpt')
    for name, words in dict(old_rows='mercury venus mars saturn', new_rows='venus jupiter mercury',
                            old_columns='good better', new_columns='better fantastic good').items():
        with open(name, 'w') as out: out.write('\n'.join(words.split()) + '\n')
    os.chdir(ROOT)


@in_folder
def by_names_and_scopes():
    with tf.variable_scope('new'):
        get('w', [2, 3])
        get('b', [3], use_resource=True)
    get('root', [2], dtype=tf.int32)
    tf.train.init_from_checkpoint('./old.ckpt', {'root': 'root', 'old/': 'new/'})


@in_folder
def by_variables():
    w, b = get('w', [2, 3]), get('b', [3])
    with tf.device('/device:CPU:1'): c = get('c', [3], use_resource=True)
    tf.train.init_from_checkpoint('./old.ckpt', [('old/b', b), ('old/w', w), ('old/b', c)])


@in_folder
def from_the_root():
    with tf.variable_scope('copy'):
        get('old/w', [2, 3])
        get('root', [2], dtype=tf.int32)
    tf.train.init_from_checkpoint('./old.ckpt', {'/': 'copy/'})


@in_folder
def to_the_root():
    get('w', [2, 3])
    get('b', [3])
    tf.train.init_from_checkpoint('./old.ckpt', {'old/': '/'})


@in_folder
def into_parts():
    get('new/table', [4, 2], partitioner=tf.fixed_size_partitioner(3))
    get('other', [4, 2], partitioner=tf.fixed_size_partitioner(2), use_resource=True)
    tf.train.init_from_checkpoint('./old.ckpt', {'old/table': 'new/table'})
    tf.train.init_from_checkpoint('./old.ckpt', {'old/table': 'other'})


@in_folder
def warm_started():
    with tf.variable_scope('old'):
        get('w', [2, 3])
        get('b', [3], use_resource=True)
        get('count', [], trainable=False)
    get('renamed', [4, 2])
    tf.train.warm_start('./old.ckpt', var_name_to_prev_var_name={'renamed': 'old/table'})


@in_folder
def warm_started_by_list():
    with tf.variable_scope('old'):
        get('w', [2, 3])
        get('b', [3], trainable=False)
        get('table', [4, 2], partitioner=tf.fixed_size_partitioner(2))
    tf.train.warm_start('./old.ckpt', ['old/b', 'old/table'])


@in_folder
def new_rows():
    get('old/table', [5, 2])
    get('resource', [5, 2], use_resource=True)
    vocab = tf.train.VocabInfo('new_rows', 3, 2, 'old_rows')
    tf.train.warm_start('./old.ckpt', None, {'old/table': vocab, 'resource': vocab}, {'resource': 'old/table'})


@in_folder
def new_rows_in_parts():
    get('old/table', [5, 2], partitioner=tf.fixed_size_partitioner(3))
    ones = tf.ones_initializer()
    tf.train.warm_start('./old.ckpt', '.*', {'old/table': tf.train.VocabInfo('new_rows', 3, 2, 'old_rows', 3, ones)})


@in_folder
def new_columns():
    get('old/table', [4, 4])
    init = tf.random_normal_initializer(seed=5)
    vocab = tf.train.VocabInfo('new_columns', 3, 1, 'old_columns', backup_initializer=init, axis=1)
    tf.train.warm_start('./old.ckpt', 'old', {'old/table': vocab})


if __name__ == '__main__':
    from graph_text import sections
    make_files()
    os.chdir(FOLDER)
    for name, build in list(sections):
        with tf.Graph().as_default() as graph:
            build()
            os.chdir(FOLDER)
            print(name)
            show(graph)
            os.chdir(ROOT)
    os.chdir(ROOT)
    write('tests/framework/data/warm_start.golden')
