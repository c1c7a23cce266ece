//! The inception blocks of BN-Inception, as rows of the paper's table.
//!
//! Sources: Ioffe and Szegedy, "Batch Normalization", 2015 (arXiv 1502.03167), figure 5, with the widths of the official
//! releases: mzolfaghari/ECO-pytorch @ b175e7c, `tf_model_zoo/ECOfull/ECOfull.yaml`.

use super::layer::{Layer, Window, window};
use super::module::{Block, Child, Function};
use Pool::{Average, Max};

/// A 3x3 window that keeps the size.
pub(super) const SAME: Window = window(3).padding(1);
/// A 3x3 window of a convolution that halves the size.
pub(super) const HALF: Window = window(3).stride(2).padding(1);
/// The max pool that halves the size, rounded up.
pub(super) const HALF_POOL: Layer = Layer::MaxPool2d(window(3).stride(2));

/// One inception block: output channels of its convolutions.
pub(super) struct Inception {
    /// Layers are called `inception_{name}_...`.
    name: &'static str,
    inputs: usize,
    /// A 1x1 reduction, then a 3x3 convolution.
    three: [usize; 2],
    /// A 1x1 reduction, then two 3x3 convolutions.
    double: [usize; 3],
    rest: Rest,
}

/// The other branches.
enum Rest {
    /// A 1x1 convolution on its own, and a 3x3 pool with a 1x1 convolution after it. The block keeps the size.
    Same {
        single: usize,
        pool: Pool,
        projection: usize,
    },
    /// A max pool alone. The block halves the size: the last convolutions of the other two branches have stride 2.
    Half,
}

/// A pool that keeps the size.
#[derive(Clone, Copy)]
enum Pool {
    Average,
    Max,
}

// A row is a row of the paper's table: name, inputs, the 1x1 convolution, 3x3, double 3x3, the pool and its projection.
#[rustfmt::skip]
pub(super) const A: Inception = same("3a", 192, 64, [64, 64], [64, 96, 96], (Average, 32));
#[rustfmt::skip]
pub(super) const B: Inception = same("3b", 256, 64, [64, 96], [64, 96, 96], (Average, 64));
/// The block whose `double_3x3_1` feeds the 3D net, and in ECO-Full the rest of the 2D net too: it is built in two parts.
pub(super) const C: Inception = half("3c", 320, [128, 160], [64, 96, 96]);
/// What follows in ECO-Full: from 28 to 14 rows and columns in 3c, to 7 in 4e.
#[rustfmt::skip]
pub(super) const LATER: [Inception; 7] = [
    same("4a",  576, 224, [ 64,  96], [ 96, 128, 128], (Average, 128)),
    same("4b",  576, 192, [ 96, 128], [ 96, 128, 128], (Average, 128)),
    same("4c",  576, 160, [128, 160], [128, 160, 160], (Average, 128)),
    same("4d",  608,  96, [128, 192], [160, 192, 192], (Average, 128)),
    half("4e",  608,      [128, 192], [192, 256, 256]),
    same("5a", 1056, 352, [192, 320], [160, 224, 224], (Average, 128)),
    same("5b", 1024, 352, [192, 320], [192, 224, 224], (Max, 128)),
];

const fn same(
    name: &'static str,
    inputs: usize,
    single: usize,
    three: [usize; 2],
    double: [usize; 3],
    (pool, projection): (Pool, usize),
) -> Inception {
    Inception {
        name,
        inputs,
        three,
        double,
        rest: Rest::Same {
            single,
            pool,
            projection,
        },
    }
}

const fn half(
    name: &'static str,
    inputs: usize,
    three: [usize; 2],
    double: [usize; 3],
) -> Inception {
    Inception {
        name,
        inputs,
        three,
        double,
        rest: Rest::Half,
    }
}

impl Inception {
    /// What the layers' names begin with.
    pub(super) fn prefix(&self) -> String {
        format!("inception_{}_", self.name)
    }

    /// The name of the block.
    pub(super) fn block_name(&self) -> String {
        format!("inception_{}", self.name)
    }

    /// The window of the last convolutions.
    const fn last(&self) -> Window {
        match self.rest {
            Rest::Same { .. } => SAME,
            Rest::Half => HALF,
        }
    }

    /// Defines the branch of one 3x3 convolution.
    pub(super) fn three(&self, block: &mut Block) -> Vec<Child> {
        let [reduced, outputs] = self.three;
        let mut unit = |name, channels, window| self.unit(block, name, channels, window);
        [
            unit("3x3_reduce", [self.inputs, reduced], window(1)),
            unit("3x3", [reduced, outputs], self.last()),
        ]
        .concat()
    }

