//! The network as a CPU engine computes it: a list of fused steps from one place in memory to another.
//!
//! A plan is made of the traced [`Graph`], not of ECO: a convolution takes its batch norm, ReLU, residual and max pool
//! along; convolutions of one input that are alike lie side by side; branches write straight into the buffer of their
//! concatenation; an average pool stands behind the 1x1 convolution that follows it, for both are linear and fewer channels
//! are left to pool. Buffers are used again when nothing in them is read any more.

use std::collections::HashMap;
use std::ops::Range;

use crate::network::{Function, Graph, Layer, Node, Operation, Window, window};

/// The window of a 1x1 convolution.
pub const POINTWISE: Window = window(1);

/// Where a value lies: some channels of the pixels of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which buffer.
    pub buffer: usize,
    /// Channels of a pixel there.
    pub width: usize,
    /// The first of them that is meant.
    pub first: usize,
    /// How many are meant.
    pub channels: usize,
    /// Frames, rows and columns of an item.
    pub extents: [usize; 3],
}

/// What follows a convolution's sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Nothing yet: bias and batch norm come after the average pool of the next step.
    Pool,
    /// The bias.
    Bias,
    /// The bias, the batch norm of this name, and ReLU.
    NormRelu(String),
}

/// One convolution of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its full name.
    pub convolution: String,
    /// Output channels.
    pub outputs: usize,
    /// What follows.
    pub then: Then,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// Convolutions of one input, their outputs side by side.
    Convolution {
        /// 2 or 3: axes that the window slides along.
        axes: usize,
        /// Kernel, stride and padding.
        window: Window,
        /// The convolutions.
        parts: Vec<Part>,
        /// A max pool of the result, rounded up.
        max_pool: Option<Window>,
    },
    /// An average pool, then bias, batch norm and ReLU of the convolution before it.
    AveragePool {
        /// The window.
        window: Window,
        /// The convolution, whose sums are the input.
        part: Part,
    },
}

/// A fused operator, and what it reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is computed.
    pub operator: Operator,
    /// The input.
    pub from: Place,
    /// The output.
    pub to: Place,
    /// Receives the sum before batch norm, residual included.
    pub raw: Option<Place>,
    /// Added to the sum.
    pub residual: Option<Place>,
}

/// The steps of one part of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// How many buffers they use.
    pub buffers: usize,
    /// Where the input lies: all of buffer 0.
    pub input: Place,
    /// Where the output lies.
    pub output: Place,
}

/// Why there is no plan: the network has something that no CPU engine computes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no plan for {operator} in {path}")]
pub struct Unplanned {
    /// libtorch's name of the operator.
    pub operator: &'static str,
    /// Full name of its module.
    pub path: String,
}

/// The network cut where an engine cuts it.
pub struct Plans {
    /// The 2D net: a frame to its map.
    pub frames: Plan,
    /// The 3D net: the maps of a clip to what the global pool averages.
    pub volume: Plan,
    /// Full name of the linear layer at the end.
    pub head: String,
}

impl Plans {
    /// Plans the graph of one clip: a view that makes frames of it, 2D layers, a view that makes clips of maps, a
    /// transpose, 3D layers, a global pool, a view and a linear layer.
    ///
    /// # Errors
    /// [`Unplanned`].
    pub fn new(graph: &Graph) -> Result<Self, Unplanned> {
        let is_bound = |node: &Node| match &node.operation {
            Operation::Function(Function::View(_) | Function::Transpose(..)) => true,
            Operation::Layer(layer) => matches!(layer, Layer::AvgPool3d(_)),
            _ => false,
        };
        let nodes = graph.nodes.iter().enumerate();
        let bounds: Vec<usize> = nodes
            .filter(|(_, node)| is_bound(node))
            .map(|(i, _)| i)
            .collect();
        let last = graph.output();
        match (&bounds[..], graph.nodes[last].layer()) {
            (&[frames, clips, transposed, pool, _], Some(Layer::Linear { .. })) => Ok(Self {
                frames: Lowering::new(graph, frames + 1..clips).plan(true)?,
                volume: Lowering::new(graph, transposed + 1..pool).plan(false)?,
                head: graph.nodes[last].path.clone(),
            }),
            _ => Err(unplanned(&graph.nodes[last])),
        }
    }
}

fn unplanned(node: &Node) -> Unplanned {
    Unplanned {
        operator: node.op(),
        path: node.path.clone(),
    }
}

/// A value while a plan is made: buffers are not shared yet.
#[derive(Debug, Clone, Copy)]
struct Value {
    /// Which of [`Lowering::slots`].
    slot: usize,
    first: usize,
    channels: usize,
}

/// A buffer that holds one activation.
struct Slot {
    width: usize,
    extents: [usize; 3],
}

