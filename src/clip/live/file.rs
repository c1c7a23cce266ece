//! Video files and directories of frames: the same frames, of the same pixels, as those of clips.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use super::sink::{LiveFrame, Picker, Sink, shrunk};
use crate::clip::crops::Crops;
use crate::clip::cut::Cut;
use crate::clip::error::{ClipError, Result};
use crate::clip::opened::{Clip, OpenOptions, Wanted};
use crate::clip::rgb::Image;
use crate::clip::timeline::Timeline;

/// Frames per second of a directory when nothing is said.
const ASSUMED_FPS: f64 = 25.0;

/// Gives the frames of a file or a directory, in order.
///
/// # Errors
/// Those of [`Clip::open`] and [`Clip::load`].
pub(super) fn run(path: &Path, sink: &mut Sink<'_>) -> Result<()> {
    let options = sink.options;
    let open = OpenOptions {
        rate: options.source_fps,
        ..options.open.clone()
    };
    let mut clip = Clip::open(path, &open)?;
    if let Clip::FrameDir { rate, .. } = &mut clip
        && rate.is_none()
    {
        *rate = Some(ASSUMED_FPS);
        sink.ring.note(format!(
            "{}: {ASSUMED_FPS} frames per second are assumed",
            path.display()
        ));
    }
    if let Some(note) = clip.note() {
        sink.ring.note(note);
    }
    let mut pass = Pass {
        timeline: clip.timeline(),
        sink,
        first: None,
    };
    let mut picker = Picker::new(options.fps);
    let seconds = |index: &usize| pass.timeline.seconds(*index).unwrap_or_default();
    let wanted = (0..clip.frame_count()).filter(|index| picker.picks(seconds(index)));
    let wanted: Vec<usize> = wanted.collect();
    let mut given = 0;
    let done = match options.keeps_images {
        true => clip.each_image(&wanted, &mut |index, image| {
            given += 1;
            pass.image(index, image)
        }),
        false => {
            let frame = |&index: &usize| Wanted {
                views: vec![vec![index]],
                cut: Cut::Crops(Crops::One),
            };
            let frames: Vec<Wanted> = wanted.iter().map(frame).collect();
            clip.load_each(&frames, options.preprocess, &options.turns, &mut |ready| {
                given += 1;
                let pixels = ready.views.first().map(|view| view.pixels().to_vec());
                pass.pixels(wanted[ready.number], pixels.unwrap_or_default())
            })
        }
    };
    match done {
        // Whatever came is what there is.
        Err(ClipError::VideoFramesMissing { index, .. }) if given > 0 => {
            let listed = clip.frame_count();
            sink.ring.note(format!(
                "{}: it ends before frame {index}, and its container lists {listed}",
                path.display()
            ));
            Ok(())
        }
        done => done,
    }
}

/// One pass through a clip.
struct Pass<'a, 'b> {
    timeline: Timeline,
    sink: &'a mut Sink<'b>,
    /// When the first frame was given, and its time in the clip.
    first: Option<(Instant, f64)>,
}

impl Pass<'_, '_> {
    fn image(&mut self, index: usize, image: Image) -> ControlFlow<()> {
        let crops = Crops::One.cut(image.as_rgb(), self.sink.options.preprocess);
        let pixels = crops.into_iter().next().unwrap_or_default();
        self.give(index, pixels, Some(shrunk(image)))
    }

    fn pixels(&mut self, index: usize, pixels: Vec<u8>) -> ControlFlow<()> {
        self.give(index, pixels, None)
    }

    fn give(&mut self, index: usize, pixels: Vec<u8>, image: Option<Image>) -> ControlFlow<()> {
        let seconds = self.timeline.seconds(index).unwrap_or_default();
        let (started, first) = *self.first.get_or_insert((Instant::now(), seconds));
        if self.sink.options.realtime {
            let due = Duration::try_from_secs_f64(seconds - first).unwrap_or_default();
            let wait = due.saturating_sub(started.elapsed());
            if !wait.is_zero() && !self.sink.ring.sleep(wait) {
                return ControlFlow::Break(());
            }
        }
        self.sink.push(LiveFrame {
            number: index as u64,
            seconds,
            arrived: Instant::now(),
            pixels,
            image,
        })
    }
}
