//! Caffe's `.caffemodel`: a protobuf message of layers, each with its blobs.
//!
//! Field numbers are those of `caffe.proto` in mzolfaghari/ECO-efficient-video-understanding @ 1e77cbd. Reading keeps where
//! the values lie and what shape they have; values are looked at when a tensor is asked for.

mod blob;
mod error;
mod layer;
mod model;
mod names;
mod recognise;
mod wire;

pub(super) use error::CaffeError;
pub(super) use model::Model;
pub(super) use recognise::{is_blob, is_model, is_solver_state};
