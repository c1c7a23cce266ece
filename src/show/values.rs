//! Files of values, one line per clip: features and scores, for other programs to read.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::file::{FileError, NewFile, scratch};
use crate::recognise::{FrameRange, Row};

/// What the values are. A safetensors file names its tensor after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The values before the head, `[clips, features]`.
    Features,
    /// Softmax scores, `[clips, classes]`.
    Scores,
}

impl Content {
    fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Scores => "scores",
        }
    }

    /// Checks that the extension of `path` names a format for these values.
    ///
    /// # Errors
    /// [`FileError::Extension`] for an extension that is not known.
    pub fn check(self, path: &Path) -> Result<(), FileError> {
        form(path, self).map(drop)
    }

    fn extensions(self) -> &'static str {
        match self {
            Self::Features => ".safetensors or .npy",
            Self::Scores => ".csv, .safetensors or .npy",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Csv,
    Npy,
    Safetensors,
}

/// A file under construction. Its values are kept on disk, so that memory grows with the clips' names only.
///
/// A safetensors file holds one float32 tensor; its metadata has `clips`, a JSON list with the path of each line, `rows`, a list of
/// the rows of the output that they belong to, from 0, and `ranges`, a list of `[first frame, frame after the last]` or `null`, when a line is a part of a clip. A .npy file cannot
/// carry names: they are in a JSON file beside it, `NAME.clips.json` for `NAME.npy`. Either says what the network computed with, as
/// `precision`, if that is given.
#[derive(Debug)]
pub struct ValuesFile {
    target: NewFile,
    /// The names that a .npy file cannot carry.
    names: Option<NewFile>,
    form: Form,
    content: Content,
    columns: Vec<String>,
    values: BufWriter<File>,
    clips: Vec<String>,
    ranges: Vec<Option<[usize; 2]>>,
    /// What the network computed with, where that is said.
    precision: Option<String>,
    /// Which row of the output each line of values belongs to.
    rows: Vec<usize>,
    /// Rows of the output so far.
    seen: usize,
}

impl ValuesFile {
    /// Starts the file that will appear at `path`. Its extension decides the format. `columns` names the values: labels for
    /// scores, numbers for features.
    ///
    /// # Errors
    /// [`FileError::Extension`] for an extension that is not known; [`FileError::Create`] when nothing can be written there.
    pub fn create(path: &Path, content: Content, columns: Vec<String>) -> Result<Self, FileError> {
        let form = form(path, content)?;
        let target = NewFile::create(path)?;
        let names = match form {
            Form::Npy => Some(NewFile::create(&names_path(path))?),
            Form::Csv | Form::Safetensors => None,
        };
        Ok(Self {
            target,
            names,
            form,
            content,
            columns,
            values: scratch(path)?,
            clips: Vec::new(),
            ranges: Vec::new(),
            precision: None,
            rows: Vec::new(),
            seen: 0,
        })
    }

    /// Adds the values of a clip, as many as there are columns.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full, or when there is not one value per column.
    pub fn add(&mut self, row: &Row, values: &[f32]) -> Result<(), FileError> {
        if values.len() != self.columns.len() {
            let (found, expected) = (values.len(), self.columns.len());
            let message = format!("{found} values for {expected} columns");
            return Err(self.target.failed(io::Error::other(message)));
        }
        self.clips.push(row.clip().text());
        self.rows.push(self.seen);
        self.seen += 1;
        let ends = |range: &FrameRange| [range.start_frame, range.end_frame];
        self.ranges.push(row.range().map(ends));
        let mut write = || -> io::Result<()> {
            values
                .iter()
                .try_for_each(|value| self.values.write_all(&value.to_le_bytes()))
        };
        write().map_err(|source| self.target.failed(source))
    }

    /// Says what the network computed with, such as `fp32`.
    #[must_use]
    pub fn computed_in(self, precision: impl std::fmt::Display) -> Self {
        Self {
            precision: Some(precision.to_string()),
            ..self
        }
    }

    /// Counts a row that has no values.
    pub fn skip(&mut self) {
        self.seen += 1;
    }

