use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use super::weights::{self, Network};
use crate::clip::{self, FrameDir, Frames, Preprocess, Sampling};
use crate::engine::{ClipBatch, DeviceRequest, Engine, Libtorch};
use crate::output::{Format, TextStyle};
use crate::predict::{ClipName, Labels, Prediction, Row, Scores, Timings};

/// Say what happens in a clip
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A directory of frames (.jpg .jpeg .png .bmp .webp), taken in natural order
    #[arg(value_name = "FRAMES_DIR")]
    clip: PathBuf,
    /// Weights: a file that `eco load-weights` wrote, a PyTorch checkpoint, or `demo`
    ///
    /// Default: $ECO_WEIGHTS, else the file imported last. `demo` is embedded in this program: it tells simple motions of
    /// drawn shapes apart and shows that everything works; it knows nothing of Kinetics.
    #[arg(short, long, value_name = "FILE")]
    weights: Option<String>,
    /// How many classes to show
    #[arg(short = 'k', long, default_value_t = 5, value_name = "K")]
    topk: usize,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: DeviceRequest,
    /// Frames the network looks at, a multiple of 4 [default: the weights']
    #[arg(long, value_name = "N")]
    segments: Option<usize>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  eco classify ./frames_dir
  eco classify ./frames_dir --topk 10 --format json
  eco classify tests/clips/left --weights demo";

pub fn run(args: &Args) -> Result<(), Failure> {
    let progress = spinner();
    let device = args.device.resolve()?;
    progress.set_message("listing frames");
    let listed = FrameDir::list(&args.clip)?;
    if let Some(note) = listed.note() {
        eprintln!("eco: {note}");
    }
    progress.set_message("loading weights");
    let Network {
        net,
        metadata,
        labels,
        ..
    } = weights::load(args.weights.as_deref(), args.segments, device)?;
    let engine = Libtorch::new(net, device);

    progress.set_message("decoding frames");
    let started = Instant::now();
    let indices = Sampling::Official.indices(listed.frames.len(), engine.segments());
    let frames = clip::load(&listed.frames, &indices, metadata.preprocess)?;
    let decode = started.elapsed();
    progress.set_message("running the network");
    let started = Instant::now();
    let scores = scores(&engine, &frames, metadata.preprocess)?;
    let timings = Timings {
        decode_ms: milliseconds(decode),
        forward_ms: milliseconds(started.elapsed()),
    };
    progress.finish_and_clear();

    let row = Row::Answer(prediction(
        &args.clip, &listed, &frames, &scores, &labels, args.topk, timings, &engine,
    ));
    let mut writer = args
        .format
        .writer(io::stdout().lock(), TextStyle::default());
    writer.write(&row)?;
    writer.finish()?;
    Ok(())
}

fn scores(engine: &dyn Engine, frames: &Frames, preprocess: Preprocess) -> Result<Scores, Failure> {
    let mut batch = ClipBatch::zeros(1, frames.len());
    frames.write_normalised(preprocess, batch.clip_mut(0))?;
    let output = engine.run(&batch)?;
    Ok(Scores::from_logits(output.logits_of(0))?)
}

#[allow(
    clippy::too_many_arguments,
    reason = "puts the parts of one answer together"
)]
fn prediction(
    clip: &Path,
    listed: &FrameDir,
    frames: &Frames,
    scores: &Scores,
    labels: &Labels,
    topk: usize,
    timings: Timings,
    engine: &dyn Engine,
) -> Prediction {
    let name = |path: &PathBuf| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    Prediction {
        clip: ClipName::new(clip),
        range: None,
        source_frames: listed.frames.len(),
        frames: frames.sources().iter().map(|source| source.index).collect(),
        frame_names: frames
            .sources()
            .iter()
            .filter_map(|s| s.path.as_ref().and_then(name))
            .collect(),
        views: 1,
        uncertain: false,
        top: scores.top(topk, labels),
        logits: None,
        timings,
        engine: engine.kind().to_string(),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// What is going on, on stderr, when that is a terminal.
fn spinner() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
