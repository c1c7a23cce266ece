//! From nodes of a graph to fused steps.

use std::collections::HashMap;

use super::placing::{Draft, DraftStep, Slot, Value};
use super::step::{Operator, POINTWISE, Part, Plan, Then, Unplanned, unplanned};
use crate::network::{Function, Graph, Layer, Operation, Window};

/// Some nodes of a graph that compute values of one other.
pub(super) struct Region {
    /// The node whose value goes in.
    pub input: usize,
    /// The nodes, in the order in which they run.
    pub nodes: Vec<usize>,
    /// The nodes whose values come out.
    pub outputs: Vec<usize>,
}

impl Region {
    /// With those of these nodes as outputs that it computes and that are none yet.
    pub(super) fn keeping(mut self, kept: &[usize]) -> Self {
        for node in kept {
            if self.nodes.contains(node) && !self.outputs.contains(node) {
                self.outputs.push(*node);
            }
        }
        self
    }

    /// Plans it. `keeps_input`: the input's buffer is to hold nothing else.
    ///
    /// # Errors
    /// [`Unplanned`].
    pub(super) fn plan(&self, graph: &Graph, keeps_input: bool) -> Result<Plan, Unplanned> {
        let draft = Lowering::new(graph, self).draft()?;
        Ok(draft.placed(keeps_input))
    }
}

/// Makes steps of the nodes of a region.
struct Lowering<'g> {
    graph: &'g Graph,
    region: &'g Region,
    readers: Vec<Vec<usize>>,
    slots: Vec<Slot>,
    /// What each node's value lies in, as far as that is decided.
    values: HashMap<usize, Value>,
    /// Nodes that are computed by an earlier step.
    fused: Vec<usize>,
    steps: Vec<DraftStep>,
}

impl<'g> Lowering<'g> {
    fn new(graph: &'g Graph, region: &'g Region) -> Self {
        let mut lowering = Self {
            graph,
            readers: graph.readers(),
            slots: Vec::new(),
            values: HashMap::new(),
            fused: Vec::new(),
            steps: Vec::new(),
            region,
        };
        for &value in region.outputs.iter().chain([&region.input]) {
            lowering.value(value);
        }
        let is_cat = |node: usize| {
            matches!(
                graph.nodes[node].operation,
                Operation::Function(Function::Concatenate)
            )
        };
        for &cat in region.nodes.iter().filter(|&&node| is_cat(node)) {
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

    fn draft(mut self) -> Result<Draft, Unplanned> {
        for &index in &self.region.nodes {
            if self.fused.contains(&index) {
                continue;
            }
            let node = &self.graph.nodes[index];
            match &node.operation {
                Operation::Layer(Layer::Convolution { .. }) => self.convolution(index)?,
                Operation::Layer(Layer::AvgPool2d(window)) => self.average(index, *window)?,
                Operation::Layer(Layer::MaxPool2d(window)) => self.max(index, *window),
                Operation::Function(Function::Concatenate) => {}
                _ => return Err(unplanned(node)),
            }
        }
        Ok(Draft {
            input: self.value(self.region.input),
            outputs: self.outputs(),
            made: self.region.outputs.clone(),
            slots: self.slots,
            steps: self.steps,
        })
    }

    fn outputs(&mut self) -> Vec<Value> {
        let outputs = self.region.outputs.iter();
        outputs.map(|&output| self.value(output)).collect()
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

    /// The only one that needs a node's value, if it is such a layer.
    fn only_reader(&self, node: usize, is: impl Fn(&Layer) -> bool) -> Option<usize> {
        let &[reader] = &self.readers[node][..] else {
            return None;
        };
        let Region { nodes, outputs, .. } = self.region;
        let layer = self.graph.nodes[reader].layer();
        let is_inside = nodes.contains(&reader) && !outputs.contains(&node);
        (is_inside && layer.is_some_and(is)).then_some(reader)
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
        self.steps.push(DraftStep {
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
        for step in &mut self.steps {
            let Operator::Convolution {
                axes,
                window,
                parts,
                max_pool: None,
            } = &mut step.operator
            else {
                continue;
            };
            let slot = &mut self.slots[step.to.slot];
            // What fills its slot is no part of a concatenation.
            let is_alike = *axes == its_axes
                && *window == its_window
                && parts.iter().all(|other| other.then != Then::Pool)
                && (step.from.slot, step.from.first) == (input.slot, input.first)
                && step.raw.is_none()
                && step.residual.is_none()
                && step.to.channels == slot.width;
            if is_alike {
                let value = Value {
                    slot: step.to.slot,
                    first: slot.width,
                    channels: outputs,
                };
                slot.width += outputs;
                step.to.channels += outputs;
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
        let step = |operator, from, to| DraftStep {
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
        let part = part(then);
        let average = Operator::AveragePool { window, part };
        self.steps
            .extend([step(convolution, from, sums), step(average, sums, to)]);
        Ok(())
    }

    /// A max pool that no convolution before it takes along.
    fn max(&mut self, index: usize, window: Window) {
        let node = &self.graph.nodes[index];
        let (from, to) = (self.value(node.inputs[0]), self.value(index));
        self.steps.push(DraftStep {
            operator: Operator::MaxPool { window },
            from,
            to,
            raw: None,
            residual: None,
        });
    }
}
