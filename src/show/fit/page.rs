//! A training as one self-contained HTML page.

use std::io::{self, Write};
use std::time::SystemTime;

use askama::Template;

use super::chart::{Chart, HEIGHT, WIDTH};
use super::contents::FitPage;
use super::curves;
use super::epoch::best;
use super::headline::{self, duration};
use super::recipe::{self, RecipeRow};
use crate::show::evaluation::{Answers, Figure};
use crate::show::report::About;
use crate::show::words::day_and_minute;
use crate::text::number::{self, thousands};
use crate::text::{counted, iso_date, one_line};
use crate::train::{EpochRecord, Measured};

/// Epochs up to which their table is open.
const OPEN: usize = 12;

/// Writes the page.
///
/// # Errors
/// Those of the sink.
pub fn write(mut sink: impl Write, page: FitPage) -> io::Result<()> {
    Page::new(page)?.write_into(&mut sink)?;
    sink.flush()
}

impl<'a> Page<'a> {
    fn new(mut page: FitPage<'a>) -> io::Result<Self> {
        let numbers = headline::numbers(&page);
        let facts = headline::facts(page.training);
        let answers = match page.judged.take() {
            Some(judged) => {
                let summary = judged.summary;
                let failures = summary.failures.iter();
                let mut failures: Vec<(String, String)> = failures
                    .map(|(clip, error)| (clip.text(), error.clone()))
                    .collect();
                failures.extend_from_slice(page.left_out);
                let answers = Answers::new(judged.clips, summary, judged.frames, &failures);
                Some(answers?)
            }
            None => None,
        };
        let mut charts = curves::of_epochs(page.epochs);
        charts.extend(curves::of_penalties(page.tried));
        let classes = page.training.clips_per_class.len();
        Ok(Self {
            title: format!(
                "ECO training: {}, {}",
                one_line(&page.training.tuned),
                counted(classes, "class", "classes")
            ),
            skip: ("#recipe", "Skip to the recipe"),
            css: concat!(
                include_str!("../templates/page.css"),
                include_str!("../templates/evaluation.css"),
                include_str!("../templates/fit.css")
            ),
            version: &page.about.version,
            date: iso_date(SystemTime::now()),
            note: page.about.note.as_deref(),
            incomplete: page.incomplete,
            figures: numbers,
            how: page
                .training
                .judged
                .as_ref()
                .map(|judged| one_line(&judged.how)),
            facts,
            about: page.about,
            charts,
            best: best(page.epochs),
            epochs: page.epochs,
            recipe: recipe::rows(
                &page.training.recipe,
                page.preset.map(|preset| preset.values),
            ),
            preset: page.preset.map(|preset| preset.name),
            script: if answers.is_some() {
                Answers::SCRIPT
            } else {
                ""
            },
            answers,
            left_out: page.left_out,
        })
    }

    fn is_best(&self, place: &usize) -> bool {
        self.best == Some(*place)
    }

    fn sections(&self) -> [(&'static str, &[(String, String)]); 3] {
        [
            ("Training", &self.facts),
            ("Weights that it started from", &self.about.weights),
            ("Settings", &self.about.settings),
        ]
    }
}

#[derive(Template)]
#[template(path = "fit.html", config = "src/show/templates/askama.toml")]
struct Page<'a> {
    title: String,
    skip: (&'static str, &'static str),
    css: &'static str,
    version: &'a str,
    /// ISO 8601, UTC.
    date: String,
    note: Option<&'a str>,
    incomplete: Option<&'a str>,
    figures: Vec<Figure>,
    /// What the answers are judged by.
    how: Option<String>,
    facts: Vec<(String, String)>,
    about: &'a About,
    charts: Vec<Chart>,
    epochs: &'a [EpochRecord],
    /// The place of the best epoch.
    best: Option<usize>,
    recipe: Vec<RecipeRow>,
    preset: Option<&'a str>,
    answers: Option<Answers>,
    left_out: &'a [(String, String)],
    script: &'static str,
}

/// `93.10%`, or a dash.
fn share(judged: &Option<Measured>) -> String {
    judged.map_or("–".to_owned(), |judged| {
        format!("{:.2}%", judged.top_1 * 100.0)
    })
}

/// `0.0009505`: four digits that count, without zeros at the end.
fn rate(value: &f64) -> String {
    let rounded = format!("{value:.3e}").parse().unwrap_or(*value);
    f64::to_string(&rounded)
}

/// `0.9312`, or a dash.
fn loss(judged: &Option<Measured>) -> String {
    judged.map_or("–".to_owned(), |judged| number::loss(judged.loss))
}