    /// Defines the branch of two 3x3 convolutions up to the first of them.
    pub(super) fn double_begun(&self, block: &mut Block) -> Vec<Child> {
        let [reduced, middle, _] = self.double;
        let mut unit = |name, channels, window| self.unit(block, name, channels, window);
        [
            unit("double_3x3_reduce", [self.inputs, reduced], window(1)),
            unit("double_3x3_1", [reduced, middle], SAME),
        ]
        .concat()
    }

    /// Defines the last convolution of that branch.
    pub(super) fn double_ended(&self, block: &mut Block) -> Vec<Child> {
        let [_, middle, outputs] = self.double;
        let window = self.last();
        self.unit(block, "double_3x3_2", [middle, outputs], window)
            .to_vec()
    }

    /// Defines the branch of the pool.
    pub(super) fn pooled(&self, block: &mut Block) -> Vec<Child> {
        let (pool, projection) = match self.rest {
            Rest::Same {
                pool: Pool::Average,
                projection,
                ..
            } => (Layer::AvgPool2d(SAME), Some(projection)),
            Rest::Same {
                pool: Pool::Max,
                projection,
                ..
            } => (Layer::MaxPool2d(SAME), Some(projection)),
            Rest::Half => (HALF_POOL, None),
        };
        let mut branch = vec![block.child(format!("{}pool", self.prefix()), pool)];
        if let Some(projection) = projection {
            let channels = [self.inputs, projection];
            branch.extend(self.unit(block, "pool_proj", channels, window(1)));
        }
        branch
    }

    /// The whole block, its branches side by side and concatenated: `[frames, inputs, H, W]` to `[frames, outputs, H, W]`, or
    /// half of H and W.
    pub(super) fn block(&self, type_name: &'static str) -> Block {
        let mut block = Block::new(type_name);
        let mut branches = Vec::new();
        if let Rest::Same { single, .. } = self.rest {
            let channels = [self.inputs, single];
            branches.push(self.unit(&mut block, "1x1", channels, window(1)).to_vec());
        }
        branches.push(self.three(&mut block));
        let begun = self.double_begun(&mut block);
        branches.push([begun, self.double_ended(&mut block)].concat());
        branches.push(self.pooled(&mut block));
        let values: Vec<_> = branches
            .iter()
            .map(|branch| block.run(Block::INPUT, branch))
            .collect();
        block.compute(Function::Concatenate, &values);
        block
    }

    fn unit(
        &self,
        block: &mut Block,
        name: &str,
        channels: [usize; 2],
        window: Window,
    ) -> [Child; 3] {
        convolution(block, &self.prefix(), name, channels, window)
    }
}

/// Defines a convolution, its batch norm and its ReLU under BN-Inception's names: `{prefix}{name}`, `{prefix}{name}_bn` and
/// `{prefix}relu_{name}`.
pub(super) fn convolution(
    block: &mut Block,
    prefix: &str,
    name: &str,
    channels: [usize; 2],
    window: Window,
) -> [Child; 3] {
    let relu = format!("{prefix}relu_{name}");
    unit(block, &format!("{prefix}{name}"), relu, channels, window)
}

/// Defines a convolution called `name`, its batch norm, and its ReLU called `relu`.
pub(super) fn unit(
    block: &mut Block,
    name: &str,
    relu: impl Into<String>,
    [inputs, outputs]: [usize; 2],
    window: Window,
) -> [Child; 3] {
    let (axes, channels) = (2, outputs);
    let convolution = Layer::Convolution {
        axes,
        inputs,
        outputs,
        window,
    };
    [
        block.child(name, convolution),
        block.child(format!("{name}_bn"), Layer::BatchNorm { axes, channels }),
        block.child(relu, Layer::Relu),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Channels of the concatenated branches.
    fn outputs(block: &Inception) -> usize {
        let rest = match block.rest {
            Rest::Same {
                single, projection, ..
            } => single + projection,
            Rest::Half => block.inputs,
        };
        block.three[1] + block.double[2] + rest
    }

    #[test]
    fn every_block_takes_what_the_one_before_it_makes() {
        let blocks = [&A, &B, &C].into_iter().chain(&LATER);
        let mut made = 192;
        for block in blocks {
            assert_eq!(block.inputs, made, "{}", block.name);
            made = outputs(block);
        }
        assert_eq!(made, 1024);
    }
}
