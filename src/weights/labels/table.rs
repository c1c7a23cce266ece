//! A table of classes: named columns, of which one holds the names and another may hold the indices.

use super::numbering::{in_order, index, places};

/// What columns of names are called, the surest first.
const NAME: [&str; 12] = [
    "name",
    "class_name",
    "classname",
    "label_name",
    "labelname",
    "class",
    "label",
    "action",
    "activity",
    "names",
    "labels",
    "classes",
];

/// What columns of indices are called, the surest first.
const INDEX: [&str; 14] = [
    "id",
    "index",
    "idx",
    "class_id",
    "label_id",
    "class_index",
    "label_index",
    "class_idx",
    "label_idx",
    "class_number",
    "number",
    "target",
    "label",
    "class",
];

/// Whether a column of names may be called `heading`.
pub(super) fn heads_names(heading: &str) -> bool {
    NAME.contains(&normal(heading).as_str())
}

fn normal(heading: &str) -> String {
    heading.trim().to_lowercase().replace([' ', '-'], "_")
}

/// Cells by row and column.
pub(super) struct Table {
    pub(super) headings: Vec<String>,
    /// As many cells in each row as there are headings.
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// The names by index; `None` when no column is called like one of names.
    ///
    /// # Errors
    /// Indices with gaps, and columns that number the classes in different ways.
    pub(super) fn names(&self) -> Option<Result<Vec<String>, String>> {
        let headings: Vec<String> = self.headings.iter().map(|h| normal(h)).collect();
        let find = |known: &[&str], fits: &dyn Fn(usize) -> bool| {
            let column = |name: &&str| headings.iter().position(|heading| heading == name);
            let mut columns = known.iter().filter_map(column);
            columns.find(|&column| fits(column))
        };
        // A column called `label` or `class` may hold either.
        let may_be_index = |column: usize| INDEX.contains(&headings[column].as_str());
        let names = find(&NAME, &|column| {
            !may_be_index(column) || self.indices(column).is_none()
        })?;
        let indices = find(&INDEX, &|column| {
            column != names && self.indices(column).is_some()
        });
        Some(self.numbered(names, indices))
    }

    /// Whether a column holds nothing but numbers.
    pub(super) fn has_numbers(&self) -> bool {
        (0..self.headings.len()).any(|column| self.indices(column).is_some())
    }

    fn indices(&self, column: usize) -> Option<Vec<usize>> {
        let indices = self.rows.iter().map(|row| index(&row[column]).ok());
        indices.collect()
    }

    fn numbered(&self, names: usize, by: Option<usize>) -> Result<Vec<String>, String> {
        let order = by.and_then(|column| self.indices(column));
        let order = order.unwrap_or_else(|| (0..self.rows.len()).collect());
        for other in
            (0..self.headings.len()).filter(|&column| column != names && Some(column) != by)
        {
            let other_order = self.indices(other).and_then(|indices| places(&indices));
            if let (Some(places_of), Some(expected)) = (other_order, places(&order))
                && places_of != expected
            {
                return Err(self.two_orders(other, by));
            }
        }
        let name = |row: &Vec<String>| row[names].trim().to_string();
        in_order(order.into_iter().zip(self.rows.iter().map(name)).collect())
    }

    fn two_orders(&self, other: usize, by: Option<usize>) -> String {
        let other = &self.headings[other];
        match by {
            Some(by) => format!(
                "{} and {other} number the classes in different ways: leave out one of them",
                self.headings[by]
            ),
            None => format!(
                "{other} numbers the classes in another order than they are listed in: call it index, or leave it out"
            ),
        }
    }

    /// Says that no column is called like one of names.
    pub(super) fn without_names(&self) -> String {
        let headings = self.headings.join(", ");
        format!("none of {headings} is called name, label or class")
    }
}
