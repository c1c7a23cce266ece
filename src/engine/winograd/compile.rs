//! From named tensors to the compiled network.

use super::amx::Amx;
use super::convolution::{Convolution, Kind};
use super::filters;
use super::gemm::Epilogue;
use super::head::{Classifier, FEATURES};
use super::image::DEPTH_CHANNELS;
use super::pointwise::Pointwise;
use super::simd::Isa;
use super::steps::{Layer, Place, Step};
use super::threads::Crew;
use super::{Error, MAP_CHANNELS};

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
    /// The unit for matrices, if there is one.
    pub amx: Option<Amx>,
    /// The threads that share the work.
    pub pool: &'s rayon::ThreadPool,
    /// The tensors.
    pub source: Source<'s, 'w>,
}

impl<'w> Compiler<'_, 'w> {
    /// The 2-D network: a frame after space-to-depth, in buffer 0, to a map of 96 channels.
    pub fn frame_steps(&self) -> Result<Vec<Step>, Error> {
        let name = |layer: &str| format!("eco_2d.basic_conv.{layer}");
        let image = Place::new(0, DEPTH_CHANNELS);
        let (first, reduced, mut from) = (Place::new(1, 64), Place::new(2, 64), Place::new(3, 192));
        let stem = self.stem(&name("conv1_7x7_s2"))?.with_max_pool();
        let second = self.plane(&name("conv2_3x3"), 64, 192)?.with_max_pool();
        let mut steps = vec![
            Step::new(Layer::Tiles(stem), image, first),
            self.pointwise(&[name("conv2_3x3_reduce")], first, reduced)?,
            Step::new(Layer::Tiles(second), reduced, from),
        ];
        for (block, single, projected) in [("a", 64, 32), ("b", 96, 64)] {
            let name = |layer: &str| format!("eco_2d.inception_{block}.inception_3{block}_{layer}");
            let to = Place::new(7 - from.buffer, 64 + single + 96 + projected);
            let (reduced, middle) = (Place::new(1, 128), Place::new(2, 96));
            let plane = |layer: &str, from: Place, to: Place| {
                let convolution = self.plane(&name(layer), from.channels, to.channels)?;
                Ok::<_, Error>(Step::new(Layer::Tiles(convolution), from, to))
            };
            steps.push(self.pointwise(&[name("1x1")], from, to.part(0, 64))?);
            let reduce = [name("3x3_reduce"), name("double_3x3_reduce")];
            steps.push(self.pointwise(&reduce, from, reduced)?);
            // The average pool stands before its 1x1 convolution in the network. Both are linear, so the convolution goes
            // first: fewer channels are left to pool.
            let (project, projection) = (name("pool_proj"), Place::new(2, projected));
            let weights = self.tensor(
                &format!("{project}.weight"),
                &[projected, from.channels, 1, 1],
            )?;
            let pixels = Pointwise::new(self.isa, from.channels, &[weights], None);
            steps.push(Step::new(Layer::Pixels(pixels), from, projection));
            let norm = self.epilogue(&project, &format!("{project}_bn"), projected)?;
            let pooled = to.part(160 + single, projected);
            steps.push(Step::new(Layer::Average(norm), projection, pooled));
            steps.push(plane("3x3", reduced.part(0, 64), to.part(64, single))?);
            steps.push(plane("double_3x3_1", reduced.part(64, 64), middle)?);
            steps.push(plane("double_3x3_2", middle, to.part(64 + single, 96))?);
            from = to;
        }
        let name = |layer: &str| format!("eco_2d.inception_c.inception_3c_double_3x3_{layer}");
        let last = Layer::Tiles(self.plane(&name("1"), 64, MAP_CHANNELS)?);
        let reduced = Place::new(1, 64);
        steps.push(self.pointwise(&[name("reduce")], from, reduced)?);
        steps.push(Step::new(last, reduced, Place::new(2, MAP_CHANNELS)));
        Ok(steps)
    }

    /// The 3-D network: the maps of a clip, in buffer 0, to 512 channels.
    pub fn volume_steps(&self) -> Result<Vec<Step>, Error> {
        let mut steps = vec![];
        let mut from = Place::new(0, MAP_CHANNELS);
        for (stage, kind, outputs) in [
            (3, Kind::Volume4, 128),
            (4, Kind::Volume4, 256),
            (5, Kind::Volume2, FEATURES),
        ] {
            let name = |layer: &str| format!("eco_3d.res_3d_{stage}.res{stage}{layer}");
            let next = Place::new(1 - from.buffer, outputs);
            let [raw, work] = [2, 3].map(|buffer| Place::new(buffer, outputs));
            let mut residual = None;
            if stage > 3 {
                // What halves every extent, and its shortcut without batch norm and ReLU, side by side.
                let (branch, shortcut) = (name("a_1"), name("a_down"));
                let mut epilogue = self.epilogue(&branch, &name("a_1_bn"), outputs)?;
                epilogue.append(self.bias(&shortcut, outputs)?);
                let both = Place::new(3, 2 * outputs);
                let names = [&*branch, &shortcut];
                let halve = self.tiles(Kind::Stride2, &names, from.channels, epilogue)?;
                steps.push(Step::new(Layer::Tiles(halve), from, both));
                residual = Some(both.part(outputs, outputs));
                from = both.part(0, outputs);
            }
            let step = |layer, norm, from: Place, to| {
                let epilogue = self.epilogue(&name(layer), &name(norm), outputs)?;
                let convolution = self.tiles(kind, &[&name(layer)], from.channels, epilogue)?;
                Ok::<_, Error>(Step::new(Layer::Tiles(convolution), from, to))
            };
            steps.push(Step {
                raw: Some(raw),
                residual,
                ..step("a_2", "a_bn", from, next)?
            });
            steps.push(step("b_1", "b_1_bn", next, work)?);
            steps.push(Step {
                residual: Some(raw),
                ..step("b_2", "b_bn", work, next)?
            });
            from = next;
        }
        Ok(steps)
    }

    /// The linear layer, of any number of classes.
    pub fn classifier(&self) -> Result<Classifier, Error> {
        let name = "fc_final.bias";
        let bias = (self.source.tensor)(name).ok_or_else(|| Error::Missing(name.into()))?;
        let classes = bias.data.len();
        Ok(Classifier {
            weight: self
                .tensor("fc_final.weight", &[classes, FEATURES])?
                .to_vec(),
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
        Ok(self.convolution(Kind::Stem, 12, &[&regrouped], epilogue))
    }

    /// A 3x3 convolution of the 2-D network, its batch norm and ReLU.
    fn plane(&self, name: &str, inputs: usize, outputs: usize) -> Result<Convolution, Error> {
        let epilogue = self.epilogue(name, &format!("{name}_bn"), outputs)?;
        self.tiles(Kind::Plane, &[name], inputs, epilogue)
    }

    /// Convolutions of one input with as many outputs each, side by side.
    fn tiles(
        &self,
        kind: Kind,
        names: &[&str],
        inputs: usize,
        epilogue: Epilogue,
    ) -> Result<Convolution, Error> {
        let [space, time] = kind.axes();
        let taps = [time.taps, space.taps, space.taps];
        let taps = if time.taps == 1 { &taps[1..] } else { &taps };
        let shape = [&[epilogue.channels() / names.len(), inputs], taps].concat();
        let weights = names
            .iter()
            .map(|name| self.tensor(&format!("{name}.weight"), &shape));
        let weights: Vec<_> = weights.collect::<Result<_, _>>()?;
        Ok(self.convolution(kind, inputs, &weights, epilogue))
    }

    fn convolution(
        &self,
        kind: Kind,
        inputs: usize,
        weights: &[&[f32]],
        epilogue: Epilogue,
    ) -> Convolution {
        let isa = self.isa;
        let transform = || filters::transform(isa, Crew::All, kind, inputs, weights);
        let filters = self.pool.install(transform);
        (self.source.used)();
        Convolution {
            kind,
            inputs,
            filters,
            epilogue,
            amx: self.amx.filter(|_| kind.suits_amx(inputs)),
            max_pool: false,
        }
    }

    /// 1x1 convolutions of one input with as many outputs each, side by side, each with its batch norm and ReLU.
    fn pointwise(&self, names: &[String], from: Place, to: Place) -> Result<Step, Error> {
        let outputs = to.channels / names.len();
        let (mut weights, mut epilogue) = (vec![], Epilogue::default());
        for name in names {
            weights.push(self.tensor(&format!("{name}.weight"), &[outputs, from.channels, 1, 1])?);
            epilogue.append(self.epilogue(name, &format!("{name}_bn"), outputs)?);
        }
        let pixels = Pointwise::new(self.isa, from.channels, &weights, Some(epilogue));
        Ok(Step::new(Layer::Pixels(pixels), from, to))
    }

    /// The bias of a convolution, and nothing else.
    fn bias(&self, name: &str, outputs: usize) -> Result<Epilogue, Error> {
        Ok(Epilogue::bias(
            self.tensor(&format!("{name}.bias"), &[outputs])?,
        ))
    }

    /// The bias of a convolution, then batch norm `norm` as `x * scale + shift`, and ReLU.
    fn epilogue(&self, convolution: &str, norm: &str, outputs: usize) -> Result<Epilogue, Error> {
        let get = |part: &str| self.tensor(&format!("{norm}.{part}"), &[outputs]);
        let (weight, bias) = (get("weight")?, get("bias")?);
        let (mean, variance) = (get("running_mean")?, get("running_var")?);
        let mut epilogue = self.bias(convolution, outputs)?;
        for i in 0..outputs {
            let scale = f64::from(weight[i]) / (f64::from(variance[i]) + EPSILON).sqrt();
            epilogue.scale[i] = scale as f32;
            // The mean of a sum without the convolution's bias.
            let mean = f64::from(mean[i]) - f64::from(epilogue.bias[i]);
            epilogue.shift[i] = (f64::from(bias[i]) - mean * scale) as f32;
            epilogue.floor[i] = 0.0;
        }
        Ok(epilogue)
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
