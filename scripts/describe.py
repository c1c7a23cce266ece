"""The reference network as PyTorch's own tools see it: what `eco summary` and `eco graph` are measured against.

    describe.py table DIR           shapes by forward hooks and torchinfo's counts, as DIR/ARCH_SEGMENTS_BATCH.json
    describe.py tensorboard DIR     the graph that torch.utils.tensorboard writes, as event files in DIR/ARCH and as DIR/ARCH.json
    describe.py events DIR          prints the graph of the event file in DIR, by TensorBoard's reader, as JSON
    describe.py scalars DIR         prints the scalars of the event files in DIR, by TensorBoard's reader, as JSON
"""

import argparse
import json
from pathlib import Path

import torch
import torchinfo
from reference import NETWORKS

# (network, segments, batch) of the cases the Rust tests compare.
CASES = [("lite", 4, 1), ("lite", 8, 3), ("lite", 16, 1), ("full", 8, 3), ("full", 16, 1)]


def blank(arch, segments):
    """A network on PyTorch's meta device: shapes, and nothing to calculate."""
    with torch.device("meta"):
        return NETWORKS[arch](segments=segments).eval()


@torch.no_grad()
def runs(net, clips):
    """Every run of every module with the shapes that its forward hook sees."""
    found = []
    for name, module in net.named_modules():
        def hook(module, inputs, output, name=name):
            outputs = output if isinstance(output, tuple) else (output,)
            found.append({"name": name, "type": type(module).__name__,
                          "inputs": [list(value.shape) for value in inputs],
                          "outputs": [list(value.shape) for value in outputs]})
        module.register_forward_hook(hook)
    net(clips)
    return found


def table(arch, segments, batch):
    clips = torch.empty(batch, segments, 3, 224, 224, device="meta")
    info = torchinfo.summary(blank(arch, segments), input_data=clips, depth=9, verbose=0)
    layers = [{"name": layer.var_name, "parameters": layer.num_params, "macs": layer.macs}
              for layer in info.summary_list if layer.is_leaf_layer]
    lines = [line for line in str(info).splitlines() if line[:1].isalpha() and ": " in line]
    return {"runs": runs(blank(arch, segments), clips), "layers": layers, "totals": lines}


def write_graph(arch, folder):
    from torch.utils.tensorboard import SummaryWriter

    net = NETWORKS[arch](segments=4).eval()
    with SummaryWriter(folder) as writer:
        writer.add_graph(net, torch.zeros(1, 4, 3, 224, 224))


def events(folder):
    """The nodes of the graph in a folder of event files, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"graph": 0})
    reader.Reload()
    return [
        {
            "name": node.name,
            "op": node.op,
            "inputs": list(node.input),
            "shape": [dim.size for shape in node.attr["_output_shapes"].list.shape for dim in shape.dim],
            "attributes": node.attr["attr"].s.decode(),
        }
        for node in reader.Graph().node
    ]


def scalars(folder):
    """Name to `[wall time, step, value]` of the scalars in a folder of event files, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder))
    reader.Reload()
    return {tag: [[event.wall_time, event.step, event.value] for event in reader.Scalars(tag)]
            for tag in reader.Tags()["scalars"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["table", "tensorboard", "events", "scalars"])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    if args.what == "table":
        for arch, segments, batch in CASES:
            path = args.folder / f"{arch}_{segments}_{batch}.json"
            path.write_text(json.dumps(table(arch, segments, batch)))
    elif args.what == "tensorboard":
        for arch in NETWORKS:
            write_graph(arch, args.folder / arch)
            (args.folder / f"{arch}.json").write_text(json.dumps(events(args.folder / arch)))
    else:
        read = {"events": events, "scalars": scalars}[args.what]
        print(json.dumps(read(args.folder)))


if __name__ == "__main__":
    main()
