//! JSON: a list of objects, however many clips there are.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Serializer, json};

use super::writer::RowWriter;
use crate::recognise::Row;
use crate::show::ending::Ending;

/// Writes an indented list, each row as it comes.
#[derive(Debug)]
pub struct JsonWriter<W: Write> {
    sink: W,
    elements: usize,
}

impl<W: Write> JsonWriter<W> {
    /// A writer to `sink`.
    pub fn new(sink: W) -> Self {
        Self { sink, elements: 0 }
    }

    fn element(&mut self, value: &impl Serialize) -> io::Result<()> {
        let start = if self.elements == 0 { "[" } else { "," };
        self.elements += 1;
        write!(self.sink, "{start}\n  {}", object(value)?)
    }
}

impl<W: Write> RowWriter for JsonWriter<W> {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        self.element(row)
    }

    fn finish(&mut self, ending: Ending) -> io::Result<()> {
        if let Ending::Cut(cut, missing) = ending {
            self.element(&json!({ "incomplete": cut, "missing_clips": missing }))?;
        }
        let end = if self.elements == 0 { "[]" } else { "\n]" };
        writeln!(self.sink, "{end}")?;
        self.sink.flush()
    }
}

/// An object, indented as an element of a list.
fn object(value: &impl Serialize) -> io::Result<String> {
    let mut bytes = Vec::new();
    let indented = Indented {
        depth: 1,
        lists: vec![Items::Plain],
    };
    value.serialize(&mut Serializer::with_formatter(&mut bytes, indented))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Indents objects but keeps lists of plain values on one line: a column of 400 logits helps nobody.
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
