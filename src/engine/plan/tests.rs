use super::*;
use crate::network::Network;
use crate::recipe::Architecture;

fn network(architecture: Architecture) -> Network {
    Network::new(architecture, 400, 16).unwrap()
}

fn plans(architecture: Architecture) -> Plans {
    Plans::new(&network(architecture).graph(1).unwrap()).unwrap()
}

/// The plans of all parts.
fn parts(plans: &Plans) -> Vec<&Plan> {
    [
        Some(&plans.frames),
        plans.tail.as_ref(),
        Some(&plans.volume),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_layer_is_in_the_plan_once() {
    for architecture in Architecture::ALL {
        let plans = plans(architecture);
        let mut found = vec![plans.head.clone()];
        for step in parts(&plans).into_iter().flat_map(|plan| &plan.steps) {
            let parts = match &step.operator {
                Operator::Convolution { parts, .. } => &parts[..],
                Operator::AveragePool { part, .. } => std::slice::from_ref(part),
                Operator::MaxPool { .. } => &[],
            };
            for part in parts.iter().filter(|part| part.then != Then::Pool) {
                found.push(part.convolution.clone());
                if let Then::NormRelu(norm) = &part.then {
                    found.push(norm.clone());
                }
            }
        }
        found.sort();
        let mut expected: Vec<String> = network(architecture)
            .state_dict()
            .into_iter()
            .filter_map(|spec| spec.name.strip_suffix(".weight").map(str::to_owned))
            .collect();
        expected.sort();
        assert_eq!(found, expected, "{architecture}");
    }
}

#[test]
fn nothing_is_overwritten_before_it_is_read() {
    let plans = Architecture::ALL.map(plans);
    for plan in plans.iter().flat_map(parts) {
        // Which channels of each buffer hold a value that is still to be read.
        let covers = |a: &Place, b: &Place| {
            a.buffer == b.buffer && a.first < b.first + b.channels && b.first < a.first + a.channels
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
fn values_that_are_kept_are_outputs_of_the_same_steps() {
    for architecture in Architecture::ALL {
        let network = network(architecture);
        let graph = network.graph(1).unwrap();
        let blocks = graph.blocks();
        let outputs = blocks.iter().flat_map(|block| &block.outputs);
        let kept: Vec<usize> = outputs.copied().collect();
        let plain = plans(architecture);
        let keeping = Plans::keeping(&graph, &kept).unwrap();
        let operators = |plan: &Plan| -> Vec<_> {
            plan.steps
                .iter()
                .map(|step| step.operator.clone())
                .collect()
        };
        let mut made = Vec::new();
        for (plan, plain) in parts(&keeping).into_iter().zip(parts(&plain)) {
            assert_eq!(operators(plan), operators(plain));
            assert!(plan.made.starts_with(&plain.made));
            assert_eq!(plan.made.len(), plan.outputs.len());
            for (&node, output) in plan.made.iter().zip(&plan.outputs) {
                let shape = &graph.nodes[node].shape;
                assert_eq!(output.channels, shape[1]);
                assert!(output.extents.ends_with(&shape[2..]));
                // What was written there last is this value, or a branch of it.
                let writes = plan.steps.iter().flat_map(|step| [Some(step.to), step.raw]);
                let mut last = writes
                    .flatten()
                    .filter(|place| place.buffer == output.buffer);
                let last = last.next_back().unwrap();
                assert_eq!((last.width, last.extents), (output.width, output.extents));
            }
            made.extend(plan.made.clone());
        }
        // All but `eco_2d_s` and `eco_3d`, which end in a mean.
        let missing = blocks
            .iter()
            .filter(|block| !made.contains(&block.outputs[0]));
        let missing: Vec<&str> = missing.map(|block| &*block.path).collect();
        let means = ["eco_2d_s", "eco_3d"];
        let means = &means[usize::from(architecture == Architecture::Lite)..];
        assert_eq!(missing, means);
    }
}

/// The convolutions that lie side by side, in the order in which they run.
fn sides(plan: &Plan) -> Vec<Vec<&str>> {
    let several = plan.steps.iter().filter_map(|step| match &step.operator {
        Operator::Convolution { parts, .. } if parts.len() > 1 => Some(parts),
        _ => None,
    });
    let names = several.map(|parts| parts.iter().map(|part| &*part.convolution).collect());
    names.collect()
}

#[test]
fn reductions_of_one_input_lie_side_by_side_and_so_do_a_halving_and_its_shortcut() {
    let reductions = |parent: &str, name: &str| {
        ["3x3", "double_3x3"].map(|kind| format!("{parent}.inception_{name}_{kind}_reduce"))
    };
    let shared = ["a", "b"].map(|block| {
        let parent = format!("eco_2d.inception_{block}");
        reductions(&parent, &format!("3{block}"))
    });
    let lite = plans(Architecture::Lite);
    assert_eq!(sides(&lite.frames), shared);
    let halve =
        |stage: &str| ["down", "1"].map(|name| format!("eco_3d.res_3d_{stage}.res{stage}a_{name}"));
    assert_eq!(sides(&lite.volume), ["4", "5"].map(halve));

    // As many outputs or not.
    let full = plans(Architecture::Full);
    let third = reductions("eco_2d.inception_c", "3c");
    assert_eq!(sides(&full.frames), [&shared[..], &[third]].concat());
    let later = ["4a", "4b", "4c", "4d", "4e", "5a", "5b"]
        .map(|name| reductions(&format!("eco_2d_s.inception_{name}"), name));
    assert_eq!(sides(full.tail.as_ref().unwrap()), later);
    for plan in [&lite, &full].into_iter().flat_map(parts) {
        assert!(plan.buffers <= 6, "{} buffers", plan.buffers);
    }
}

#[test]
fn the_2d_net_of_eco_full_is_cut_behind_3c_and_its_mean_comes_before_the_3d_nets() {
    let lite = plans(Architecture::Lite);
    assert!(lite.tail.is_none() && lite.frames.outputs.len() == 1);
    assert_eq!(lite.features, [Pooled::Volume]);
    let full = plans(Architecture::Full);
    let tail = full.tail.unwrap();
    let sizes = |places: &[Place]| -> Vec<_> {
        let sizes = places
            .iter()
            .map(|place| (place.width, place.channels, place.extents));
        sizes.collect()
    };
    let cut = (576, 576, [1, 14, 14]);
    assert_eq!(sizes(&full.frames.outputs), [(96, 96, [1, 28, 28]), cut]);
    assert_eq!(sizes(&[tail.input]), [cut]);
    assert_eq!(sizes(&tail.outputs), [(1024, 1024, [1, 7, 7])]);
    assert_eq!(full.features, [Pooled::Tail, Pooled::Volume]);
}
