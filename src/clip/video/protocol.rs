//! What `eco` and its decoding worker say to each other: messages of JSON behind their length, and pixels.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clip::cut::Cut;
use crate::recipe::Preprocess;

/// No message is longer, in bytes: the list of a video's packets may be long.
const MAX_MESSAGE: u32 = 1 << 28;

/// What `eco` asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// The packets of a file: [`Reply::Opened`].
    Open { file: Location },
    /// Frames of a file: a [`Reply::Frame`] each, for every one of which [`Request::Next`] asks.
    Frames {
        file: Location,
        /// How many frames it was listed with.
        frames: usize,
        /// Which frames, ascending, each once, and what of each.
        wanted: Vec<Wanted>,
        preprocess: Preprocess,
        threads: usize,
    },
    /// The next frame. The worker computes only between this and its answer, so that others can have the processor after it.
    Next,
}

/// A file, or some of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The file's path, as bytes.
    pub(super) file: Vec<u8>,
    /// Where the bytes begin and end; by default all of them are meant.
    pub(super) part: Option<(u64, u64)>,
    /// Tells files apart that have the same path, one after the other.
    pub(super) serial: u64,
}

impl Location {
    /// What FFmpeg calls it: a file whatever its name looks like (`http://...`, `-y`, `concat:...`).
    pub fn url(&self) -> Vec<u8> {
        [self.protocol().as_bytes(), &self.file].concat()
    }

    /// What comes before the path in [`Location::url`].
    pub(super) fn protocol(&self) -> String {
        match self.part {
            None => "file:".to_owned(),
            Some((start, end)) => format!("subfile,,start,{start},end,{end},,:file:"),
        }
    }

    /// The protocols that FFmpeg needs for it, as it lists them.
    pub fn protocols(&self) -> &'static str {
        match self.part {
            None => "file",
            Some(_) => "subfile,file",
        }
    }
}

/// A frame that is wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::clip) struct Wanted {
    /// Its number in order of presentation, from 0.
    pub(in crate::clip) index: usize,
    /// What of it.
    pub(in crate::clip) cuts: Vec<Cut>,
}

/// What the worker answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The first message of a worker.
    Hello {
        /// The version of `eco` that it belongs to.
        version: String,
        /// The libraries it runs with.
        libraries: String,
    },
    Opened(Facts),
    /// A frame. Its pixels follow: of each cut all images, `[224, 224, 3]`.
    Frame {
        index: usize,
        width: usize,
        height: usize,
        /// How many bytes of pixels.
        bytes: u64,
    },
    /// The file, or the rest of its frames, is left to the ffmpeg program.
    Declined {
        reason: String,
    },
}

/// What a container says about its video.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// The unit of stamps, in seconds: numerator and denominator.
    pub(super) unit: (i32, i32),
    /// Frames per second, or 0/0.
    pub(super) rate: (i32, i32),
    /// When each packet's frame is shown, in the order of the file; frames that are not shown are left out.
    pub(super) pts: Vec<Option<i64>>,
    /// When each is decoded.
    pub(super) dts: Vec<Option<i64>>,
    /// How long the last packet of which that is known is shown.
    pub(super) last_duration: Option<i64>,
    /// When the first stream begins, in seconds.
    pub(super) start: Option<f64>,
}

pub(super) fn send(writer: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    writer.write_all(&length.to_le_bytes())?;
    writer.write_all(&bytes)
}

/// The next message; `None` at the end.
pub(super) fn receive<M: DeserializeOwned>(reader: &mut impl Read) -> io::Result<Option<M>> {
    let mut length = [0; 4];
    match reader.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_le_bytes(length);
    if length > MAX_MESSAGE {
        return Err(io::Error::other("a message that is too long"));
    }
    let mut bytes = Vec::new();
    // The length is a claim: memory is taken as the bytes come.
    reader.take(length.into()).read_to_end(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_each_other_to_the_end() {
        let mut bytes = Vec::new();
        let file = Location {
            file: b"a\xff".to_vec(),
            part: Some((3, 7)),
            serial: 2,
        };
        assert_eq!(file.url(), b"subfile,,start,3,end,7,,:file:a\xff");
        let request = Request::Open { file: file.clone() };
        send(&mut bytes, &request).unwrap();
        send(&mut bytes, &Request::Next).unwrap();
        let mut reader = &bytes[..];
        let first = receive(&mut reader).unwrap();
        assert!(matches!(first, Some(Request::Open { file: read }) if read == file));
        assert!(matches!(receive(&mut reader).unwrap(), Some(Request::Next)));
        assert!(receive::<Request>(&mut reader).unwrap().is_none());
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        assert!(receive::<Reply>(&mut &[1, 0, 0, 0, b'?'][..]).is_err());
        assert!(receive::<Reply>(&mut &[9, 0, 0, 0, b'"'][..]).is_err());
        assert!(receive::<Reply>(&mut &[255; 9][..]).is_err());
    }
}
