"""Makes the record that the event files are compared with: `pip install tensorboard==2.20.0`, then run this."""

import pathlib

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

values = [Summary.Value(tag="loss/total", simple_value=0.5), Summary.Value(tag="a", simple_value=-1.0)]
with open(pathlib.Path(__file__).parent / "event.tfrecord", "wb") as file:
    RecordWriter(file).write(Event(step=300, summary=Summary(value=values)).SerializeToString())
