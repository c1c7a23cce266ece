//! The worker's side: it answers one request after another, with whatever decodes.

use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;

use super::inspect::{Inspected, Plan};
use super::protocol::{Location, Reply, Request, Wanted, receive, send};
use crate::clip::frames::Cropped;
use crate::clip::rgb::Image;
use crate::recipe::Preprocess;

/// What decodes in a worker.
pub trait Decode {
    /// The libraries it decodes with, and their versions.
    fn libraries(&self) -> String;

    /// Opens a file in the place of the one that was open, and looks at all its packets.
    ///
    /// # Errors
    /// Why the ffmpeg program should decode it.
    fn open(&mut self, file: &Location) -> Result<Inspected, String>;

    /// Decodes what `plan` says of the open file, and hands the wanted frames with their numbers to `each` until that says
    /// [`ControlFlow::Break`].
    ///
    /// # Errors
    /// Why the ffmpeg program should decode it. Frames that came before an error are right.
    fn decode(
        &mut self,
        plan: &Plan,
        threads: usize,
        each: &mut dyn FnMut(usize, Image) -> ControlFlow<()>,
    ) -> Result<(), String>;
}

/// Answers requests until there are no more.
///
/// # Errors
/// Those of reading and writing.
pub fn serve(
    decoder: &mut impl Decode,
    mut requests: impl Read,
    replies: impl Write,
) -> io::Result<()> {
    let mut replies = BufWriter::new(replies);
    let hello = Reply::Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        libraries: decoder.libraries(),
    };
    send(&mut replies, &hello)?;
    replies.flush()?;
    let mut current = None;
    while let Some(request) = receive(&mut requests)? {
        let declined = match request {
            Request::Next => continue,
            Request::Open { file } => match open(decoder, &mut current, file) {
                Ok(video) => {
                    send(&mut replies, &Reply::Opened(video.facts().clone()))?;
                    None
                }
                Err(reason) => Some(reason),
            },
            Request::Frames {
                file,
                frames,
                wanted,
                preprocess,
                threads,
            } => {
                let video = match open(decoder, &mut current, file) {
                    Ok(video) if video.facts().pts.len() == frames => Ok(video),
                    Ok(_) => Err("the file has changed".to_owned()),
                    Err(reason) => Err(reason),
                };
                let indices: Vec<usize> = wanted.iter().map(|wanted| wanted.index).collect();
                let plan = video.and_then(|video| {
                    let plan = video.plan(&indices);
                    plan.ok_or_else(|| "it has fewer frames".to_owned())
                });
                let mut delivery = Delivery {
                    wanted: &wanted,
                    preprocess,
                    requests: &mut requests,
                    replies: &mut replies,
                };
                match plan {
                    Ok(plan) => delivery.run(decoder, &plan, threads)?,
                    Err(reason) => Some(reason),
                }
            }
        };
        if let Some(reason) = declined {
            send(&mut replies, &Reply::Declined { reason })?;
        }
        replies.flush()?;
    }
    Ok(())
}

/// The file that is open.
type Current = Option<(Location, Inspected)>;

/// The video of a file, which may be open already.
fn open<'a>(
    decoder: &mut impl Decode,
    current: &'a mut Current,
    file: Location,
) -> Result<&'a Inspected, String> {
    if current.as_ref().is_none_or(|(open, _)| *open != file) {
        *current = None;
        let video = decoder.open(&file)?;
        *current = Some((file, video));
    }
    match current {
        Some((_, video)) => Ok(video),
        None => Err("no file is open".to_owned()),
    }
}

/// Frames on their way to `eco`.
struct Delivery<'a, R, W: Write> {
    wanted: &'a [Wanted],
    preprocess: Preprocess,
    requests: &'a mut R,
    replies: &'a mut BufWriter<W>,
}

impl<R: Read, W: Write> Delivery<'_, R, W> {
    /// Sends the wanted frames, one for each time it is asked. Returns why the rest is left to the ffmpeg program.
    fn run(
        &mut self,
        decoder: &mut impl Decode,
        plan: &Plan,
        threads: usize,
    ) -> io::Result<Option<String>> {
        let mut failed = self.wait().err();
        if self.wanted.is_empty() || failed.is_some() {
            return failed.map_or(Ok(None), Err);
        }
        let mut is_in_order = true;
        let decoded = decoder.decode(plan, threads, &mut |index, image| {
            let Some((next, later)) = self.wanted.split_first() else {
                return ControlFlow::Break(());
            };
            is_in_order = next.index == index;
            if !is_in_order {
                return ControlFlow::Break(());
            }
            self.wanted = later;
            let sent = self.send(next, &image);
            let sent = sent.and_then(|()| match later {
                [] => Ok(()),
                _ => self.wait(),
            });
            match (sent, later) {
                (Ok(()), [_, ..]) => ControlFlow::Continue(()),
                (Ok(()), []) => ControlFlow::Break(()),
                (Err(error), _) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(match (decoded, self.wanted) {
            (_, []) => None,
            (Err(reason), _) => Some(reason),
            (Ok(()), _) if !is_in_order => Some("its frames come in another order".to_owned()),
            (Ok(()), [missing, ..]) => Some(format!("frame {} did not come", missing.index)),
        })
    }

    fn send(&mut self, wanted: &Wanted, image: &Image) -> io::Result<()> {
        let frame = Cropped::new(image, wanted.index, None, self.preprocess, &wanted.cuts);
        let header = Reply::Frame {
            index: wanted.index,
            width: image.width,
            height: image.height,
            bytes: frame.all_images().map(|image| image.len() as u64).sum(),
        };
        send(self.replies, &header)?;
        frame
            .all_images()
            .try_for_each(|image| self.replies.write_all(image))?;
        self.replies.flush()
    }

    /// Waits until the next frame is asked for.
    fn wait(&mut self) -> io::Result<()> {
        match receive(self.requests)? {
            Some(Request::Next) => Ok(()),
            Some(_) => Err(io::Error::other("another request in the middle of a clip")),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