struct Draft {
    operator: Operator,
    from: Value,
    to: Value,
    raw: Option<Value>,
    residual: Option<Value>,
}

impl Draft {
    fn reads(&self, slot: usize) -> bool {
        self.from.slot == slot || self.residual.is_some_and(|value| value.slot == slot)
    }

    fn writes(&self, slot: usize) -> bool {
        self.to.slot == slot || self.raw.is_some_and(|value| value.slot == slot)
    }
}

/// Makes a plan of consecutive nodes of a graph; the node before them is the input, the last one the output.
struct Lowering<'g> {
    graph: &'g Graph,
    region: Range<usize>,
    readers: Vec<Vec<usize>>,
    slots: Vec<Slot>,
    /// What each node's value lies in, as far as that is decided.
    values: HashMap<usize, Value>,
    /// Nodes that are computed by an earlier step.
    fused: Vec<usize>,
    drafts: Vec<Draft>,
}

impl<'g> Lowering<'g> {
    fn new(graph: &'g Graph, region: Range<usize>) -> Self {
        let mut lowering = Self {
            graph,
            readers: graph.readers(),
            slots: Vec::new(),
            values: HashMap::new(),
            fused: Vec::new(),
            drafts: Vec::new(),
            region,
        };
        lowering.value(lowering.region.start - 1);
        let is_cat = |&node: &usize| {
            matches!(
                graph.nodes[node].operation,
                Operation::Function(Function::Concatenate)
            )
        };
        for cat in lowering.region.clone().filter(is_cat) {
            let Value {
                slot, mut first, ..
            } = lowering.value(cat);
            for &input in &graph.nodes[cat].inputs {
                let channels = graph.nodes[input].shape[1];
                lowering.values.insert(
                    input,
                    Value {
                        slot,
                        first,
                        channels,
                    },
                );
                first += channels;
            }
        }
        lowering
    }

    fn plan(mut self, keeps_input: bool) -> Result<Plan, Unplanned> {
        for index in self.region.clone() {
            if self.fused.contains(&index) {
                continue;
            }
            let node = &self.graph.nodes[index];
            match &node.operation {
                Operation::Layer(Layer::Convolution { .. }) => self.convolution(index)?,
                Operation::Layer(Layer::AvgPool2d(window)) => self.average(index, *window)?,
                Operation::Function(Function::Concatenate) => {}
                _ => return Err(unplanned(node)),
            }
        }
        Ok(self.placed(keeps_input))
    }

    /// Where the value of a node lies: where it was put, else in a slot of its own.
    fn value(&mut self, node: usize) -> Value {
        let shape = &self.graph.nodes[node].shape;
        let slots = &mut self.slots;
        *self.values.entry(node).or_insert_with(|| {
            // A frame of the 2D net is an item of one frame.
            let extents = match shape[2..] {
                [height, width] => [1, height, width],
                [frames, height, width] => [frames, height, width],
                _ => [1; 3],
            };
            let channels = shape[1];
            slots.push(Slot {
                width: channels,
                extents,
            });
            Value {
                slot: slots.len() - 1,
                first: 0,
                channels,
            }
        })
    }

    /// The only reader of a node's value, if it is such a layer.
    fn only_reader(&self, node: usize, is: impl Fn(&Layer) -> bool) -> Option<usize> {
        let &[reader] = &self.readers[node][..] else {
            return None;
        };
        let layer = self.graph.nodes[reader].layer();
        (self.region.contains(&reader) && layer.is_some_and(is)).then_some(reader)
    }

    /// What follows the sum that node `sum` is, and the node where that ends.
    fn follow(&mut self, sum: usize) -> Result<(Then, usize), Unplanned> {
        let is_norm = |&reader: &usize| {
            matches!(
                self.graph.nodes[reader].layer(),
                Some(Layer::BatchNorm { .. })
            )
        };
        let Some(norm) = self.readers[sum].iter().copied().find(is_norm) else {
            return Ok((Then::Bias, sum));
        };
        let node = &self.graph.nodes[norm];
        let is_relu = |layer: &Layer| *layer == Layer::Relu;
        let relu = self
            .only_reader(norm, is_relu)
            .ok_or_else(|| unplanned(node))?;
        self.fused.extend([norm, relu]);
        Ok((Then::NormRelu(node.path.clone()), relu))
    }

