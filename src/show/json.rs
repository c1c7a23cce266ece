//! JSON: an object for one row, a list for several.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::{Ending, RowWriter};
use crate::recognise::Row;

/// Writes indented JSON. The first row waits for the second, which decides between object and list; later rows are written
/// as they come.
#[derive(Debug)]
pub struct JsonWriter<W: Write> {
    sink: W,
    state: State,
}

#[derive(Debug)]
enum State {
    Empty,
    /// The only row so far.
    One(Box<Row>),
    List,
}

impl<W: Write> JsonWriter<W> {
    /// A writer to `sink`.
    pub fn new(sink: W) -> Self {
        Self {
            sink,
            state: State::Empty,
        }
    }
}

impl<W: Write> RowWriter for JsonWriter<W> {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        match std::mem::replace(&mut self.state, State::List) {
            State::Empty => {
                self.state = State::One(Box::new(row.clone()));
                return Ok(());
            }
            State::One(first) => write!(self.sink, "[\n  {}", object(&first, 1)?)?,
            State::List => {}
        }
        write!(self.sink, ",\n  {}", object(row, 1)?)
    }

    fn finish(&mut self, ending: Ending) -> io::Result<()> {
        if let Ending::Cut(cut, missing) = ending {
            let missing = serde_json::json!({ "incomplete": cut, "missing_clips": missing });
            match &self.state {
                State::Empty => write!(self.sink, "[")?,
                State::One(row) => write!(self.sink, "[\n  {},", object(row, 1)?)?,
                State::List => write!(self.sink, ",")?,
            }
            write!(self.sink, "\n  {missing}")?;
            self.state = State::List;
        }
        match &self.state {
            State::Empty => writeln!(self.sink, "[]")?,
            State::One(row) => writeln!(self.sink, "{}", object(row, 0)?)?,
            State::List => writeln!(self.sink, "\n]")?,
        }
        self.sink.flush()
    }
}

/// The row as an object whose own lines are indented `depth` times.
fn object(row: &Row, depth: usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    row.serialize(&mut Serializer::with_formatter(
        &mut bytes,
        Indented::new(depth),
    ))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Objects are indented; lists of plain values stay on one line, since 400 logits down the screen help nobody.
struct Indented {
    depth: usize,
    /// For each open list, whether it holds objects.
    lists: Vec<Items>,
}

#[derive(Clone, Copy, PartialEq)]
enum Items {
    Plain,
    Objects,
}

impl Indented {
    fn new(depth: usize) -> Self {
        Self {
            depth,
            lists: vec![Items::Plain],
        }
    }

    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        write!(writer, "\n{:width$}", "", width = 2 * self.depth)
    }
}

impl Formatter for Indented {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.lists.push(Items::Plain);
        self.depth += 1;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.lists.pop() == Some(Items::Objects) {
            self.new_line(writer)?;
        }
        writer.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first {
            return Ok(());
        }
        let objects = self.lists.last() == Some(&Items::Objects);
        out.write_all(if objects { b"," } else { b", " })
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.lists.len() > 1 {
            if let Some(list) = self.lists.last_mut() {
                *list = Items::Objects;
            }
            self.new_line(writer)?;
        }
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        self.new_line(writer)?;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.new_line(out)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