    /// Completes the file and puts it in its place.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.assemble()
            .map_err(|source| self.target.failed(source))?;
        if let Some(mut names) = self.names {
            let mut list = serde_json::json!({ "clips": self.clips, "ranges": self.ranges, "rows": self.rows });
            if let Some(precision) = &self.precision {
                list["precision"] = precision.as_str().into();
            }
            writeln!(names, "{list}").map_err(|source| names.failed(source))?;
            names.finish()?;
        }
        self.target.finish().map(drop)
    }

    fn assemble(&mut self) -> io::Result<()> {
        self.values.flush()?;
        self.values.get_mut().rewind()?;
        match self.form {
            Form::Csv => return self.csv(),
            Form::Npy => self.npy_header()?,
            Form::Safetensors => self.safetensors_header()?,
        }
        io::copy(self.values.get_mut(), &mut self.target).map(drop)
    }

    fn csv(&mut self) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(&mut self.target);
        let header = ["clip", "start_frame", "end_frame"].map(str::to_owned);
        writer.write_record(header.iter().chain(&self.columns))?;
        let mut values = BufReader::new(self.values.get_mut());
        for (clip, range) in self.clips.iter().zip(&self.ranges) {
            let [start, end] =
                range.map_or_else(Default::default, |ends| ends.map(|n| n.to_string()));
            writer.write_field(clip)?;
            writer.write_field(start)?;
            writer.write_field(end)?;
            for _ in &self.columns {
                let mut bytes = [0; 4];
                values.read_exact(&mut bytes)?;
                writer.write_field(f32::from_le_bytes(bytes).to_string())?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()
    }

    /// Version 1.0 of the format described in `numpy.lib.format`: magic, version, length, and a dictionary in ASCII, padded so
    /// that the values start at a multiple of 64 bytes.
    fn npy_header(&mut self) -> io::Result<()> {
        const FIXED: usize = 10;
        let (rows, columns) = (self.clips.len(), self.columns.len());
        let dictionary =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
        let length = (FIXED + dictionary.len() + 1).next_multiple_of(64) - FIXED;
        self.target.write_all(b"\x93NUMPY\x01\x00")?;
        self.target.write_all(&(length as u16).to_le_bytes())?;
        writeln!(self.target, "{dictionary:<width$}", width = length - 1)
    }

    fn safetensors_header(&mut self) -> io::Result<()> {
        let json = |value: serde_json::Value| value.to_string();
        let mut about = HashMap::from([
            ("clips".to_owned(), json(serde_json::json!(self.clips))),
            ("columns".to_owned(), json(serde_json::json!(self.columns))),
            ("rows".to_owned(), json(serde_json::json!(self.rows))),
        ]);
        if self.ranges.iter().any(Option::is_some) {
            about.insert("ranges".to_owned(), json(serde_json::json!(self.ranges)));
        }
        if let Some(precision) = &self.precision {
            about.insert("precision".to_owned(), precision.clone());
        }
        let shape = vec![self.clips.len(), self.columns.len()];
        let bytes = shape.iter().product::<usize>() * size_of::<f32>();
        let tensor = TensorInfo {
            dtype: Dtype::F32,
            shape,
            data_offsets: (0, bytes),
        };
        let tensors = vec![(self.content.name().to_owned(), tensor)];
        let header = Metadata::new(Some(about), tensors).map_err(io::Error::other)?;
        let mut header = serde_json::to_vec(&header)?;
        header.resize(header.len().next_multiple_of(8), b' ');
        self.target
            .write_all(&(header.len() as u64).to_le_bytes())?;
        self.target.write_all(&header)
    }
}

fn form(path: &Path, content: Content) -> Result<Form, FileError> {
    let extension = path.extension().map(|e| e.to_ascii_lowercase());
    match (extension.as_ref().and_then(|e| e.to_str()), content) {
        (Some("safetensors"), _) => Ok(Form::Safetensors),
        (Some("npy"), _) => Ok(Form::Npy),
        (Some("csv"), Content::Scores) => Ok(Form::Csv),
        _ => Err(FileError::Extension {
            path: path.to_owned(),
            known: content.extensions(),
        }),
    }
}

fn names_path(path: &Path) -> PathBuf {
    path.with_extension("clips.json")
}
