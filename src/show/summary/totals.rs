use std::fmt;

use serde::Serialize;

use super::Row;
use crate::text::number::{megabytes, scaled, thousands};

/// Sums over the layers, counted and printed as torchinfo does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Learned numbers. All of them are trainable: nothing is frozen.
    pub parameters: usize,
    /// Numbers kept beside the parameters; torchinfo leaves them out.
    pub buffers: usize,
    /// Multiply-accumulates of one forward pass.
    pub macs: usize,
    /// Bytes of the input.
    pub input_bytes: usize,
    /// Bytes of the outputs of all layers with parameters, twice, for the forward and the backward pass.
    pub activation_bytes: usize,
    /// Bytes of the parameters.
    pub parameter_bytes: usize,
}

impl Totals {
    /// The totals of a whole table.
    pub(super) fn new(rows: &[Row], input_bytes: usize) -> Self {
        let layers = || rows.iter().filter(|row| row.is_layer);
        Self {
            parameters: layers().map(|row| row.parameters).sum(),
            buffers: layers().map(|row| row.buffers).sum(),
            macs: layers().map(|row| row.macs).sum(),
            input_bytes,
            activation_bytes: layers()
                .filter(|row| row.parameters > 0)
                .map(|row| 2 * row.output_bytes)
                .sum(),
            parameter_bytes: layers().map(|row| row.parameter_bytes).sum(),
        }
    }

    /// Input, activations and parameters together.
    pub fn bytes(&self) -> usize {
        self.input_bytes + self.activation_bytes + self.parameter_bytes
    }

    /// Names and values, in torchinfo's words and order; the buffers are added after its parameters.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let (unit, macs) = scaled(self.macs);
        let line = |name: &str, value: String| (name.to_owned(), value);
        vec![
            line("Total params", thousands(self.parameters)),
            line("Trainable params", thousands(self.parameters)),
            line("Non-trainable params", thousands(0)),
            line("Buffers", thousands(self.buffers)),
            line(&format!("Total mult-adds ({unit})"), macs),
            line("Input size (MB)", megabytes(self.input_bytes)),
            line(
                "Forward/backward pass size (MB)",
                megabytes(self.activation_bytes),
            ),
            line("Params size (MB)", megabytes(self.parameter_bytes)),
            line("Estimated Total Size (MB)", megabytes(self.bytes())),
        ]
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.lines() {
            writeln!(f, "{name}: {value}")?;
        }
        Ok(())
    }
}
