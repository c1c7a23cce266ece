//! Numbers over the steps of a training.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::event;
use super::path::{new_path, seconds};
use crate::file::FileError;

/// An event file that grows, so that TensorBoard shows a training while it runs.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
    /// Events that are not in the file yet.
    events: Vec<u8>,
}

impl EventWriter {
    /// Begins a new event file in `folder`, which is created if it does not exist. Earlier event files stay: TensorBoard shows
    /// all files of a folder as one run. `after` is for a training that goes on: what they tell of more than so many steps, which
    /// it had done before it was stopped and does again, is not shown any more.
    ///
    /// # Errors
    /// [`FileError::Create`] when the folder or the file cannot be made, [`FileError::Write`] when the disk is full.
    pub fn create(folder: &Path, after: Option<usize>) -> Result<Self, FileError> {
        let (path, now) = new_path(folder)?;
        let file = File::create_new(&path).map_err(|source| FileError::Create {
            path: path.clone(),
            source,
        })?;
        let mut writer = Self {
            path,
            file,
            events: event::version(now),
        };
        if let Some(steps) = after {
            writer.events.extend(event::start(now, steps + 1));
        }
        writer.flush()?;
        Ok(writer)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a value after `step` steps; it is in the file after the next [`EventWriter::flush`]. Slashes in `tag` make groups:
    /// `loss/train` and `loss/judged` are shown side by side. Values are kept as float32.
    pub fn scalar(&mut self, tag: &str, step: usize, value: f64, wall_time: SystemTime) {
        let event = event::scalar(seconds(wall_time), step, tag, value);
        self.events.extend(event);
    }

    /// Appends all events to the file.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full.
    pub fn flush(&mut self) -> Result<(), FileError> {
        let events = std::mem::take(&mut self.events);
        self.file
            .write_all(&events)
            .map_err(|source| FileError::Write {
                path: self.path.clone(),
                source,
            })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use prost::Message;

    use super::*;
    use crate::show::tensorboard::proto::{Event, What};

    /// The events of a file, whose frames must be whole.
    fn read(path: &Path) -> Vec<Event> {
        let bytes = fs::read(path).unwrap();
        let (mut rest, mut events) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            events.push(Event::decode(&rest[12..12 + length]).unwrap());
            rest = &rest[12 + length + 4..];
        }
        events
    }

    #[test]
    fn values_are_in_the_file_once_they_are_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(&folder.path().join("deep/run"), None).unwrap();
        let version = What::FileVersion("brain.Event:2".into());
        let at = |seconds| UNIX_EPOCH + Duration::from_millis(seconds);
        writer.scalar("loss/train", 40, 0.5, at(1500));
        writer.scalar("accuracy", 40, 0.0, at(2500));
        assert_eq!(read(writer.path()).len(), 1);
        writer.flush().unwrap();
        writer.scalar("loss/train", 80, f64::NAN, at(3500));
        writer.flush().unwrap();
        writer.flush().unwrap();
        let events = read(writer.path());
        assert_eq!(events[0].what, Some(version));
        let values: Vec<_> = events[1..]
            .iter()
            .map(|event| {
                let Some(What::Summary(summary)) = &event.what else {
                    panic!("{event:?}");
                };
                let value = &summary.value[0];
                let bits = value.simple_value.map(f32::to_bits);
                (event.wall_time, event.step, &value.tag[..], bits)
            })
            .collect();
        let bits = |value: f32| Some(value.to_bits());
        assert_eq!(
            values,
            [
                (1.5, 40, "loss/train", bits(0.5)),
                (2.5, 40, "accuracy", bits(0.0)),
                (3.5, 80, "loss/train", bits(f32::NAN)),
            ]
        );
    }

    #[test]
    fn every_writer_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = [0, 1].map(|_| EventWriter::create(folder.path(), None).unwrap());
        assert_ne!(a.path(), b.path());
        let name = a.path().file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("events.out.tfevents."), "{name}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = EventWriter::create(&file.join("run"), None).unwrap_err();
        assert!(matches!(error, FileError::Create { .. }), "{error}");
    }
}