    fn convolution(&mut self, index: usize) -> Result<(), Unplanned> {
        let graph = self.graph;
        let node = &graph.nodes[index];
        let Some(&Layer::Convolution {
            axes,
            outputs,
            window,
            ..
        }) = node.layer()
        else {
            return Err(unplanned(node));
        };
        let mut sum = index;
        let mut residual = None;
        if let [reader] = self.readers[index][..]
            && let Operation::Function(Function::Add) = graph.nodes[reader].operation
        {
            // Of the two that are added, the one that is computed last adds the other.
            let other = graph.nodes[reader]
                .inputs
                .iter()
                .find(|&&input| input != index);
            residual = other.and_then(|other| self.values.get(other)).copied();
            if residual.is_some() {
                sum = reader;
                self.fused.push(reader);
            }
        }
        let (then, mut end) = self.follow(sum)?;
        let raw = (end != sum && self.readers[sum].len() > 1).then(|| self.value(sum));
        let mut max_pool = None;
        if let Some(pool) = self.only_reader(end, |layer| matches!(layer, Layer::MaxPool2d(_)))
            && let Some(&Layer::MaxPool2d(window)) = graph.nodes[pool].layer()
        {
            (max_pool, end) = (Some(window), pool);
            self.fused.push(pool);
        }
        let from = self.value(node.inputs[0]);
        let part = Part {
            convolution: node.path.clone(),
            outputs,
            then,
        };
        let is_plain = raw.is_none() && residual.is_none() && max_pool.is_none();
        if is_plain
            && !self.values.contains_key(&end)
            && self.joins(from, [axes, outputs], window, &part, end)
        {
            return Ok(());
        }
        let to = self.value(end);
        self.drafts.push(Draft {
            operator: Operator::Convolution {
                axes,
                window,
                parts: vec![part],
                max_pool,
            },
            from,
            to,
            raw,
            residual,
        });
        Ok(())
    }

    /// Puts a convolution beside an earlier one like it, of the same input, if there is one.
    fn joins(
        &mut self,
        input: Value,
        [its_axes, outputs]: [usize; 2],
        its_window: Window,
        part: &Part,
        end: usize,
    ) -> bool {
        for draft in &mut self.drafts {
            let Operator::Convolution {
                axes,
                window,
                parts,
                max_pool: None,
            } = &mut draft.operator
            else {
                continue;
            };
            let slot = &mut self.slots[draft.to.slot];
            // What fills its slot is no part of a concatenation.
            let is_alike = *axes == its_axes
                && *window == its_window
                && parts
                    .iter()
                    .all(|other| other.outputs == outputs && other.then != Then::Pool)
                && (draft.from.slot, draft.from.first) == (input.slot, input.first)
                && draft.raw.is_none()
                && draft.residual.is_none()
                && draft.to.channels == slot.width;
            if is_alike {
                let value = Value {
                    slot: draft.to.slot,
                    first: slot.width,
                    channels: outputs,
                };
                slot.width += outputs;
                draft.to.channels += outputs;
                parts.push(part.clone());
                self.values.insert(end, value);
                return true;
            }
        }
        false
    }

    /// An average pool before a 1x1 convolution: the convolution first.
    fn average(&mut self, index: usize, window: Window) -> Result<(), Unplanned> {
        let graph = self.graph;
        let node = &graph.nodes[index];
        let is_pointwise = |layer: &Layer| matches!(layer, Layer::Convolution { window, .. } if *window == POINTWISE);
        let keeps_extents = window.stride == 1 && window.kernel == 2 * window.padding + 1;
        let projection = self
            .only_reader(index, is_pointwise)
            .filter(|_| keeps_extents);
        let projection = projection.ok_or_else(|| unplanned(node))?;
        let Some(&Layer::Convolution { axes, outputs, .. }) = graph.nodes[projection].layer()
        else {
            return Err(unplanned(node));
        };
        let (then, end) = self.follow(projection)?;
        self.fused.push(projection);
        let part = |then| Part {
            convolution: graph.nodes[projection].path.clone(),
            outputs,
            then,
        };
        let (from, sums, to) = (
            self.value(node.inputs[0]),
            self.value(projection),
            self.value(end),
        );
        let draft = |operator, from, to| Draft {
            operator,
            from,
            to,
            raw: None,
            residual: None,
        };
        let convolution = Operator::Convolution {
            axes,
            window: POINTWISE,
            parts: vec![part(Then::Pool)],
            max_pool: None,
        };
        self.drafts.push(draft(convolution, from, sums));
        let part = part(then);
        self.drafts
            .push(draft(Operator::AveragePool { window, part }, sums, to));
        Ok(())
    }

