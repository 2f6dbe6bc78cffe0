# SPDX-License-Identifier: Apache-2.0
"""Graphs of TensorFlow 2.15.1 (compat.v1) as the text of graph_golden.h. A program that makes golden files marks functions
as sections, each of which builds a graph, and then writes the file."""
import os
import re
import sys

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import tensorflow as tf2
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.disable_resource_variables()

# Gradients are compared in tests/gradients. Texts of an Assert are converted twice: nothing reads the first ones.
SKIPPED = re.compile(r'(^|/)gradients/|/Assert/Const(_\d+)?$')

SKIPPED_ATTRS = {'value', '_output_shapes', '_has_manual_control_dependencies'}

sections = []


def section(build):
    sections.append((build.__name__.rstrip('_'), build))
    return build


def number(v):
    return '%.7g' % v


def shape_text(shape):
    if shape.rank is None: return '?'
    return '[' + ','.join('?' if d is None else str(d) for d in shape.as_list()) + ']'


def scalar_text(kind, v):
    if kind == 's': return v.decode()
    if kind == 'i': return str(v)
    if kind == 'f': return number(v)
    if kind == 'b': return 'true' if v else 'false'
    if kind == 'type': return tf.as_dtype(v).name
    if kind == 'shape': return shape_text(tf.TensorShape(v))
    raise ValueError(kind)


def attr_text(attr):
    kind = attr.WhichOneof('value')
    if kind != 'list': return scalar_text(kind, getattr(attr, kind))
    for kind in ['s', 'i', 'f', 'b', 'type', 'shape']:
        values = getattr(attr.list, kind)
        if values: return '{' + ','.join(scalar_text(kind, v) for v in values) + '}'
    return '{}'


def value_text(tensor):
    a = tf2.make_ndarray(tensor)
    flat = a.ravel().tolist()
    text = [v.decode() if isinstance(v, bytes) else number(v) for v in flat[:8]]
    if len(flat) > 8: text.append('...')
    return shape_text(tf.TensorShape(a.shape)) + ' ' + ','.join(text)


def node_text(node):
    inputs = [i for i in node.input if i[0] != '^'] + sorted(i for i in node.input if i[0] == '^')
    text = '%s %s(%s)' % (node.name, node.op, ', '.join(inputs))
    for name in sorted(node.attr):
        if name not in SKIPPED_ATTRS:
            text += ' %s=%s' % (name, attr_text(node.attr[name]))
    if node.device: text += ' device=' + node.device
    if node.op == 'Const': text += ' = ' + value_text(node.attr['value'].tensor)
    return text


def write(path):
    with open(path, 'w') as out:
        out.write('# SPDX-License-Identifier: Apache-2.0\n# Made by tests/support/%s\n' % os.path.basename(sys.argv[0]))
        for name, build in sections:
            graph = tf.Graph()
            with graph.as_default(): build()
            out.write('== %s\n' % name)
            nodes = [n for n in graph.as_graph_def().node if not SKIPPED.search(n.name)]
            for line in sorted(node_text(n) for n in nodes): out.write(line + '\n')
    sections.clear()


def ph(shape, dtype=tf.float32): return tf.placeholder(dtype, shape, name='x')


def case(name, build):
    build.__name__ = name
    section(build)
