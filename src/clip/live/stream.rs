//! Streams that ffmpeg reads: addresses, devices, and standard input.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::options::LiveOptions;
use super::patient::{LOOK, Patient, is_closed, patiently};
use super::sink::Sink;
use super::source::Source;
use crate::clip::address::without_password;
use crate::clip::error::{ClipError, Result};
use crate::clip::video::ffmpeg::Ffmpeg;
use crate::clip::video::pam;
use crate::clip::video::process::Process;

/// The pause before the first new attempt to reach a source. It doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Reads a stream to its end, over as many connections as that takes.
///
/// # Errors
/// [`ClipError::FfmpegMissing`]; [`ClipError::Stream`] and [`ClipError::Stalled`] of a source that cannot be reached, or of one
/// that is no network's and fails; [`ClipError::Lost`].
pub(super) fn run(source: &Source, sink: &mut Sink<'_>) -> Result<()> {
    let ffmpeg = Ffmpeg::find(sink.options.open.ffmpeg.as_deref())?;
    let retries = Retries::of(source, sink.options);
    let mut stream = Stream {
        source,
        ffmpeg,
        clock: Clock::default(),
        frames: 0,
        lost: None,
    };
    let mut attempts = 0;
    loop {
        let before = stream.frames;
        let ended = stream.connection(sink);
        if stream.frames > before {
            attempts = 0;
        }
        let why = match ended {
            End::Closed => return Ok(()),
            End::Clean if !retries.after_clean_end => return Ok(()),
            End::Clean => ClipError::Stream {
                path: source.path(),
                reason: "the stream ended".to_owned(),
            },
            End::Failed(error) => error,
        };
        let was_reached = stream.frames > 0 || retries.from_start;
        if retries.limit == 0 || !was_reached {
            return Err(why);
        }
        if attempts == retries.limit {
            return Err(ClipError::Lost {
                path: source.path(),
                attempts,
                source: Box::new(why),
            });
        }
        let pause = pause(attempts);
        attempts += 1;
        stream.lost.get_or_insert_with(Instant::now);
        sink.ring.note(format!(
            "{}; trying again in {} s ({attempts} of {})",
            one_line(&why),
            pause.as_secs_f64(),
            retries.limit
        ));
        if !sink.ring.sleep(pause) {
            return Ok(());
        }
    }
}

/// When a lost source is tried again.
struct Retries {
    /// How often in a row.
    limit: usize,
    /// Whether the end of a stream is a loss, however it came.
    after_clean_end: bool,
    /// Whether a source that was never reached is tried again.
    from_start: bool,
}

impl Retries {
    fn of(source: &Source, options: &LiveOptions) -> Self {
        // What HTTP delivers may be a file. The others end when the sender does, well or not.
        let may_be_file = matches!(source.scheme(), Some("http" | "https"));
        let limit = match source.is_network() {
            true => options.retry.unwrap_or(LiveOptions::RETRIES),
            false => 0,
        };
        let is_asked_for = options.retry.is_some() && limit > 0;
        Self {
            limit,
            after_clean_end: limit > 0 && (is_asked_for || !may_be_file),
            from_start: is_asked_for,
        }
    }
}

fn pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// An error with its cause.
fn one_line(error: &ClipError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// How a connection ended.
enum End {
    /// The reader wants nothing more.
    Closed,
    /// The source says that it has ended.
    Clean,
    Failed(ClipError),
}

struct Stream<'a> {
    source: &'a Source,
    ffmpeg: Ffmpeg,
    clock: Clock,
    /// Frames that came so far, over all connections.
    frames: u64,
    /// When the connection was lost, until a frame comes again.
    lost: Option<Instant>,
}

