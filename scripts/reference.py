"""ECO-Lite in PyTorch: what the Rust implementation is measured against.

    reference.py print                              the module tree, as print(net) shows it
    reference.py state_dict                         names and shapes of its tensors
    reference.py checkpoint OUT [--seed S]          a seeded network whose convolutions carry the output
    reference.py run WEIGHTS CLIPS OUT              features, logits and the output of every module
    reference.py cases DIR                          a checkpoint, and inputs and outputs for several sizes

Files are safetensors. Module names are those of the state_dict that PyTorch users have.
"""

import argparse
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

SEGMENTS = 16
CLASSES = 400
# (segments, batch) of the cases the Rust tests compare.
CASES = [(4, 1), (4, 3), (8, 1), (8, 3), (16, 1), (16, 3)]


def conv2d_bn_relu(name, relu, cin, cout, kernel, stride=1, padding=0):
    """Conv2d, BatchNorm2d and ReLU under the names ECO gives them."""
    return [
        (name, nn.Conv2d(cin, cout, (kernel,) * 2, (stride,) * 2, (padding,) * 2)),
        (f"{name}_bn", nn.BatchNorm2d(cout)),
        (relu, nn.ReLU(inplace=True)),
    ]


class Chain(nn.Module):
    """Runs its children in definition order."""

    def __init__(self, layers):
        super().__init__()
        for name, layer in layers:
            self.add_module(name, layer)

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x


class BasicConv(Chain):
    def __init__(self):
        super().__init__([
            *conv2d_bn_relu("conv1_7x7_s2", "conv1_relu_7x7", 3, 64, 7, 2, 3),
            ("pool1_3x3_s2", nn.MaxPool2d(3, 2, ceil_mode=True)),
            *conv2d_bn_relu("conv2_3x3_reduce", "conv2_relu_3x3_reduce", 64, 64, 1),
            *conv2d_bn_relu("conv2_3x3", "conv2_relu_3x3", 64, 192, 3, padding=1),
            ("pool2_3x3_s2", nn.MaxPool2d(3, 2, ceil_mode=True)),
        ])


