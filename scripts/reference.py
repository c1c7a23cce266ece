"""ECO-Lite and ECO-Full in PyTorch: what the Rust implementation is measured against.

    reference.py print [--arch full]                the module tree, as print(net) shows it
    reference.py state_dict [--arch full]           names and shapes of its tensors
    reference.py checkpoint OUT [--arch full]       a seeded network whose convolutions carry the output
    reference.py run WEIGHTS CLIPS OUT              features, logits and the output of every module
    reference.py cases DIR [--arch full]            a checkpoint, and inputs and outputs for several sizes
    reference.py official FILE                      loads a file of ECO-Full strictly under its own and the official names

Files are safetensors. Module names are those of the state_dict that PyTorch users have.

ECO-Full is written from the official definition: mzolfaghari/ECO-pytorch @ b175e7c, tf_model_zoo/ECOfull/ECOfull.yaml.
"""

import argparse
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

SEGMENTS = 16
CLASSES = 400
# (segments, batch) of the cases the Rust tests compare.
CASES = {
    "lite": [(4, 1), (4, 3), (8, 1), (8, 3), (16, 1), (16, 3)],
    "full": [(4, 1), (4, 3), (8, 1), (8, 3), (16, 1), (16, 3)],
}


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
    """Branches side by side, concatenated. Without `single` and `projection` the block halves the size."""

    def __init__(self, prefix, cin, single, three, double, pool, projection):
        super().__init__()

        def layers(name, a, b, kernel, stride=1):
            return conv2d_bn_relu(f"{prefix}_{name}", f"{prefix}_relu_{name}", a, b, kernel, stride, kernel // 2)

        stride = 1 if projection else 2
        branches = [
            layers("1x1", cin, single, 1) if single else [],
            layers("3x3_reduce", cin, three[0], 1) + layers("3x3", *three, 3, stride),
            layers("double_3x3_reduce", cin, double[0], 1)
            + layers("double_3x3_1", double[0], double[1], 3)
            + layers("double_3x3_2", double[1], double[2], 3, stride),
            [(f"{prefix}_pool", pool)] + (layers("pool_proj", cin, projection, 1) if projection else []),
        ]
        self.branches = [[name for name, _ in branch] for branch in branches if branch]
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


def mean_pool():
    return nn.AvgPool2d(3, 1, 1)


def half_pool():
    return nn.MaxPool2d(3, 2, ceil_mode=True)


class InceptionA(Inception):
    def __init__(self):
        super().__init__("inception_3a", 192, 64, (64, 64), (64, 96, 96), mean_pool(), 32)


class InceptionB(Inception):
    def __init__(self):
        super().__init__("inception_3b", 256, 64, (64, 96), (64, 96, 96), mean_pool(), 64)


class InceptionC(nn.Module):
    """The branch of 3c that the 3D net reads; in ECO-Full also the branch of one 3x3 convolution."""

    def __init__(self, full):
        super().__init__()
        self.three, self.double = [], []

        def add(branch, name, *shape):
            for name, layer in conv2d_bn_relu(f"inception_3c_{name}", f"inception_3c_relu_{name}", *shape):
                self.add_module(name, layer)
                branch.append(name)

        if full:
            add(self.three, "3x3_reduce", 320, 128, 1)
            add(self.three, "3x3", 128, 160, 3, 2, 1)
        add(self.double, "double_3x3_reduce", 320, 64, 1)
        add(self.double, "double_3x3_1", 64, 96, 3, 1, 1)

    def through(self, names, x):
        for name in names:
            x = getattr(self, name)(x)
        return x

    def forward(self, x):
        if not self.three:
            return self.through(self.double, x)
        three = self.through(self.three, x)
        return self.through(self.double, x), three


class ECO_2D(nn.Module):
    def __init__(self, full=False):
        super().__init__()
        self.full = full
        self.basic_conv = BasicConv()
        self.inception_a = InceptionA()
        self.inception_b = InceptionB()
        self.inception_c = InceptionC(full)

    def forward(self, x):
        """x: [frames, 3, 224, 224]; maps [frames, 96, 28, 28], and in ECO-Full 3c's 3x3 branch and 3b's output."""
        wide = self.inception_b(self.inception_a(self.basic_conv(x)))
        if not self.full:
            return self.inception_c(wide)
        return *self.inception_c(wide), wide


class InceptionC_S(nn.Module):
    """The end of 3c."""

    def __init__(self):
        super().__init__()
        name = "double_3x3_2"
        for name, layer in conv2d_bn_relu(f"inception_3c_{name}", f"inception_3c_relu_{name}", 96, 96, 3, 2, 1):
            self.add_module(name, layer)
        self.inception_3c_pool = half_pool()

    def forward(self, maps, three, wide):
        *double, pool = self.children()
        out = maps
        for layer in double:
            out = layer(out)
        return torch.cat([three, out, pool(wide)], 1)


class ECO_2D_S(nn.Module):
    """The rest of the 2D net in ECO-Full, "2D-Net S" in the paper."""

    def __init__(self):
        super().__init__()
        self.inception_3c = InceptionC_S()
        for name, cin, single, three, double, pool, projection in [
            ("4a", 576, 224, (64, 96), (96, 128, 128), mean_pool(), 128),
            ("4b", 576, 192, (96, 128), (96, 128, 128), mean_pool(), 128),
            ("4c", 576, 160, (128, 160), (128, 160, 160), mean_pool(), 128),
            ("4d", 608, 96, (128, 192), (160, 192, 192), mean_pool(), 128),
            ("4e", 608, None, (128, 192), (192, 256, 256), half_pool(), None),
            ("5a", 1056, 352, (192, 320), (160, 224, 224), mean_pool(), 128),
            ("5b", 1024, 352, (192, 320), (192, 224, 224), nn.MaxPool2d(3, 1, 1, ceil_mode=True), 128),
        ]:
            block = Inception(f"inception_{name}", cin, single, three, double, pool, projection)
            self.add_module(f"inception_{name}", block)
        self.global_pool2D_pre = nn.AvgPool2d(7, 1, 0)
        self.global_pool2D_pre_drop = nn.Dropout(0.5)

    def forward(self, maps, three, wide):
        """Per frame: [frames, 1024, 1, 1]."""
        first, *rest = self.children()
        out = first(maps, three, wide)
        for layer in rest:
            out = layer(out)
        return out


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


class ECO_Full(nn.Module):
    def __init__(self, classes=CLASSES, segments=SEGMENTS):
        super().__init__()
        self.eco_2d = ECO_2D(full=True)
        self.eco_3d = ECO_3D(segments)
        self.eco_2d_s = ECO_2D_S()
        self.global_pool2D_reshape_consensus = nn.AvgPool3d((segments, 1, 1), stride=1, padding=0)
        self.global_pool3D_drop = nn.Dropout(0.3)
        self.fc_final = nn.Linear(1024 + 512, classes)

    def features(self, x):
        """x: [batch, segments, 3, 224, 224]; features [batch, 1536], the 2D net's 1024 first."""
        clip = x.shape[:2]
        maps, three, wide = self.eco_2d(x.flatten(0, 1))
        frames = self.eco_2d_s(maps, three, wide).unflatten(0, clip).transpose(1, 2)
        mean = self.global_pool2D_reshape_consensus(frames).flatten(1)
        volume = self.global_pool3D_drop(self.eco_3d(maps.unflatten(0, clip)))
        return torch.cat([mean, volume], 1)

    def forward(self, x):
        return self.fc_final(self.features(x))


NETWORKS = {"lite": ECO_Lite, "full": ECO_Full}


def set_segments(net, segments):
    """Makes a network take clips of so many segments; no tensor depends on it."""
    net.eco_3d.global_pool.kernel_size = (segments // 4, 7, 7)
    if isinstance(net, ECO_Full):
        net.global_pool2D_reshape_consensus.kernel_size = (segments, 1, 1)


def clips(batch, segments, seed):
    """Random clips in the value range of preprocessed frames."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (batch, segments, 3, 224, 224), generator=generator)
    return pixels.float() - torch.tensor([104.0, 117.0, 128.0]).view(3, 1, 1)


@torch.no_grad()
def seeded(seed=0, classes=CLASSES, segments=4, arch="lite"):
    """A network with He-normal convolutions and batch-norm statistics calibrated on a random clip.

    With PyTorch's default initialisation the batch-norm biases would drown what the convolutions do, and with it every
    error in them.
    """
    torch.manual_seed(seed)
    net = NETWORKS[arch](classes, segments)
    norms = []
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            norms.append(module)
            module.momentum = None
    net.train()
    for dropout in (module for module in net.modules() if isinstance(module, nn.Dropout)):
        dropout.eval()
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
    classes, features = state["fc_final.weight"].shape
    net = (ECO_Lite if features == 512 else ECO_Full)(classes, segments)
    net.load_state_dict(state, strict=True)
    return net.eval()


@torch.no_grad()
def run(net, x):
    """Features, logits and the output of every module by its name, all cloned (ReLUs write in place).

    A module that returns several tensors has as many outputs, `output.eco_2d[0]` and so on.
    """
    outputs = OrderedDict(input=x)
    handles = []
    for name, module in net.named_modules():
        def hook(_, inputs, output, name=name):
            several = isinstance(output, tuple)
            for index, tensor in enumerate(output if several else [output]):
                key = f"output.{name}[{index}]" if several else f"output.{name}"
                outputs[key] = tensor.detach().clone().contiguous()
            if name == "fc_final":
                outputs["features"] = inputs[0].clone()
        if name:
            handles.append(module.register_forward_hook(hook))
    outputs["logits"] = net(x)
    for handle in handles:
        handle.remove()
    return outputs


def write_cases(folder, arch):
    """Every module's output for the first case, those of blocks for the others."""
    folder.mkdir(parents=True, exist_ok=True)
    net = seeded(arch=arch)
    save_file(net.state_dict(), folder / "weights.safetensors")
    blocks = {f"output.{name}" for name, module in net.named_modules() if len(list(module.children()))}
    for segments, batch in CASES[arch]:
        set_segments(net, segments)
        outputs = run(net, clips(batch, segments, 100 + segments + batch))
        if (segments, batch) != CASES[arch][0]:
            outputs = {k: v for k, v in outputs.items() if "." not in k or k.split("[")[0] in blocks}
        save_file(outputs, folder / f"case_{segments}_{batch}.safetensors")


def check_official(file):
    """Loads a file of ECO-Full strictly: as it is, and under the official names, whose module has all layers side by side."""
    load(file)
    state = OrderedDict()
    with safe_open(file, "pt") as tensors:
        for name in tensors.offset_keys():
            state[".".join(name.split(".")[-2:])] = tensors.get_tensor(name)
    official = nn.Module()
    for name, module in ECO_Full(state["fc_final.weight"].shape[0]).named_modules():
        if name and not len(list(module.children())):
            official.add_module(name.rsplit(".", 1)[-1], module)
    official.load_state_dict(state, strict=True)
    assert list(state) == list(official.state_dict()), "another order"
    parallel = nn.Module()
    parallel.module = nn.Module()
    parallel.module.base_model = official
    parallel.load_state_dict({f"module.base_model.{name}": value for name, value in state.items()}, strict=True)
    print(len(state))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, text):
        added = commands.add_parser(name, help=text)
        added.add_argument("--arch", choices=NETWORKS, default="lite")
        return added

    show = command("print", "print the module tree")
    show.add_argument("--classes", type=int, default=CLASSES)
    show.add_argument("--segments", type=int, default=SEGMENTS)
    command("state_dict", "print names and shapes")
    checkpoint = command("checkpoint", "write a seeded state_dict")
    checkpoint.add_argument("out", type=Path)
    checkpoint.add_argument("--seed", type=int, default=0)
    checkpoint.add_argument("--classes", type=int, default=CLASSES)
    forward = commands.add_parser("run", help="run clips through a network")
    forward.add_argument("weights", type=Path)
    forward.add_argument("clips", type=Path, help="safetensors with `input`: [batch, segments, 3, 224, 224]")
    forward.add_argument("out", type=Path)
    cases = command("cases", "write what the Rust tests compare with")
    cases.add_argument("folder", type=Path)
    official = commands.add_parser("official", help="load a file of ECO-Full into the official layers")
    official.add_argument("file", type=Path)
    args = parser.parse_args()

    if args.command == "print":
        print(NETWORKS[args.arch](args.classes, args.segments))
    elif args.command == "state_dict":
        for name, tensor in NETWORKS[args.arch]().state_dict().items():
            print(name, list(tensor.shape))
    elif args.command == "checkpoint":
        save_file(seeded(args.seed, args.classes, arch=args.arch).state_dict(), args.out)
    elif args.command == "run":
        x = load_file(args.clips)["input"]
        save_file(run(load(args.weights, x.shape[1]), x), args.out)
    elif args.command == "official":
        check_official(args.file)
    else:
        write_cases(args.folder, args.arch)


if __name__ == "__main__":
    main()