    /// Gives slots their buffers: the first one in which nothing is read any more. The input's is not used again where it
    /// is to be kept, and holds nothing but the input.
    fn placed(mut self, keeps_input: bool) -> Plan {
        let (input, output) = (
            self.value(self.region.start - 1),
            self.value(self.region.end - 1),
        );
        let last_read = |slot: usize| {
            let last = self.drafts.iter().rposition(|draft| draft.reads(slot));
            match slot {
                _ if slot == output.slot => usize::MAX,
                _ if slot == input.slot && keeps_input => usize::MAX,
                _ => last.unwrap_or(0),
            }
        };
        let mut buffer_of = vec![0; self.slots.len()];
        // The step after which each buffer is free.
        let mut busy_until = vec![last_read(input.slot)];
        let mut is_placed = vec![false; self.slots.len()];
        is_placed[input.slot] = true;
        for at in 0..self.drafts.len() {
            for slot in 0..self.slots.len() {
                if is_placed[slot] || !self.drafts[at].writes(slot) {
                    continue;
                }
                let free = busy_until.iter().position(|&until| until < at);
                let buffer = free.unwrap_or(busy_until.len());
                busy_until.resize(busy_until.len().max(buffer + 1), 0);
                busy_until[buffer] = last_read(slot).max(at);
                (buffer_of[slot], is_placed[slot]) = (buffer, true);
            }
        }
        let place = |value: Value| Place {
            buffer: buffer_of[value.slot],
            width: self.slots[value.slot].width,
            first: value.first,
            channels: value.channels,
            extents: self.slots[value.slot].extents,
        };
        let steps = self.drafts.iter().map(|draft| Step {
            operator: draft.operator.clone(),
            from: place(draft.from),
            to: place(draft.to),
            raw: draft.raw.map(place),
            residual: draft.residual.map(place),
        });
        Plan {
            steps: steps.collect(),
            buffers: busy_until.len(),
            input: place(input),
            output: place(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::recipe::Architecture;

    fn plans() -> Plans {
        Plans::new(
            &Network::new(Architecture::Lite, 400, 16)
                .unwrap()
                .graph(1)
                .unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn every_layer_is_in_the_plan_once() {
        let Plans {
            frames,
            volume,
            head,
        } = plans();
        let mut found = vec![head];
        for step in frames.steps.iter().chain(&volume.steps) {
            let parts = match &step.operator {
                Operator::Convolution { parts, .. } => &parts[..],
                Operator::AveragePool { part, .. } => std::slice::from_ref(part),
            };
            for part in parts.iter().filter(|part| part.then != Then::Pool) {
                found.push(part.convolution.clone());
                if let Then::NormRelu(norm) = &part.then {
                    found.push(norm.clone());
                }
            }
        }
        found.sort();
        let mut expected: Vec<String> = Network::new(Architecture::Lite, 400, 16)
            .unwrap()
            .state_dict()
            .into_iter()
            .filter_map(|spec| spec.name.strip_suffix(".weight").map(str::to_owned))
            .collect();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_overwritten_before_it_is_read() {
        let Plans { frames, volume, .. } = plans();
        for plan in [frames, volume] {
            // Which channels of each buffer hold a value that is still to be read.
            let covers = |a: &Place, b: &Place| {
                a.buffer == b.buffer
                    && a.first < b.first + b.channels
                    && b.first < a.first + a.channels
            };
            for (at, step) in plan.steps.iter().enumerate() {
                let writes = [Some(step.to), step.raw];
                for written in writes.into_iter().flatten() {
                    for read in [Some(step.from), step.residual].into_iter().flatten() {
                        assert_ne!(read.buffer, written.buffer, "step {at}");
                    }
                    // Whoever reads these channels next finds them as wide as they were written.
                    let later = plan.steps[at + 1..].iter();
                    let mut reads = later
                        .flat_map(|step| [Some(step.from), step.residual])
                        .flatten();
                    if let Some(read) = reads.find(|read| covers(read, &written)) {
                        assert_eq!(
                            (read.width, read.extents),
                            (written.width, written.extents),
                            "step {at}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn reductions_of_one_input_lie_side_by_side_and_so_do_a_halving_and_its_shortcut() {
        let Plans { frames, volume, .. } = plans();
        let sides = |plan: &Plan| -> Vec<Vec<String>> {
            let parts = plan.steps.iter().filter_map(|step| match &step.operator {
                Operator::Convolution { parts, .. } if parts.len() > 1 => Some(parts),
                _ => None,
            });
            parts
                .map(|parts| parts.iter().map(|part| part.convolution.clone()).collect())
                .collect()
        };
        let reduce = |block: &str, name: &str| {
            format!("eco_2d.inception_{block}.inception_3{block}_{name}_reduce")
        };
        assert_eq!(
            sides(&frames),
            ["a", "b"].map(|block| vec![reduce(block, "3x3"), reduce(block, "double_3x3")])
        );
        let halve = |stage: &str, name: &str| format!("eco_3d.res_3d_{stage}.res{stage}a_{name}");
        assert_eq!(
            sides(&volume),
            ["4", "5"].map(|stage| vec![halve(stage, "down"), halve(stage, "1")])
        );
        assert!(frames.buffers <= 5 && volume.buffers <= 5);
    }
}
