//! The weights a command runs with: found, opened and turned into a network.

use anyhow::Context;

use crate::network;
use crate::recipe::KINETICS_CLASSES;
use crate::recognise::Labels;
use crate::weights::locate::{Found, Origin, Places};
use crate::weights::{LabelSource, Metadata, Weights};

use super::{Failure, say};

/// Said whenever the demo runs, so that nobody takes its answers for more than they are.
const DEMO_NOTICE: &str = "the embedded demo: random convolutions with a head fitted on drawn shapes. It tells simple motions apart, not Kinetics actions";

/// A network with its weights.
pub struct Network {
    /// The network, without tensors.
    pub net: network::Network,
    /// Its tensors.
    pub weights: Weights,
    /// What the weights say about themselves.
    pub metadata: Metadata,
    /// One label per class.
    pub labels: Labels,
    /// The file, or `demo`.
    pub name: String,
}

/// Finds weights by the search rule, says on stderr which are used unless `quiet`, and opens them.
///
/// `segments` is the user's choice; the weights' own is the default.
pub fn load(
    asked_for: Option<&str>,
    segments: Option<usize>,
    quiet: bool,
) -> Result<Network, Failure> {
    let (weights, name) = match Places::current().find(asked_for)? {
        Found::Demo => {
            if !quiet {
                say(format_args!("eco: weights: {DEMO_NOTICE}"));
            }
            (Weights::demo()?, "demo".to_owned())
        }
        Found::File(path, origin) => {
            let shown = path.display().to_string();
            if !quiet {
                say(format_args!("eco: weights: {shown}{}", reason(origin)));
            }
            let weights = Weights::open(&path).with_context(|| format!("cannot use {shown}"))?;
            (weights, shown)
        }
    };
    let metadata = weights.metadata().clone();
    Ok(Network {
        net: weights.network(segments)?,
        labels: labels(&metadata, weights.classes())?,
        metadata,
        weights,
        name,
    })
}

fn reason(origin: Origin) -> &'static str {
    match origin {
        Origin::Argument => "",
        Origin::Environment => " (from ECO_WEIGHTS)",
        Origin::LastImported => " (imported last)",
    }
}

fn labels(metadata: &Metadata, classes: usize) -> Result<Labels, Failure> {
    Ok(match &metadata.labels {
        Some(names) => Labels::from_names(names.clone(), classes)?,
        // No other data set that ECO is used with has 400 classes.
        None if classes == KINETICS_CLASSES => Labels::from_names(
            LabelSource::parse("kinetics400").read(Some(classes))?,
            classes,
        )?,
        None => Labels::numbered(),
    })
}
