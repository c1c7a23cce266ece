//! The list of all clips, which the page's script shows and searches.

use std::io;

use serde_json::json;

use crate::recognise::ClipName;
use crate::recognise::FrameRange;
use crate::recognise::evaluation::{Judgement, Sample};
use crate::show::evaluation::Summary;
use crate::show::words::range_text;
use crate::text::one_line;

/// The most mistakes that are shown with their frames.
pub const WORST: usize = 24;
/// Bytes for the list, so that a page stays below 10 MB.
const ROOM: usize = 5_500_000;

/// An answered clip.
#[derive(Debug)]
pub(super) struct Entry {
    pub clip: ClipName,
    range: Option<FrameRange>,
    pub truth: usize,
    /// `None` where every score is NaN.
    pub predicted: Option<usize>,
    /// That of the class that was said.
    pub score: f32,
    /// That of the true class.
    pub true_score: f32,
    pub rank: Option<usize>,
}

impl Entry {
    fn is_right(&self) -> bool {
        self.rank == Some(1)
    }

    /// Path and range on one line.
    pub(super) fn text(&self) -> String {
        let path = one_line(&self.clip.text());
        match &self.range {
            Some(range) => format!("{path} ({})", range_text(range)),
            None => path,
        }
    }
}

/// The answered clips of a page.
#[derive(Debug, Default)]
pub struct ClipList(Vec<Entry>);

/// What the page's script reads, and how many clips are in it.
pub(super) struct ListJson {
    pub json: String,
    pub listed: usize,
}

impl ClipList {
    /// Adds a sample that has been judged. One without an answer is no part of the list.
    pub fn add(&mut self, sample: &Sample, judged: Option<Judgement>) {
        let (Some(judged), Ok(scores)) = (judged, &sample.scores) else {
            return;
        };
        self.0.push(Entry {
            clip: sample.clip.clone(),
            range: sample.range,
            truth: sample.truth,
            predicted: judged.predicted,
            score: judged.confidence,
            true_score: scores[sample.truth],
            rank: judged.rank,
        });
    }

    /// Answers that are wrong.
    pub(super) fn wrong(&self) -> usize {
        self.0.iter().filter(|entry| !entry.is_right()).count()
    }

    /// The worst mistakes: wrong answers, those with the highest scores first. At most [`WORST`].
    pub fn worst(&self) -> Vec<&ClipName> {
        let worst = self.worst_entries().into_iter();
        worst.map(|entry| &entry.clip).collect()
    }

    pub(super) fn worst_entries(&self) -> Vec<&Entry> {
        let mut worst = self.worst_first();
        worst.retain(|entry| !entry.is_right());
        worst.truncate(WORST);
        worst
    }

    /// All clips: wrong ones by falling score, then right ones by rising score.
    fn worst_first(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.0.iter().collect();
        entries.sort_by(|a, b| {
            let by_score = match a.is_right() {
                true => a.score.total_cmp(&b.score),
                false => b.score.total_cmp(&a.score),
            };
            a.is_right().cmp(&b.is_right()).then(by_score)
        });
        entries
    }

    /// Classes, the confusion matrix and the clips for the page's script, which can stand in a script element. Where there is
    /// no room for all clips, the list ends early.
    pub(super) fn as_json(&self, summary: &Summary) -> io::Result<ListJson> {
        let mut rows = String::new();
        let mut listed = 0;
        for entry in self.worst_first() {
            let score = (f64::from(entry.score) * 1e4).round() / 1e4;
            let row = json!([
                entry.text(),
                entry.truth,
                entry.predicted,
                score,
                entry.rank
            ]);
            let row = in_script(&row.to_string());
            if rows.len() + row.len() > ROOM {
                break;
            }
            if listed > 0 {
                rows.push(',');
            }
            rows += &row;
            listed += 1;
        }
        let evaluation = summary.evaluation;
        let classes = evaluation.classes().max(1);
        let counts = evaluation.confusion().iter().enumerate();
        let cells: Vec<u64> = counts
            .filter(|(_, count)| **count > 0)
            .flat_map(|(place, &count)| [(place / classes) as u64, (place % classes) as u64, count])
            .collect();
        let labels: Vec<String> = summary.labels.iter().map(|label| one_line(label)).collect();
        let labels = in_script(&serde_json::to_string(&labels)?);
        let cells = serde_json::to_string(&cells)?;
        Ok(ListJson {
            json: format!(r#"{{"classes":{labels},"cells":{cells},"clips":[{rows}]}}"#),
            listed,
        })
    }
}

/// JSON that ends no script element.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}
