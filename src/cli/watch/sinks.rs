//! Everything that `eco watch` writes.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::args::Args;
use super::overlay::Overlay;
use super::screen::Screen;
use super::stream::{Fed, Stream};
use crate::cli::pictures::page_size;
use crate::recognise::online::Step;
use crate::recognise::{Labels, Recogniser};
use crate::show::Colour;
use crate::show::Ending;
use crate::show::report::{About, PageUnit, ReportPage};
use crate::show::watch::{
    EventFile, EventRow, FailedRow, Segment, StepRow, ViewStyle, WatchFormat, WatchWriter, ended,
    view,
};
use crate::text::terminal;

/// Standard output and the files asked for.
pub(super) struct Sinks {
    rows: Rows,
    events: Vec<EventFile>,
    report: Option<(PathBuf, ReportPage)>,
    overlay: Option<Overlay>,
    /// The engine's name and what it computes with, for the report.
    engine: [String; 2],
    labels: Labels,
    topk: usize,
    names_sources: bool,
}

/// What is written to standard output.
enum Rows {
    /// A view that is drawn in place.
    View(Screen),
    Lines(WatchWriter<io::Stdout>),
}

impl Sinks {
    /// Opens all of them, so that a file that cannot be written is known before the work.
    pub(super) fn open(args: &Args, about: About, recogniser: &Recogniser) -> anyhow::Result<Self> {
        let output = &args.output;
        let is_view = output.format == WatchFormat::Text && io::stdout().is_terminal();
        let rows = match is_view {
            true => Rows::View(Screen::new()),
            false => Rows::Lines(WatchWriter::new(
                output.format,
                io::stdout(),
                args.sources.len(),
            )),
        };
        let events = output.events().into_iter();
        let events = events.map(|(format, path)| EventFile::create(format, path));
        let report = output.report.as_deref().map(|path| {
            let page = ReportPage::create_of(path, about, output.report_frames, PageUnit::Step)?;
            anyhow::Ok((path.to_owned(), page))
        });
        let overlay = output.overlay.as_deref();
        let overlay = overlay.map(|path| Overlay::create(path, args.input.ffmpeg()));
        Ok(Self {
            rows,
            events: events.collect::<Result<_, _>>()?,
            report: report.transpose()?,
            overlay: overlay.transpose()?,
            engine: [
                recogniser.engine().kind().to_string(),
                recogniser.engine().precision().to_string(),
            ],
            labels: recogniser.labels().clone(),
            topk: output.topk,
            names_sources: args.sources.len() > 1,
        })
    }

    /// Takes the frames that wait for the network.
    pub(super) fn feed(&mut self, stream: &mut Stream) -> anyhow::Result<Fed> {
        let overlay = &mut self.overlay;
        stream.feed(|frame| match (overlay.as_mut(), frame.image.take()) {
            (Some(overlay), Some(image)) => overlay.add(frame.seconds, image),
            _ => Ok(()),
        })
    }

    /// Writes a step everywhere.
    pub(super) fn step(
        &mut self,
        stream: &mut Stream,
        step: &Step,
        row: &StepRow,
    ) -> anyhow::Result<()> {
        for event in &row.ended {
            self.keep(&row.source, event)?;
        }
        if self.report.is_some() {
            let segment = stream.segments.add(step, row, stream.watcher.memory());
            self.segment(segment)?;
        }
        if let Some(overlay) = &mut self.overlay {
            overlay.answer(row);
        }
        if let Rows::Lines(rows) = &mut self.rows {
            rows.step(row)?;
        }
        for event in &row.ended {
            self.tell(&row.source, event)?;
        }
        Ok(())
    }

    /// Writes an event that ended after the last step.
    pub(super) fn event(&mut self, source: &str, event: &EventRow) -> anyhow::Result<()> {
        self.keep(source, event)?;
        match &mut self.rows {
            Rows::Lines(rows) => Ok(rows.event(source, event)?),
            Rows::View(_) => self.tell(source, event),
        }
    }

    /// A source has ended.
    pub(super) fn end(&mut self, stream: &mut Stream) -> anyhow::Result<()> {
        let segment = stream.segments.finish();
        self.segment(segment)
    }

    /// Writes that a source has failed.
    pub(super) fn failed(&mut self, row: &FailedRow) -> anyhow::Result<()> {
        match &mut self.rows {
            Rows::Lines(rows) => Ok(rows.failed(row)?),
            Rows::View(_) => Ok(()),
        }
    }

    /// Draws the view, if there is one and it is time.
    pub(super) fn draw(&mut self, streams: &[Stream], is_new: bool) -> io::Result<()> {
        let Rows::View(screen) = &mut self.rows else {
            return Ok(());
        };
        if !is_new && !screen.is_due() {
            return Ok(());
        }
        let stdout = io::stdout();
        let (width, height) = terminal::size(&stdout).unwrap_or((80, 24));
        let colour = match anstream::AutoStream::choice(&stdout) {
            anstream::ColorChoice::Never => Colour::Never,
            _ => Colour::Always,
        };
        let sources: Vec<_> = streams.iter().map(Stream::view).collect();
        screen.draw(&view(
            &sources,
            ViewStyle {
                width,
                height,
                colour,
            },
        ))
    }

    /// Clears what is drawn on the terminal while `write` writes there.
    pub(super) fn aside<T>(&mut self, write: impl FnOnce() -> T) -> io::Result<T> {
        if let Rows::View(screen) = &mut self.rows {
            screen.clear()?;
        }
        Ok(write())
    }

    /// Completes the files. Returns what there is to say about them.
    pub(super) fn finish(&mut self, ending: Ending) -> anyhow::Result<Vec<String>> {
        let mut notes = Vec::new();
        for file in std::mem::take(&mut self.events) {
            let path = file.path().display().to_string();
            let events = match file.finish()? {
                1 => "1 event".to_owned(),
                events => format!("{events} events"),
            };
            notes.push(format!("wrote {path} ({events})"));
        }
        if let Some((path, page)) = self.report.take() {
            let size = page_size(page.finish(ending)?);
            notes.push(format!("wrote {} {size}", path.display()));
        }
        if let Some(overlay) = self.overlay.take() {
            notes.push(overlay.finish()?);
        }
        Ok(notes)
    }

    fn keep(&mut self, source: &str, event: &EventRow) -> anyhow::Result<()> {
        let mut files = self.events.iter_mut();
        Ok(files.try_for_each(|file| file.add(source, event))?)
    }

    /// Above the view, an event stays.
    fn tell(&mut self, source: &str, event: &EventRow) -> anyhow::Result<()> {
        if let Rows::View(screen) = &mut self.rows {
            screen.clear()?;
            let name = self.names_sources.then_some(source);
            use io::Write;
            writeln!(io::stdout(), "{}", ended(name, event))?;
        }
        Ok(())
    }

    fn segment(&mut self, segment: Option<Segment>) -> anyhow::Result<()> {
        if let (Some((_, page)), Some(segment)) = (&mut self.report, segment) {
            let row = segment.row(
                self.engine.each_ref().map(String::as_str),
                &self.labels,
                self.topk,
            );
            page.add_several(&row, &segment.pictures(), segment.steps())?;
        }
        Ok(())
    }
}
