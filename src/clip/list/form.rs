//! The forms of lists, and which one a list has.

use super::columns::Columns;
use super::data_sets::{Line, Split};
use super::place::Places;
use super::words::{self, Row, concat, is_directive, named, numbered};

/// So many entries are looked at to tell the form of a list.
const SAMPLE: usize = 100;

/// What the entries of a list are that don't exist as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `path`
    Paths,
    /// `path label`
    Labels,
    /// `path frames label`
    FramesLabels,
    /// `path class name`
    Names,
    /// `path,label` and the like
    Table(Columns),
    /// `file 'path'`
    Concat,
    /// A list of a data set
    Split(Split),
}

/// What an entry says.
pub(super) enum Meaning {
    /// A clip.
    Row(Row),
    /// Nothing.
    Nothing,
    /// A clip that is not for testing.
    NotTested,
}

/// A list in no form that is read, with what is wrong.
pub(super) struct Unreadable(pub(super) String);

impl Form {
    /// The form of these entries, none of which exists as it stands. `are_paths` says that most of the list do.
    pub(super) fn of(
        records: &[&[u8]],
        are_paths: bool,
        places: &Places,
    ) -> Result<Self, Unreadable> {
        let sample = &records[..records.len().min(SAMPLE)];
        let Some(first) = sample.first() else {
            return Ok(Form::Paths);
        };
        if is_directive(first) || concat(first).is_some() {
            return Ok(Form::Concat);
        }
        // (existing, parsed): the first of the best, so that of two readings the one with the longer path is taken.
        let score = |form: &Form| {
            let rows: Vec<Row> = sample
                .iter()
                .filter_map(|record| form.row(record, places))
                .collect();
            let there = |row: &&Row| places.meant(&row.path, &row.folders).is_some();
            (rows.iter().filter(there).count(), rows.len())
        };
        let tables = [b'\t', b',', b';']
            .into_iter()
            .flat_map(Columns::unnamed)
            .map(Form::Table);
        let forms = [Form::Paths, Form::Labels, Form::FramesLabels]
            .into_iter()
            .chain(tables);
        let forms: Vec<Form> = forms.chain([Form::Names]).collect();
        let mut scores: Vec<_> = forms.iter().map(|form| (score(form), form)).collect();
        scores.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        if let Some(((1.., _), form)) = scores.first() {
            return Ok((*form).clone());
        }
        if are_paths {
            return Ok(Form::Paths);
        }
        let numbers = sample
            .iter()
            .map(|record| words::trailing_integers(record))
            .min();
        if numbers > Some(2) {
            return Err(Unreadable(
                "3 or more numbers after a path are a part of a clip (`path first-frame frames label`) or several labels: \
                 `path label` and `path frames label` are read"
                    .to_owned(),
            ));
        }
        // Nothing exists, which will be said, with what the list looks like.
        let fits = |form: &&Form| {
            let has_label = |record: &&[u8]| {
                form.row(record, places)
                    .is_some_and(|row| row.label.is_some())
            };
            sample.iter().filter(|record| has_label(record)).count() * 2 > sample.len()
        };
        let labelled = &forms[1..forms.len() - 1];
        let likely = [Form::FramesLabels]
            .iter()
            .chain(labelled)
            .find(fits)
            .cloned();
        Ok(likely.unwrap_or(Form::Paths))
    }

    /// What an entry says; `None` when it does not fit.
    pub(super) fn parse(&self, record: &[u8], places: &Places) -> Option<Meaning> {
        match self {
            Form::Concat if is_directive(record) => Some(Meaning::Nothing),
            Form::Split(split) => Some(match split.parse(record)? {
                Line::Row(row) => Meaning::Row(row),
                Line::NotTested => Meaning::NotTested,
            }),
            _ => self.row(record, places).map(Meaning::Row),
        }
    }

    fn row(&self, record: &[u8], places: &Places) -> Option<Row> {
        match self {
            Form::Paths => numbered(record, 0),
            Form::Labels => numbered(record, 1),
            Form::FramesLabels => numbered(record, 2),
            Form::Names => named(record, places),
            Form::Table(columns) => columns.parse(record),
            Form::Concat => concat(record),
            Form::Split(_) => None,
        }
    }

    /// The form in words.
    pub(super) fn words(&self) -> String {
        match self {
            Form::Paths => "a path".to_owned(),
            Form::Labels => "`path label`".to_owned(),
            Form::FramesLabels => "`path frames label`".to_owned(),
            Form::Names => "`path class name`".to_owned(),
            Form::Table(columns) => format!("`{}`", columns.words()),
            Form::Concat => "`file 'path'`".to_owned(),
            Form::Split(Split::Hmdb51 { .. }) => "`clip 0|1|2`, as in HMDB51's splits".to_owned(),
            Form::Split(Split::Ucf101) => "`Class/clip.avi`, as in UCF101's splits".to_owned(),
        }
    }
}
