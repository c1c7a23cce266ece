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
        let name = |layer: &str| format!("eco_3d.res_3d_3.{layer}");
        Ok(VolumeNet {
            res3: [
                self.before(Kind::Volume4, &name("res3a_2"), &name("res3a_bn"), 96, 128)?,
                self.folded(Kind::Volume4, &name("res3b_1"), 128, 128)?,
                self.before(Kind::Volume4, &name("res3b_2"), &name("res3b_bn"), 128, 128)?,
            ],
            stages: [
                self.stage(4, Kind::Volume4, 128)?,
                self.stage(5, Kind::Volume2, 256)?,
            ],
        })
    }

    fn stage(&self, number: usize, kind: Kind, inputs: usize) -> Result<Stage, Error> {
        let name = |layer: &str| format!("eco_3d.res_3d_{number}.res{number}{layer}");
        let n = 2 * inputs;
        Ok(Stage {
            halve: self.halve(&name("a_1"), &name("a_down"), inputs, n)?,
            rest: [
                self.before(kind, &name("a_2"), &name("a_bn"), n, n)?,
                self.folded(kind, &name("b_1"), n, n)?,
                self.before(kind, &name("b_2"), &name("b_bn"), n, n)?,
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
        let epilogue = self.norm(name, &format!("{name}_bn"), OUTPUTS)?;
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
        let weights = self.weights(kind, name, inputs, outputs)?;
        let epilogue = self.norm(name, &format!("{name}_bn"), outputs)?;
        Ok(self.convolution(kind, inputs, outputs, &[weights], epilogue))
    }

    /// A convolution whose output is kept or summed before batch norm `norm` and ReLU.
    fn before(
        &self,
        kind: Kind,
        name: &str,
        norm: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Convolution, Error> {
        let weights = self.weights(kind, name, inputs, outputs)?;
        let (scale, shift) = self.affine(norm, outputs)?;
        let bias = self.tensor(&format!("{name}.bias"), &[outputs])?.to_vec();
        let shift = shift.into_iter().map(|t| t as f32).collect();
        let scale = scale.into_iter().map(|s| s as f32).collect();
        Ok(self.convolution(
            kind,
            inputs,
            outputs,
            &[weights],
            Epilogue {
                bias,
                scale,
                shift,
                ..Epilogue::relu(outputs)
            },
        ))
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
        let mut epilogue = self.norm(branch, &format!("{branch}_bn"), outputs)?;
        epilogue.bias.resize(2 * outputs, 0.0);
        epilogue.scale.resize(2 * outputs, 1.0);
        epilogue
            .shift
            .extend(self.tensor(&format!("{shortcut}.bias"), &[outputs])?);
        epilogue.floor.resize(2 * outputs, f32::NEG_INFINITY);
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
            epilogue.append(self.norm(&name, &format!("{name}_bn"), outputs)?);
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

    /// Batch norm and ReLU after a convolution whose raw output nobody needs: its bias joins the shift.
    fn norm(&self, convolution: &str, norm: &str, outputs: usize) -> Result<Epilogue, Error> {
        let (scale, shift) = self.affine(norm, outputs)?;
        let bias = self.tensor(&format!("{convolution}.bias"), &[outputs])?;
        let shift = bias
            .iter()
            .zip(&scale)
            .zip(shift)
            .map(|((&b, s), t)| (f64::from(b) * s + t) as f32)
            .collect();
        let scale = scale.into_iter().map(|s| s as f32).collect();
        Ok(Epilogue {
            scale,
            shift,
            ..Epilogue::relu(outputs)
        })
    }

    /// Batch norm as `x * scale + shift`.
    fn affine(&self, name: &str, outputs: usize) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let get = |part: &str| self.tensor(&format!("{name}.{part}"), &[outputs]);
        let [weight, bias, mean, variance] = [
            get("weight")?,
            get("bias")?,
            get("running_mean")?,
            get("running_var")?,
        ];
        let scale = weight
            .iter()
            .zip(variance)
            .map(|(&w, &v)| f64::from(w) / (f64::from(v) + EPSILON).sqrt());
        let scale: Vec<f64> = scale.collect();
        let shift = bias
            .iter()
            .zip(mean)
            .zip(&scale)
            .map(|((&b, &m), s)| f64::from(b) - f64::from(m) * s);
        Ok((scale.clone(), shift.collect()))
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
