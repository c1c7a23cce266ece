//! See Cargo.toml.

#[path = "../../../src/engine/winograd/mod.rs"]
pub mod winograd;
