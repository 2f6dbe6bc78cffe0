#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether TensorFlow reads, and computes the same from, what write_for_tensorflow wrote. See README.md.

    python3 tests/tensorflow/check.py FOLDER [--tools ../shared/interop/tools] [--only GLOB]

Prints a line for each folder below FOLDER; ends with 0 if all passed.
"""
import argparse
import fnmatch
import io
import json
import os
import sys
import tempfile
import traceback
from contextlib import redirect_stdout

here = argparse.ArgumentParser(description=__doc__.splitlines()[0])
here.add_argument("folder")
here.add_argument("--tools", default="../shared/interop/tools", help="the folder of check_checkpoint.py and its like")
here.add_argument("--only", default="*")
options = here.parse_args()
sys.path.insert(0, options.tools)

import _lib  # noqa: E402  (of the tools)
from _lib import compare, meta_graph_pb2, named_tensor_pb2, np, read_expected, run_expected, tf  # noqa: E402


def checker(program, *arguments):
    """Runs one of the tools as if from the command line; what it prints, if it ended well."""
    module, printed = __import__(program), io.StringIO()
    sys.argv = [program + ".py", *arguments]
    try:
        with redirect_stdout(printed):
            module.main()
        code = 0
    except SystemExit as end:
        code = end.code
    text = printed.getvalue()
    assert code == 0, f"{program} {' '.join(arguments)} ended with {code}: {text[-1500:]}"
    return json.loads(text)


def collection(folder, key):
    """(name, value) of the NamedTensorProtos of a collection of expected.pb."""
    container = meta_graph_pb2.MetaGraphDef()
    with open(os.path.join(folder, "expected.pb"), "rb") as f:
        container.ParseFromString(f.read())
    named = map(named_tensor_pb2.NamedTensorProto.FromString, container.collection_def[key].bytes_list.value)
    return [(n.name, tf.make_ndarray(n.tensor)) for n in named]


def all_match(rows):
    wrong = [r for r in rows if not r["match"]]
    assert rows and not wrong, wrong


def same_bits(name, got, want):
    # A quantised dtype is the integer's with a name, for one of the two.
    got, want = (a.view(a.dtype[0]) if a.dtype.fields else a for a in map(np.asarray, (got, want)))
    if want.dtype == object:
        got = got.astype(object)
    assert got.dtype == want.dtype and got.shape == want.shape, (name, got.dtype, got.shape, want.dtype, want.shape)
    same = (got == want).all() if got.dtype == object else got.tobytes() == want.tobytes()
    assert same, f"{name}: {got} is not {want}"


def restored(prefix, names, dtypes, slices):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=names, shape_and_slices=slices, dtypes=dtypes))


def check_checkpoint(folder, file):
    prefix = os.path.join(folder, file)
    expected = collection(folder, "expected")
    shown = checker("check_checkpoint", prefix)["tensors"]
    assert sorted(shown) == sorted(n for n, _ in expected), "the names differ"
    reader = tf.train.load_checkpoint(prefix)
    types = reader.get_variable_to_dtype_map()
    names = [n for n, _ in expected]
    for (name, want), got in zip(expected, restored(prefix, names, [types[n] for n in names], [""] * len(names))):
        same_bits(name, got, want)
    for key, want in collection(folder, "slices"):
        name, spec = key.split("|")
        same_bits(key, restored(prefix, [name], [types[name]], [spec])[0], want)
    if not os.path.exists(prefix + ".meta"):
        return
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={"CPU": 3})) as session:
        tf.train.import_meta_graph(prefix + ".meta").restore(session, prefix)
        assert tf.global_variables()
        for variable in tf.global_variables():
            if variable._save_slice_info is None:
                same_bits(variable.op.name, session.run(variable), dict(expected)[variable.op.name])


def check_state(folder, files):
    names = files.split()
    state = tf.train.get_checkpoint_state(folder)
    assert list(state.all_model_checkpoint_paths) == [os.path.join(folder, n) for n in names], state
    newest = tf.train.latest_checkpoint(folder)
    assert newest == os.path.join(folder, names[-1]), newest
    (name, want), = collection(folder, "expected")
    same_bits(name, tf.train.load_variable(folder, name), want)


def check_training(folder, file):
    """Goes on with the training where the library left it."""
    prefix, e = os.path.join(folder, file), read_expected(os.path.join(folder, "expected.pb"))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(prefix + ".meta").restore(session, prefix)
        assert tf.get_collection("train_op") and tf.train.get_global_step() is not None and tf.trainable_variables()
        for target in e["targets"]:
            session.run(target, dict(e["feeds"]))
        all_match(run_expected(session, dict(e, targets=[])))


def check_graph(folder, file):
    checker("check_graphdef", os.path.join(folder, file), "--expected", os.path.join(folder, "expected.pb"))


def check_meta_graph(folder, file):
    """The binary, the text and the JSON form are the same message, and it runs."""
    from google.protobuf import json_format, text_format
    prefix = os.path.join(folder, file)
    binary, text, js = (meta_graph_pb2.MetaGraphDef() for _ in range(3))
    with open(prefix + ".meta", "rb") as f:
        binary.ParseFromString(f.read())
    with open(prefix + ".pbtxt") as f:
        text_format.Parse(f.read(), text)
    with open(prefix + ".json") as f:
        json_format.Parse(f.read(), js)
    assert binary == text, "the text form differs"
    assert binary == js, "the JSON form differs"
    checker("check_graphdef", prefix + ".meta", "--checkpoint", prefix, "--expected", os.path.join(folder, "expected.pb"))


def check_queues_and_branches(folder, file):
    prefix = os.path.join(folder, file)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(prefix + ".meta").restore(session, prefix)
        (batch,), (y,), (x,), (pred,) = map(tf.get_collection, ("batch", "branches", "x", "pred"))
        assert len(tf.get_collection(tf.GraphKeys.QUEUE_RUNNERS)) == 1
        coordinator = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(session, coordinator)
        seen = [v for _ in range(4) for v in session.run(batch)]
        assert len(threads) >= 2 and all(v >= 0 and v % 2 == 0 for v in seen) and max(seen) >= 8, seen
        coordinator.request_stop()
        coordinator.join(threads)
        assert y.op._get_control_flow_context() is None
        gradient, = tf.gradients(y, x)  # needs the contexts of the branches
        for (case, value), (_, slope) in zip(collection(folder, "expected"), collection(folder, "gradients")):
            feeds = {pred: case == "true"}
            all_match([compare(case, session.run(y, feeds), value, 1e-6, 0),
                       compare("gradient, " + case, session.run(gradient, feeds), slope, 1e-6, 0)])


def check_saved_model(folder, file):
    found = checker("check_saved_model", os.path.join(folder, file), "--expected", os.path.join(folder, "expected.pb"), "--tags", "serve")
    assert found["tf2_load"] == "ok", found["tf2_load"]
    all_match(found.get("tf2_expected", found["expected"]))


def check_records(folder, file):
    compression = {"records": "", "records_zlib": "ZLIB", "records_gzip": "GZIP"}[os.path.basename(folder)]
    path = os.path.join(folder, file)
    arguments = ["--compression", compression] if compression else []
    found = checker("check_tfrecord", path, "--examples", *arguments)
    (_, want), = collection(folder, "expected")
    assert [r["crc32c"] for r in found["records"]] == [_lib.crc32c(r) for r in want], "the records differ"
    for i, record in enumerate(found["records"]):
        n = range(i % 5)
        features = {"ints": {"int64_list": [i * j - 7 for j in n]}, "floats": {"float_list": [i * j / 8 for j in n]},
                    "texts": {"bytes_list": [f"{i}/{j}" for j in n]}} if i % 5 else {}
        assert record["features"] == features, (i, record)
    tf.enable_eager_execution()
    assert [r.numpy() for r in tf.data.TFRecordDataset(path, compression)] == list(want)


def check_events(folder, file):
    logs = os.path.join(folder, file)
    run, = checker("check_events", logs).values()
    (tag, want), = collection(folder, "expected")
    assert [(e["step"], e["value"]) for e in run["scalars"][tag]] == list(enumerate(map(float, want))), run["scalars"]
    assert len(run["histograms"]["spread"]) == len(want) and run["graph"]["nodes"] > 0
    assert all(abs(h["sum"] - 3 * m) < 1e-6 and h["num"] == 3 for h, m in zip(run["histograms"]["spread"], want))
    note = run["tensors"]["note"]
    assert note["plugin"] == "text" and note["events"][0]["values"] == ["hello"], note
    raw, = checker("check_events", logs, "--raw").values()
    assert raw[0]["file_version"] == "brain.Event:2" and any(e.get("status") == "START" for e in raw)


def in_child(run):
    """The text of what went wrong in a process of its own: the tools change TensorFlow's global switches."""
    with tempfile.TemporaryFile("w+") as out:
        pid = os.fork()
        if pid == 0:
            try:
                run()
            except BaseException as e:  # noqa: B902
                out.write(f"{type(e).__name__}: {e}\n{traceback.format_exc()}" or "failed")
            out.flush()
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        return out.read() or ("" if status == 0 else f"the process ended with {status}")


def main():
    root, failed, count = os.path.abspath(options.folder), 0, 0
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        if not os.path.exists(os.path.join(folder, "about.json")) or not fnmatch.fnmatch(name, options.only):
            continue
        with open(os.path.join(folder, "about.json")) as f:
            about = json.load(f)
        check = globals()["check_" + about["kind"]]
        problem = in_child(lambda: check(folder, about["file"]))
        print(f"FAILED {name}: {problem}" if problem else f"passed {name}", flush=True)
        failed += bool(problem)
        count += 1
    print(f"{count - failed} passed, {failed} failed")
    sys.exit(1 if failed or not count else 0)


if __name__ == "__main__":
    main()
