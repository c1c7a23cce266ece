//! Scalars in event files: what TensorBoard reads from them.

mod common;

use std::ffi::OsStr;
use std::time::{Duration, UNIX_EPOCH};

use common::script;
use eco::show::tensorboard::EventWriter;
use serde_json::{Value, json};

#[test]
fn a_training_that_goes_on_within_its_first_epoch_has_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let mut first = EventWriter::create(folder.path(), None).unwrap();
    first.scalar("loss/train", 75, 1.5, at(100));
    first.flush().unwrap();
    // It was ended at once, and its state had been kept before.
    let mut second = EventWriter::create(folder.path(), Some(0)).unwrap();
    second.scalar("loss/train", 75, 1.4, at(200));
    second.flush().unwrap();
    let read = script(
        "describe.py",
        [OsStr::new("scalars"), folder.path().as_os_str()],
    );
    let read: Value = serde_json::from_str(&read).unwrap();
    let value = read["loss/train"][0][2].as_f64().unwrap();
    assert_eq!(read["loss/train"].as_array().unwrap().len(), 1);
    assert!((value - 1.4).abs() < 1e-6, "{read}");
}

#[test]
fn tensorboard_reads_the_scalars_of_a_training_that_went_on_in_a_second_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let mut first = EventWriter::create(folder.path(), None).unwrap();
    first.scalar("loss/train", 75, 1.5, at(100));
    first.scalar("loss/judged", 75, 0.0, at(101));
    first.flush().unwrap();
    first.scalar("loss/train", 150, 0.75, at(200));
    // The state was last kept before these steps, which are made again.
    first.scalar("loss/train", 225, 0.6, at(250));
    first.flush().unwrap();
    let mut second = EventWriter::create(folder.path(), Some(150)).unwrap();
    second.scalar("loss/train", 225, 0.5, at(300));
    second.flush().unwrap();
    let read = script(
        "describe.py",
        [OsStr::new("scalars"), folder.path().as_os_str()],
    );
    let read: Value = serde_json::from_str(&read).unwrap();
    assert_eq!(
        read,
        json!({
            "loss/train": [[100.0, 75, 1.5], [200.0, 150, 0.75], [300.0, 225, 0.5]],
            "loss/judged": [[101.0, 75, 0.0]],
        })
    );
}
