//! From named tensors to the compiled network.

use super::convolution::{Convolution, Kind};
use super::filters;
use super::frames::{FrameNet, Inception};
use super::gemm::Epilogue;
use super::pointwise::Pointwise;
use super::simd::Isa;
use super::threads::Crew;
use super::volume::{FEATURES, Stage, VolumeNet};
use super::{Classifier, Error};

/// A tensor of the network, row-major float32.
#[derive(Clone)]
pub struct Weight<'w> {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values.
    pub data: &'w [f32],
}

/// Where tensors come from.
#[derive(Clone, Copy)]
pub struct Source<'s, 'w> {
    /// Finds a tensor by its state_dict name, `eco_2d.basic_conv.conv1_7x7_s2.weight` for example.
    pub tensor: &'s dyn Fn(&str) -> Option<Weight<'w>>,
    /// Called after each large layer: the memory of what was read may go, if it can be read again.
    pub used: &'s dyn Fn(),
}

/// Batch norm's epsilon.
const EPSILON: f64 = 1e-5;

/// Compiles layers.
pub struct Compiler<'s, 'w> {
    /// The instruction set to pack filters for.
    pub isa: Isa,
    /// Who shares the work, in `pool`.
    pub crew: Crew,
    /// The threads.
    pub pool: &'s rayon::ThreadPool,
    /// The tensors.
    pub source: Source<'s, 'w>,
}