class Inception(nn.Module):
    """Four branches whose outputs are concatenated."""

    def __init__(self, prefix, cin, width_3x3, width_pool):
        super().__init__()

        def layers(name, a, b, kernel):
            return conv2d_bn_relu(f"{prefix}_{name}", f"{prefix}_relu_{name}", a, b, kernel, padding=kernel // 2)

        branches = [
            layers("1x1", cin, 64, 1),
            layers("3x3_reduce", cin, 64, 1) + layers("3x3", 64, width_3x3, 3),
            layers("double_3x3_reduce", cin, 64, 1)
            + layers("double_3x3_1", 64, 96, 3)
            + layers("double_3x3_2", 96, 96, 3),
            [(f"{prefix}_pool", nn.AvgPool2d(3, 1, 1))] + layers("pool_proj", cin, width_pool, 1),
        ]
        self.branches = [[name for name, _ in branch] for branch in branches]
        for branch in branches:
            for name, layer in branch:
                self.add_module(name, layer)

    def forward(self, x):
        outputs = []
        for branch in self.branches:
            out = x
            for name in branch:
                out = getattr(self, name)(out)
            outputs.append(out)
        return torch.cat(outputs, 1)


class InceptionA(Inception):
    def __init__(self):
        super().__init__("inception_3a", 192, 64, 32)


class InceptionB(Inception):
    def __init__(self):
        super().__init__("inception_3b", 256, 96, 64)


class InceptionC(Chain):
    def __init__(self):
        prefix, reduce, conv = "inception_3c", "double_3x3_reduce", "double_3x3_1"
        super().__init__([
            *conv2d_bn_relu(f"{prefix}_{reduce}", f"{prefix}_relu_{reduce}", 320, 64, 1),
            *conv2d_bn_relu(f"{prefix}_{conv}", f"{prefix}_relu_{conv}", 64, 96, 3, padding=1),
        ])


class ECO_2D(Chain):
    def __init__(self):
        super().__init__([
            ("basic_conv", BasicConv()),
            ("inception_a", InceptionA()),
            ("inception_b", InceptionB()),
            ("inception_c", InceptionC()),
        ])


def conv3d(cin, cout, stride=1):
    return nn.Conv3d(cin, cout, (3,) * 3, (stride,) * 3, (1,) * 3)


class Resnet_3D_3(nn.Module):
    """A residual block; the shortcut is the convolution before its batch norm."""

    def __init__(self):
        super().__init__()
        self.res3a_2 = conv3d(96, 128)
        self.res3a_bn = nn.BatchNorm3d(128)
        self.res3a_relu = nn.ReLU(inplace=True)
        self.res3b_1 = conv3d(128, 128)
        self.res3b_1_bn = nn.BatchNorm3d(128)
        self.res3b_1_relu = nn.ReLU(inplace=True)
        self.res3b_2 = conv3d(128, 128)
        self.res3b_bn = nn.BatchNorm3d(128)
        self.res3b_relu = nn.ReLU(inplace=True)

    def forward(self, x):
        shortcut = self.res3a_2(x)
        out = self.res3a_relu(self.res3a_bn(shortcut))
        # The original runs res3b_relu here and never res3b_1_relu.
        out = self.res3b_relu(self.res3b_1_bn(self.res3b_1(out)))
        out = self.res3b_2(out) + shortcut
        return self.res3b_relu(self.res3b_bn(out))


class DownsamplingStage(nn.Module):
    """Two residual sums at half the size; the first shortcut is a strided convolution."""

    def __init__(self, name, cin, cout):
        super().__init__()
        self.name = name
        for part, layer in [
            ("a_1", conv3d(cin, cout, 2)),
            ("a_1_bn", nn.BatchNorm3d(cout)),
            ("a_1_relu", nn.ReLU(inplace=True)),
            ("a_2", conv3d(cout, cout)),
            ("a_down", conv3d(cin, cout, 2)),
            ("a_bn", nn.BatchNorm3d(cout)),
            ("a_relu", nn.ReLU(inplace=True)),
            ("b_1", conv3d(cout, cout)),
            ("b_1_bn", nn.BatchNorm3d(cout)),
            ("b_1_relu", nn.ReLU(inplace=True)),
            ("b_2", conv3d(cout, cout)),
            ("b_bn", nn.BatchNorm3d(cout)),
            ("b_relu", nn.ReLU(inplace=True)),
        ]:
            self.add_module(name + part, layer)

    def through(self, x, *parts):
        for part in parts:
            x = getattr(self, self.name + part)(x)
        return x

    def forward(self, x):
        shortcut = self.through(x, "a_down")
        shortcut = self.through(x, "a_1", "a_1_bn", "a_1_relu", "a_2") + shortcut
        out = self.through(shortcut, "a_bn", "a_relu", "b_1", "b_1_bn", "b_1_relu", "b_2") + shortcut
        return self.through(out, "b_bn", "b_relu")


class Resnet_3D_4(DownsamplingStage):
    def __init__(self):
        super().__init__("res4", 128, 256)


class Resnet_3D_5(DownsamplingStage):
    def __init__(self):
        super().__init__("res5", 256, 512)


class ECO_3D(nn.Module):
    def __init__(self, segments=SEGMENTS):
        super().__init__()
        self.res_3d_3 = Resnet_3D_3()
        self.res_3d_4 = Resnet_3D_4()
        self.res_3d_5 = Resnet_3D_5()
        self.global_pool = nn.AvgPool3d((segments // 4, 7, 7), stride=1, padding=0)

    def forward(self, x):
        """x: [batch, segments, 96, 28, 28]; features [batch, 512]."""
        out = self.res_3d_5(self.res_3d_4(self.res_3d_3(x.transpose(1, 2))))
        return self.global_pool(out).flatten(1)


class ECO_Lite(nn.Module):
    def __init__(self, classes=CLASSES, segments=SEGMENTS):
        super().__init__()
        self.eco_2d = ECO_2D()
        self.eco_3d = ECO_3D(segments)
        self.fc_final = nn.Linear(512, classes)

    def features(self, x):
        """x: [batch, segments, 3, 224, 224]; features [batch, 512]."""
        batch, segments = x.shape[:2]
        out = self.eco_2d(x.flatten(0, 1))
        return self.eco_3d(out.unflatten(0, (batch, segments)))

    def forward(self, x):
        return self.fc_final(self.features(x))


def clips(batch, segments, seed):
    """Random clips in the value range of preprocessed frames."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (batch, segments, 3, 224, 224), generator=generator)
    return pixels.float() - torch.tensor([104.0, 117.0, 128.0]).view(3, 1, 1)


@torch.no_grad()
def seeded(seed=0, classes=CLASSES, segments=4):
    """A network with He-normal convolutions and batch-norm statistics calibrated on a random clip.

    With PyTorch's default initialisation the batch-norm biases would drown what the convolutions do, and with it every
    error in them.
    """
    torch.manual_seed(seed)
    net = ECO_Lite(classes, segments)
    norms = []
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            norms.append(module)
            module.momentum = None
    net.train()
    net(clips(1, segments, seed + 1))
    for norm in norms:
        norm.momentum = 0.1
        nn.init.uniform_(norm.weight, 0.7, 1.3)
        nn.init.normal_(norm.bias, std=0.3)
        norm.running_mean.add_(torch.randn_like(norm.running_mean) * 0.1 * norm.running_var.sqrt())
    return net.eval()


def load(weights, segments=SEGMENTS):
    """The network with the tensors of a safetensors file, names and shapes checked."""
    state = load_file(weights)
    net = ECO_Lite(state["fc_final.weight"].shape[0], segments)
    net.load_state_dict(state, strict=True)
    return net.eval()


@torch.no_grad()
def run(net, x):
    """Features, logits and the output of every module by its name, all cloned (ReLUs write in place)."""
    outputs = OrderedDict(input=x)
    handles = []
    for name, module in net.named_modules():
        def hook(_, __, output, name=name):
            outputs[f"output.{name}"] = output.detach().clone().contiguous()
        if name:
            handles.append(module.register_forward_hook(hook))
    outputs["logits"] = net(x)
    outputs["features"] = outputs["output.eco_3d"].clone()
    for handle in handles:
        handle.remove()
    return outputs


def write_cases(folder):
    folder.mkdir(parents=True, exist_ok=True)
    net = seeded()
    save_file(net.state_dict(), folder / "weights.safetensors")
    for segments, batch in CASES:
        net.eco_3d.global_pool.kernel_size = (segments // 4, 7, 7)
        outputs = run(net, clips(batch, segments, 100 + segments + batch))
        if (segments, batch) != CASES[0]:
            blocks = ("eco_2d", "eco_3d", "res_3d_3", "res_3d_4", "res_3d_5")
            outputs = {k: v for k, v in outputs.items() if "." not in k or k.rsplit(".", 1)[-1] in blocks}
        save_file(outputs, folder / f"case_{segments}_{batch}.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("print", help="print the module tree")
    show.add_argument("--classes", type=int, default=CLASSES)
    show.add_argument("--segments", type=int, default=SEGMENTS)
    commands.add_parser("state_dict", help="print names and shapes")
    checkpoint = commands.add_parser("checkpoint", help="write a seeded state_dict")
    checkpoint.add_argument("out", type=Path)
    checkpoint.add_argument("--seed", type=int, default=0)
    checkpoint.add_argument("--classes", type=int, default=CLASSES)
    forward = commands.add_parser("run", help="run clips through a network")
    forward.add_argument("weights", type=Path)
    forward.add_argument("clips", type=Path, help="safetensors with `input`: [batch, segments, 3, 224, 224]")
    forward.add_argument("out", type=Path)
    cases = commands.add_parser("cases", help="write what the Rust tests compare with")
    cases.add_argument("folder", type=Path)
    args = parser.parse_args()

    if args.command == "print":
        print(ECO_Lite(args.classes, args.segments))
    elif args.command == "state_dict":
        for name, tensor in ECO_Lite().state_dict().items():
            print(name, list(tensor.shape))
    elif args.command == "checkpoint":
        save_file(seeded(args.seed, args.classes).state_dict(), args.out)
    elif args.command == "run":
        x = load_file(args.clips)["input"]
        save_file(run(load(args.weights, x.shape[1]), x), args.out)
    else:
        write_cases(args.folder)


if __name__ == "__main__":
    main()
