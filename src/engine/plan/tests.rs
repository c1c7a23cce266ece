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
fn reductions_of_one_input_lie_side_by_side_and_so_do_a_halving_and_its_shortcut() {
    let Plans { frames, volume, .. } = plans(Architecture::Lite);
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
