//! Files of events: subtitles and a table. They appear when they are complete.

use std::io::{self, Write};
use std::path::Path;

use super::row::EventRow;
use crate::file::{FileError, NewFile};
use crate::text::one_line;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFormat {
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// A table: source, start, end, label, score.
    Csv,
}

/// A file of events under construction.
#[derive(Debug)]
pub struct EventFile {
    format: EventFormat,
    file: NewFile,
    events: usize,
}

impl EventFile {
    /// Starts the file that will appear at `path`.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn create(format: EventFormat, path: &Path) -> Result<Self, FileError> {
        let mut file = NewFile::create(path)?;
        let head: &[u8] = match format {
            EventFormat::Srt => b"",
            EventFormat::Vtt => b"WEBVTT\n\n",
            EventFormat::Csv => b"source,start,end,label,score\n",
        };
        file.write_all(head).map_err(|error| file.failed(error))?;
        Ok(Self {
            format,
            file,
            events: 0,
        })
    }

    /// The file that will appear.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Adds an event. Those of one source come in the order of time.
    ///
    /// # Errors
    /// [`FileError::Write`].
    pub fn add(&mut self, source: &str, event: &EventRow) -> Result<(), FileError> {
        self.events += 1;
        let written = match self.format {
            EventFormat::Csv => self.line(source, event),
            EventFormat::Srt | EventFormat::Vtt => self.cue(event),
        };
        written.map_err(|error| self.file.failed(error))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`FileError::Write`].
    pub fn finish(self) -> Result<usize, FileError> {
        self.file.finish()?;
        Ok(self.events)
    }

    fn cue(&mut self, event: &EventRow) -> io::Result<()> {
        let start = milliseconds(event.start_seconds);
        // A cue that ends as it begins is never shown.
        let end = milliseconds(event.end_seconds).max(start + 1);
        let percent = (event.score * 100.0).round();
        let text = format!("{} {percent}%", one_line(&event.label));
        let number = self.events;
        match self.format {
            EventFormat::Vtt => {
                let (start, end) = (timestamp(start, '.'), timestamp(end, '.'));
                writeln!(self.file, "{start} --> {end}\n{}\n", escaped(&text))
            }
            _ => {
                let (start, end) = (timestamp(start, ','), timestamp(end, ','));
                // The arrow is what readers tell the line of times by.
                let text = text.replace("-->", "->");
                writeln!(self.file, "{number}\n{start} --> {end}\n{text}\n")
            }
        }
    }

    fn line(&mut self, source: &str, event: &EventRow) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(&mut self.file);
        writer.write_record([
            source,
            &event.start_seconds.to_string(),
            &event.end_seconds.to_string(),
            &event.label,
            &event.score.to_string(),
        ])?;
        writer.flush()
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e3).round() as u64
}

/// `01:02:03.004`.
fn timestamp(milliseconds: u64, point: char) -> String {
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}")
}

/// Text in which WebVTT finds no tags and no arrow.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(format: EventFormat) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut file = EventFile::create(format, &path).unwrap();
        let event = |label: &str, start_seconds, end_seconds| EventRow {
            index: 0,
            label: label.to_owned(),
            start_seconds,
            end_seconds,
            score: 0.876,
        };
        file.add("a,b", &event("moving up", 0.0, 3725.0405))
            .unwrap();
        file.add("a,b", &event("a <b> & --> c\n", 3725.5, 3725.5))
            .unwrap();
        assert!(!path.exists());
        assert_eq!(file.finish().unwrap(), 2);
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn subtitles_are_numbered_and_their_times_have_commas() {
        let expected = "1\n00:00:00,000 --> 01:02:05,041\nmoving up 88%\n\n\
                        2\n01:02:05,500 --> 01:02:05,501\na <b> & -> c\\n 88%\n\n";
        assert_eq!(written(EventFormat::Srt), expected);
    }

    #[test]
    fn web_subtitles_have_a_head_and_points_and_no_tags() {
        let expected = "WEBVTT\n\n00:00:00.000 --> 01:02:05.041\nmoving up 88%\n\n\
                        01:02:05.500 --> 01:02:05.501\na &lt;b&gt; &amp; --&gt; c\\n 88%\n\n";
        assert_eq!(written(EventFormat::Vtt), expected);
    }

    #[test]
    fn the_table_quotes_what_it_has_to() {
        let expected = "source,start,end,label,score\n\"a,b\",0,3725.0405,moving up,0.876\n\
                        \"a,b\",3725.5,3725.5,\"a <b> & --> c\n\",0.876\n";
        assert_eq!(written(EventFormat::Csv), expected);
    }
}
