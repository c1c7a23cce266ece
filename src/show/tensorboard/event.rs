//! Events as bytes.

use prost::Message;

use super::proto::{Event, SessionLog, Summary, SummaryValue, What};
use super::record;

/// The first event of a file.
pub(in crate::show) fn version(wall_time: f64) -> Vec<u8> {
    framed(wall_time, 0, What::FileVersion("brain.Event:2".to_owned()))
}

/// A graph, encoded.
pub(in crate::show) fn graph(wall_time: f64, graph_def: Vec<u8>) -> Vec<u8> {
    framed(wall_time, 0, What::GraphDef(graph_def))
}

/// A training goes on at `step`: what earlier files tell of that step and later ones is not shown.
pub(super) fn start(wall_time: f64, step: usize) -> Vec<u8> {
    framed(wall_time, step, What::SessionLog(SessionLog { status: 1 }))
}

/// A number under a name.
pub(super) fn scalar(wall_time: f64, step: usize, tag: &str, value: f64) -> Vec<u8> {
    let value = SummaryValue {
        tag: tag.to_owned(),
        simple_value: Some(value as f32),
    };
    let summary = Summary { value: vec![value] };
    framed(wall_time, step, What::Summary(summary))
}

fn framed(wall_time: f64, step: usize, what: What) -> Vec<u8> {
    let event = Event {
        wall_time,
        step: step as i64,
        what: Some(what),
    };
    let mut bytes = Vec::new();
    record::append(&mut bytes, &event.encode_to_vec());
    bytes
}