impl Stream<'_> {
    /// Reads from one run of ffmpeg until it ends.
    fn connection(&mut self, sink: &mut Sink<'_>) -> End {
        self.clock.reconnect();
        match self.read(sink) {
            Ok(()) => End::Clean,
            Err(Failure::Clip(error)) => End::Failed(error),
            Err(Failure::Io(error)) if is_closed(&error) => End::Closed,
            Err(Failure::Io(error)) => End::Failed(match error.kind() {
                io::ErrorKind::TimedOut => ClipError::Stalled {
                    path: self.source.path(),
                    patience: sink.options.timeout,
                },
                _ => ClipError::Io {
                    path: self.source.path(),
                    source: error,
                },
            }),
        }
    }

    fn read(&mut self, sink: &mut Sink<'_>) -> std::result::Result<(), Failure> {
        let path = self.source.path();
        let (ring, timeout) = (sink.ring, sink.options.timeout);
        let input = match self.source {
            Source::Stdin => Stdio::inherit(),
            _ => Stdio::null(),
        };
        let process = Process::start_with(self.command(sink.options), input, LOOK)?;
        let mut reader = Patient::new(process, ring, timeout);
        loop {
            let image = match pam::read_frame(&mut reader, &path) {
                Ok(Some(image)) => image?,
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(error.into());
                }
                Ok(None) | Err(_) => {
                    let ending = reader.into_inner().end()?;
                    return match ending.success() {
                        true => Ok(()),
                        false => Err(self.failure(&ending.reason()).into()),
                    };
                }
            };
            let stamp = patiently(ring, timeout, || reader.get_ref().number())?;
            let seconds = self
                .clock
                .seconds(stamp.unwrap_or(f64::NAN), Instant::now());
            if let Some(lost) = self.lost.take() {
                let gap = lost.elapsed().as_secs_f64();
                ring.note(format!("{} is back after {gap:.1} s", self.source));
            }
            let number = self.frames;
            self.frames += 1;
            if sink.image(number, seconds, image).is_break() {
                return Err(Failure::Io(io::ErrorKind::ConnectionAborted.into()));
            }
        }
    }

    fn failure(&self, reason: &str) -> ClipError {
        let reason = match self.source {
            Source::Address(address) => reason.replace(address, &without_password(address)),
            // What ffmpeg says where it would have to go back.
            Source::Stdin
                if ["partial file", "moov atom"]
                    .iter()
                    .any(|of| reason.contains(of)) =>
            {
                format!(
                    "{reason} (most MP4 files have their index at the end, and a pipe cannot go back: \
                     name the file, or write Matroska or MPEG-TS to the pipe)"
                )
            }
            _ => reason.to_owned(),
        };
        ClipError::Stream {
            path: self.source.path(),
            reason,
        }
    }

    fn command(&self, options: &LiveOptions) -> Command {
        let mut command = Command::new(&self.ffmpeg.ffmpeg);
        command.args(["-nostdin", "-hide_banner", "-loglevel", "repeat+error"]);
        // Each further thread of a decoder holds back a frame.
        command.args(["-threads", "1"]);
        let name = match self.source {
            Source::Device { format, name } => {
                command.args(["-f", format]);
                name.as_str()
            }
            Source::Address(address) => {
                if matches!(self.source.scheme(), Some("rtsp" | "rtsps")) {
                    // Over UDP, packets are lost where a network is busy, and frames are damaged.
                    command.args(["-rtsp_transport", "tcp"]);
                }
                address
            }
            Source::Stdin | Source::Path(_) => "pipe:0",
        };
        for (option, value) in &options.input_options {
            command.arg(format!("-{option}")).args(value);
        }
        command.arg("-i").arg(name);
        // Each frame prints its time; 16 is the level of errors, which are shown.
        command.args(pam::arguments("select='st(0,print(t,16));1'"));
        command
    }
}

/// Why reading ended early.
enum Failure {
    Clip(ClipError),
    Io(io::Error),
}

impl From<ClipError> for Failure {
    fn from(error: ClipError) -> Self {
        Self::Clip(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Preprocess;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let seconds = |attempts| pause(attempts).as_secs_f64();
        assert_eq!(
            [0, 1, 2, 5, 6, 900].map(seconds),
            [0.5, 1.0, 2.0, 16.0, 30.0, 30.0]
        );
    }

    #[test]
    fn what_is_lost_depends_on_the_source_and_on_what_was_asked_for() {
        let retries = |source: &str, retry| {
            let options = LiveOptions {
                retry,
                ..LiveOptions::new(Preprocess::Official)
            };
            let found = Retries::of(&source.parse().unwrap(), &options);
            (found.limit, found.after_clean_end, found.from_start)
        };
        assert_eq!(retries("rtsp://camera", None), (5, true, false));
        assert_eq!(retries("http://host/a.mp4", None), (5, false, false));
        assert_eq!(retries("http://host/a.mp4", Some(2)), (2, true, true));
        assert_eq!(retries("rtsp://camera", Some(0)), (0, false, false));
        assert_eq!(retries("/dev/video0", Some(3)), (0, false, false));
    }
}