impl<'w> Compiler<'_, 'w> {
    /// The whole network.
    pub fn network(&self) -> Result<(FrameNet, VolumeNet, Classifier), Error> {
        Ok((self.frame_net()?, self.volume_net()?, self.classifier()?))
    }

    fn frame_net(&self) -> Result<FrameNet, Error> {
        let stem = "eco_2d.basic_conv.";
        let last = "eco_2d.inception_c.inception_3c_double_3x3_";
        Ok(FrameNet {
            stem: self.stem(&format!("{stem}conv1_7x7_s2"))?,
            reduce: self.pointwise(stem, &["conv2_3x3_reduce"], 64, &[64])?,
            conv2: self.folded(Kind::Plane, &format!("{stem}conv2_3x3"), 64, 192)?,
            inceptions: [
                self.inception("eco_2d.inception_a.inception_3a_", 192, [64, 96, 96, 32])?,
                self.inception("eco_2d.inception_b.inception_3b_", 256, [96, 96, 96, 64])?,
            ],
            last_reduce: self.pointwise(last, &["reduce"], 320, &[64])?,
            last: self.folded(Kind::Plane, &format!("{last}1"), 64, 96)?,
        })
    }

    /// An inception block whose 3x3, double_3x3_1, double_3x3_2 and pool_proj have these outputs.
    fn inception(
        &self,
        name: &str,
        inputs: usize,
        outputs: [usize; 4],
    ) -> Result<Inception, Error> {
        let [single, first, second, projected] = outputs;
        let layers = ["1x1", "3x3_reduce", "double_3x3_reduce", "pool_proj"];
        let plane = |layer, inputs, outputs| {
            self.folded(Kind::Plane, &format!("{name}{layer}"), inputs, outputs)
        };
        Ok(Inception {
            pointwise: self.pointwise(name, &layers, inputs, &[64, 64, 64, projected])?,
            single: plane("3x3", 64, single)?,
            double: [
                plane("double_3x3_1", 64, first)?,
                plane("double_3x3_2", first, second)?,
            ],
        })
    }

    fn volume_net(&self) -> Result<VolumeNet, Error> {
        Ok(VolumeNet {
            stages: [
                self.stage(3, Kind::Volume4, 96, 128)?,
                self.stage(4, Kind::Volume4, 128, 256)?,
                self.stage(5, Kind::Volume2, 256, 512)?,
            ],
        })
    }

    fn stage(
        &self,
        number: usize,
        kind: Kind,
        inputs: usize,
        outputs: usize,
    ) -> Result<Stage, Error> {
        let name = |layer: &str| format!("eco_3d.res_3d_{number}.res{number}{layer}");
        let halves = number > 3;
        let first_inputs = if halves { outputs } else { inputs };
        let full_size =
            |layer, norm, inputs| self.normalised(kind, &name(layer), &name(norm), inputs, outputs);
        Ok(Stage {
            halve: halves
                .then(|| self.halve(&name("a_1"), &name("a_down"), inputs, outputs))
                .transpose()?,
            rest: [
                full_size("a_2", "a_bn", first_inputs)?,
                full_size("b_1", "b_1_bn", outputs)?,
                full_size("b_2", "b_bn", outputs)?,
            ],
        })
    }

    fn classifier(&self) -> Result<Classifier, Error> {
        let name = "fc_final.bias";
        let classes = (self.source.tensor)(name)
            .ok_or_else(|| Error::Missing(name.into()))?
            .shape
            .first()
            .map_or(1, |n| *n);
        let weight = self
            .tensor("fc_final.weight", &[classes, FEATURES])?
            .to_vec();
        Ok(Classifier {
            weight,
            bias: self.tensor(name, &[classes])?.to_vec(),
        })
    }

    /// The 7x7 stride-2 stem as a 4x4 convolution of the space-to-depth image, its eighth row and column zero.
    fn stem(&self, name: &str) -> Result<Convolution, Error> {
        const OUTPUTS: usize = 64;
        let weights = self.tensor(&format!("{name}.weight"), &[OUTPUTS, 3, 7, 7])?;
        let mut regrouped = vec![0.0; OUTPUTS * 12 * 16];
        for (row, line) in weights.chunks_exact(7).enumerate() {
            let (output, colour, y) = (row / 21, row / 7 % 3, row % 7);
            for (x, &weight) in line.iter().enumerate() {
                let channel = (y % 2 * 2 + x % 2) * 3 + colour;
                regrouped[((output * 12 + channel) * 4 + y / 2) * 4 + x / 2] = weight;
            }
        }
        let epilogue = self.epilogue(name, &format!("{name}_bn"), OUTPUTS)?;
        Ok(self.convolution(Kind::Stem, 12, OUTPUTS, &[&regrouped], epilogue))
    }

    /// A convolution followed by its own batch norm, `{name}_bn`, and ReLU.
    fn folded(
        &self,
        kind: Kind,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Convolution, Error> {
        self.normalised(kind, name, &format!("{name}_bn"), inputs, outputs)
    }

    /// A convolution followed by batch norm `norm` and ReLU.
    fn normalised(
        &self,
        kind: Kind,
        name: &str,
        norm: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Convolution, Error> {
        let weights = self.weights(kind, name, inputs, outputs)?;
        let epilogue = self.epilogue(name, norm, outputs)?;
        Ok(self.convolution(kind, inputs, outputs, &[weights], epilogue))
    }

    /// A stride-2 convolution with batch norm and ReLU, and one without either, side by side.
    fn halve(
        &self,
        branch: &str,
        shortcut: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Convolution, Error> {
        let kind = Kind::Stride2;
        let weights = [
            self.weights(kind, branch, inputs, outputs)?,
            self.weights(kind, shortcut, inputs, outputs)?,
        ];
        let mut epilogue = self.epilogue(branch, &format!("{branch}_bn"), outputs)?;
        let bias = self.tensor(&format!("{shortcut}.bias"), &[outputs])?;
        epilogue.append(Epilogue::bias(bias));
        Ok(self.convolution(kind, inputs, 2 * outputs, &weights, epilogue))
    }

    /// 1x1 convolutions of one input, each followed by its batch norm and ReLU.
    fn pointwise(
        &self,
        name: &str,
        layers: &[&str],
        inputs: usize,
        outputs: &[usize],
    ) -> Result<Pointwise, Error> {
        let mut weights = vec![];
        let mut epilogue = Epilogue::default();
        for (layer, &outputs) in layers.iter().zip(outputs) {
            let name = format!("{name}{layer}");
            weights.push(self.tensor(&format!("{name}.weight"), &[outputs, inputs, 1, 1])?);
            epilogue.append(self.epilogue(&name, &format!("{name}_bn"), outputs)?);
        }
        Ok(Pointwise::new(self.isa, inputs, &weights, epilogue))
    }

    fn convolution(
        &self,
        kind: Kind,
        inputs: usize,
        outputs: usize,
        weights: &[&[f32]],
        epilogue: Epilogue,
    ) -> Convolution {
        let (isa, crew) = (self.isa, self.crew);
        let filters = self
            .pool
            .install(|| filters::transform(isa, crew, kind, inputs, weights));
        (self.source.used)();
        Convolution {
            kind,
            inputs,
            outputs,
            filters,
            epilogue,
        }
    }

    fn weights(
        &self,
        kind: Kind,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<&'w [f32], Error> {
        let (space, time) = kind.axes();
        let shape = [outputs, inputs, time.taps, space.taps, space.taps];
        let volume = if time.taps == 1 {
            [&shape[..2], &shape[3..]].concat()
        } else {
            shape.to_vec()
        };
        self.tensor(&format!("{name}.weight"), &volume)
    }

    /// The bias of a convolution, then batch norm `norm` as `x * scale + shift`, and ReLU.
    fn epilogue(&self, convolution: &str, norm: &str, outputs: usize) -> Result<Epilogue, Error> {
        let get = |layer: &str, part: &str| self.tensor(&format!("{layer}.{part}"), &[outputs]);
        let (weight, bias) = (get(norm, "weight")?, get(norm, "bias")?);
        let (mean, variance) = (get(norm, "running_mean")?, get(norm, "running_var")?);
        let scale: Vec<f64> = weight
            .iter()
            .zip(variance)
            .map(|(&w, &v)| f64::from(w) / (f64::from(v) + EPSILON).sqrt())
            .collect();
        let shift = bias.iter().zip(mean).zip(&scale);
        Ok(Epilogue {
            bias: get(convolution, "bias")?.to_vec(),
            shift: shift
                .map(|((&b, &m), s)| (f64::from(b) - f64::from(m) * s) as f32)
                .collect(),
            scale: scale.iter().map(|&s| s as f32).collect(),
            floor: vec![0.0; outputs],
        })
    }

    fn tensor(&self, name: &str, expected: &[usize]) -> Result<&'w [f32], Error> {
        let Weight { shape, data } =
            (self.source.tensor)(name).ok_or_else(|| Error::Missing(name.into()))?;
        if shape != expected || data.len() != expected.iter().product::<usize>() {
            return Err(Error::Shape {
                name: name.into(),
                found: shape,
                expected: expected.into(),
            });
        }
        Ok(data)
    }
}