/// `3.42`: clips per second in training.
fn clips_per_second(record: &EpochRecord) -> String {
    format!("{:.2}", record.clips as f64 / record.seconds.max(1e-9))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::contents::{ComparedWith, JudgedClips};
    use super::*;
    use crate::recognise::ClipName;
    use crate::recognise::evaluation::{Evaluation, Sample};
    use crate::show::Ending;
    use crate::show::evaluation::{ClipList, LeftOut, Summary};
    use crate::train::head::Tried;
    use crate::weights::{Judged, Training};

    const ODD: &str = "</script><b>\"odd\" & 'name'";

    fn training(tuned: &str) -> Training {
        Training {
            tuned: tuned.into(),
            start: ODD.into(),
            start_sha256: Some("ab12".into()),
            clips: 1200,
            clips_per_class: vec![300, 500, 400],
            data_sha256: "cd34".into(),
            recipe: serde_json::from_value(json!({
                "batch": 8, "learning_rate": 0.002, "dropout": { "head": 0.6 }, "note": ODD,
            }))
            .unwrap(),
            judged: Some(Judged {
                how: "the clips of --val".into(),
                clips: 30,
                top_1: 24,
            }),
        }
    }

    /// Epochs of which every other one is judged; the third judged one is the best.
    fn epochs(count: usize) -> Vec<EpochRecord> {
        (0..count)
            .map(|epoch| EpochRecord {
                epoch,
                steps: 75 * (epoch + 1),
                loss: 1.0 / (1.0 + epoch as f64),
                top_1: 1.0 - 0.5 / (1.0 + epoch as f64),
                learning_rate: 1e-3,
                judged: (epoch % 2 == 0).then_some(Measured {
                    loss: 0.25,
                    top_1: 0.875,
                }),
                is_best: [0, 2, 4].contains(&epoch),
                seconds: 61.0,
                clips: 580,
            })
            .collect()
    }

    /// The page about `epochs`, with answers of which every third is wrong.
    fn page(training: &Training, epochs: &[EpochRecord], tried: &[Tried]) -> String {
        let labels = [ODD, "growing", "shrinking"].map(str::to_owned);
        let mut evaluation = Evaluation::new(3, None);
        let mut clips = ClipList::default();
        for clip in 0..30 {
            let mut scores = vec![0.1; 3];
            scores[if clip % 3 == 0 {
                clip / 3 % 3
            } else {
                clip % 3
            }] = 0.8;
            let sample = Sample {
                clip: ClipName::new(format!("{ODD}{clip}.mp4")),
                range: None,
                truth: clip % 3,
                scores: Ok(scores),
            };
            let judged = evaluation.add(&sample);
            clips.add(&sample, judged);
        }
        let settings = BTreeMap::new();
        let summary = Summary {
            evaluation: &evaluation,
            labels: &labels,
            topk: 5,
            min_score: None,
            left_out: LeftOut::default(),
            failures: &[],
            speed: None,
            settings: &settings,
            ending: Ending::Complete,
        };
        let about = About {
            version: "1.2.3".into(),
            note: None,
            weights: vec![("Architecture".into(), "ECO-Lite".into())],
            settings: vec![("Segments".into(), "16".into())],
        };
        let preset = serde_json::from_value(json!({ "batch": 8, "learning_rate": 0.001 }));
        let mut bytes = Vec::new();
        let page = FitPage {
            about: &about,
            training,
            epochs,
            tried,
            preset: Some(ComparedWith {
                name: "small",
                values: &preset.unwrap(),
            }),
            judged: Some(JudgedClips {
                summary: &summary,
                clips: &clips,
                frames: Ok(Vec::new()),
            }),
            left_out: &[("gone.mp4".into(), "cut off".into())],
            stages: &[("features", 12.5), ("fit", 120.0)],
            incomplete: Some("stopped after epoch 6 of 40"),
        };
        write(&mut bytes, page).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_page_says_how_the_epochs_went_and_how_good_the_network_is() {
        let page = page(&training("last"), &epochs(6), &[]);
        for expected in [
            "<title>ECO training: last, 3 classes</title>",
            "24 of 30 answered clips; 95% interval",
            "3 classes, 300 to 500 clips each",
            "450 steps; best after epoch 5",
            "features 12.5 s, fit 2 min 0 s",
            "stopped after epoch 6 of 40",
            "Judged by the clips of --val.",
            "Epoch 3: 0.3333 in training, 0.2500 judged",
            "<td class=\"number\">87.50%</td>",
            "<td class=\"number\">1 min 1 s</td>",
            "<th scope=\"row\">learning_rate</th><td>0.002</td><td>0.001</td>",
            "<th scope=\"row\">batch</th><td>8</td><td></td>",
            "Confusion matrix",
            "gone.mp4",
            "SHA-256 cd34",
        ] {
            assert!(page.contains(expected), "{expected}");
        }
        assert_eq!(page.matches("<svg").count(), 4, "curves and calibration");
        assert_eq!(page.matches(">best</td>").count(), 1);
    }

    #[test]
    fn the_page_of_a_head_has_the_penalties_and_no_epochs() {
        let tried = [(1.0, 0.5), (0.1, 0.25), (0.01, 0.75)];
        let tried = tried.map(|(penalty, loss)| Tried { penalty, loss });
        let page = page(&training("head"), &[], &tried);
        assert!(page.contains("Penalty 0.1: loss 0.2500"));
        assert!(!page.contains("id=\"epochs\"") && !page.contains("Learning rate"));
        assert_eq!(page.matches("<svg").count(), 2);
    }

    #[test]
    fn learning_rates_have_the_digits_that_they_need() {
        let texts = [1e-3, 0.000_950_484_3, 2e-7, 0.0].map(|value| rate(&value));
        assert_eq!(texts, ["0.001", "0.0009505", "0.0000002", "0"]);
    }

    #[test]
    fn names_are_text_whatever_they_hold() {
        let page = page(&training("last"), &epochs(3), &[]);
        assert!(!page.contains("<b>\"odd\""));
        assert_eq!(page.matches("</script>").count(), 2);
    }

    #[test]
    fn a_training_without_epochs_and_answers_has_a_page() {
        let training = Training {
            judged: None,
            ..training("head")
        };
        let mut bytes = Vec::new();
        let page = FitPage {
            about: &About::default(),
            training: &training,
            epochs: &[],
            tried: &[],
            preset: None,
            judged: None,
            left_out: &[("<i>gone</i>".into(), "cut off".into())],
            stages: &[],
            incomplete: None,
        };
        write(&mut bytes, page).unwrap();
        let page = String::from_utf8(bytes).unwrap();
        assert!(page.contains("&#60;i&#62;gone") && page.contains("Left out"));
        assert!(
            !page.contains("<svg") && !page.contains("<i>gone") && !page.contains("In the preset")
        );
    }
}
