//! Frames as the stem reads them.

/// Rows and columns of a frame.
const SIDE: usize = 224;
const COLOURS: usize = 3;
/// Floats of a frame, `[3, 224, 224]`.
pub const FRAME: usize = COLOURS * SIDE * SIDE;
/// Zeros around it.
const PAD: usize = 3;
/// Rows and columns after padding and 2x2 space-to-depth.
pub const DEPTH_SIDE: usize = (SIDE + 2 * PAD) / 2;
/// Channels there, of which the last four stay zero.
pub const DEPTH_CHANNELS: usize = 16;
/// Floats there.
pub const DEPTH_FRAME: usize = DEPTH_SIDE * DEPTH_SIDE * DEPTH_CHANNELS;

/// Pads a frame and lays 2x2 squares into channels: pixel `[2i + p, 2j + q]` of colour `c` becomes channel
/// `(2p + q) * 3 + c` of pixel `[i, j]`. What is padding in `to` is left alone.
pub fn space_to_depth(frame: &[f32], to: &mut [f32]) {
    for (line, values) in frame.chunks_exact(SIDE).enumerate() {
        let (c, y) = (line / SIDE, line % SIDE + PAD);
        let row = &mut to[y / 2 * DEPTH_SIDE * DEPTH_CHANNELS..][..DEPTH_SIDE * DEPTH_CHANNELS];
        for (x, &value) in (PAD..).zip(values) {
            row[x / 2 * DEPTH_CHANNELS + (y % 2 * 2 + x % 2) * COLOURS + c] = value;
        }
    }
}
