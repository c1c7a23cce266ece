//! A layer that holds weights.

use std::ops::Range;

use super::blob::Blob;
use super::error::{CaffeError, Fault};
use super::wire::{Message, Value};

/// Most blobs of a layer; an LSTM has three or four, and BN four.
const MAX_BLOBS: usize = 64;
/// Longest name or type, in bytes.
const MAX_TEXT: usize = 256;

/// Fields of LayerParameter.
const NAME: u32 = 1;
const TYPE: u32 = 2;
const BLOBS: u32 = 7;

/// A layer and its blobs.
#[derive(Debug)]
pub(super) struct Layer {
    /// Where its message starts in the file.
    pub(super) at: usize,
    pub(super) name: String,
    /// Its type: `Convolution`, `InnerProduct`, `BN`.
    pub(super) kind: String,
    pub(super) blobs: Vec<Blob>,
}

impl Layer {
    /// Reads the layer at `at`, the `number`th of its model; `None` when it holds no weights.
    pub(super) fn read(
        file: &[u8],
        at: Range<usize>,
        number: usize,
    ) -> Result<Option<Self>, CaffeError> {
        let start = at.start;
        // Names come first, so that errors can tell them.
        let mut name = None;
        let read = Self::fields(file, at, &mut name);
        let called = || match name.clone().map(|name| text(file, name, "name")) {
            Some(Ok(name)) if !name.is_empty() => name,
            _ => format!("number {number}"),
        };
        let layer = read.and_then(|(kind, blobs)| {
            if blobs.is_empty() {
                return Ok(None);
            }
            let text = |at: Option<Range<usize>>, what| at.map(|at| text(file, at, what));
            let name = text(name.clone(), "name").transpose()?;
            let kind = text(kind, "type").transpose()?;
            Ok(Some(Self {
                at: start,
                name: name.filter(|name| !name.is_empty()).ok_or(Fault::NoName)?,
                kind: kind.unwrap_or_default(),
                blobs,
            }))
        });
        layer.map_err(|fault| fault.of(called(), start))
    }

    fn fields(
        file: &[u8],
        at: Range<usize>,
        name: &mut Option<Range<usize>>,
    ) -> Result<(Option<Range<usize>>, Vec<Blob>), Fault> {
        let (mut kind, mut blobs) = (None, Vec::new());
        for field in Message::new(file, at) {
            let field = field?;
            match (field.number, field.value) {
                (NAME, Value::Bytes(at)) => *name = Some(at),
                (TYPE, Value::Bytes(at)) => kind = Some(at),
                (BLOBS, Value::Bytes(_)) if blobs.len() == MAX_BLOBS => {
                    return Err(Fault::TooManyBlobs(MAX_BLOBS));
                }
                (BLOBS, Value::Bytes(at)) => blobs.push(Blob::read(file, at)?),
                (NAME, _) => return Err(Fault::Type("name")),
                (TYPE, _) => return Err(Fault::Type("type")),
                (BLOBS, _) => return Err(Fault::Type("blob")),
                _ => {}
            }
        }
        Ok((kind, blobs))
    }
}

fn text(file: &[u8], at: Range<usize>, what: &'static str) -> Result<String, Fault> {
    let bytes = file.get(at).filter(|bytes| bytes.len() <= MAX_TEXT);
    let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
    Ok(text.ok_or(Fault::NoText(what))?.to_string())
}
