//! The rest of the 2D net in ECO-Full, "2D-Net S" in the paper: BN-Inception from the end of 3c to its global pool, on every
//! frame by itself.

use super::inception::{C, LATER};
use super::layer::{Layer, window};
use super::module::{Block, Function};

/// Values per frame that it makes.
pub(super) const FEATURES: usize = 1024;
/// Rows and columns of the last inception block.
const LAST_MAP: usize = 7;

/// The end of the third inception block: maps, `[frames, 96, 28, 28]`, the 3x3 branch, `[frames, 160, 14, 14]`, and the
/// output of 3b, `[frames, 320, 28, 28]`, to `[frames, 576, 14, 14]`.
fn inception_c() -> Block {
    let mut block = Block::with_inputs("InceptionC_S", 3);
    let double = C.double_ended(&mut block);
    let pool = C.pooled(&mut block);
    let inputs = block.inputs();
    let (maps, three, wide) = (inputs[0], inputs[1], inputs[2]);
    let double = block.run(maps, &double);
    let pooled = block.run(wide, &pool);
    block.compute(Function::Concatenate, &[three, double, pooled]);
    block
}

/// The rest of the 2D net: what `eco_2d` makes, as [`inception_c`] takes it, to features of each frame,
/// `[frames, 1024, 1, 1]`.
pub(super) fn eco_2d_s() -> Block {
    let mut block = Block::with_inputs("ECO_2D_S", 3);
    let inception_c = block.child(C.block_name(), inception_c());
    let mut way: Vec<_> = LATER
        .iter()
        .map(|row| block.child(row.block_name(), row.block("Inception")))
        .collect();
    way.push(block.child("global_pool2D_pre", Layer::AvgPool2d(window(LAST_MAP))));
    way.push(block.child("global_pool2D_pre_drop", Layer::Dropout { percent: 50 }));
    let inputs = block.inputs();
    let joined = block.call(inception_c, &inputs)[0];
    block.run(joined, &way);
    block
}
