//! The weights a command runs with: found, opened and turned into a network.

use std::ffi::OsStr;

use anyhow::Context;

use crate::engine::{Device, network};
use crate::network::EcoLite;
use crate::recognise::Labels;
use crate::weights::locate::{Found, Origin, Places};
use crate::weights::{LabelSource, Loaded, Metadata, demo, open};

use super::{Failure, say};

/// Said whenever the demo runs, so that nobody takes its answers for more than they are.
const DEMO_NOTICE: &str = "the embedded demo: random convolutions with a head fitted on drawn shapes. It tells simple motions apart, not Kinetics actions";

/// A network with what its weights say about themselves.
pub struct Network {
    /// The network on its device.
    pub net: EcoLite,
    /// What the weights carry.
    pub metadata: Metadata,
    /// One label per class.
    pub labels: Labels,
    /// The file, or `demo`.
    pub name: String,
    /// What the network's tensors lie in, where that is a file.
    pub loaded: Option<&'static Loaded>,
}

/// Finds weights by the search rule, says on stderr which are used unless `quiet`, and loads them.
///
/// `segments` is the user's choice; the weights' own is the default.
pub fn load(
    asked_for: Option<&str>,
    segments: Option<usize>,
    device: Device,
    quiet: bool,
) -> Result<Network, Failure> {
    let (net, metadata, name, loaded) = match Places::current().find(asked_for.map(OsStr::new))? {
        Found::Demo => {
            if !quiet {
                say(format_args!("eco: weights: {DEMO_NOTICE}"));
            }
            let metadata = demo::metadata()?;
            let net = network::from_demo(segments.unwrap_or(metadata.segments), device)?;
            (net, metadata, "demo".to_owned(), None)
        }
        Found::File(path, origin) => {
            if !quiet {
                say(format_args!(
                    "eco: weights: {}{}",
                    path.display(),
                    reason(origin)
                ));
            }
            // The tensors borrow from it, and nothing but the end of the process ends them for sure.
            let loaded: &'static Loaded =
                Box::leak(Box::new(open(&path, &network::spec(KINETICS_CLASSES)?)?));
            let metadata = loaded.metadata().clone();
            let segments = segments.unwrap_or(metadata.segments);
            let net = network::from_file(loaded, segments, device)
                .with_context(|| format!("cannot use {}", path.display()))?;
            (net, metadata, path.display().to_string(), Some(loaded))
        }
    };
    let labels = labels(&metadata, net.classes() as usize)?;
    Ok(Network {
        net,
        metadata,
        labels,
        name,
        loaded,
    })
}

/// Classes of Kinetics-400. Any number does for comparing names: the head's comes from the file.
const KINETICS_CLASSES: usize = 400;

fn reason(origin: Origin) -> String {
    match origin.reason() {
        "" => String::new(),
        reason => format!(" ({reason})"),
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
