use std::io::{self, Write};

use crate::recognise::evaluation::Evaluation;

/// Writes a line per class: index, name and measures.
///
/// # Errors
/// Those of the sink.
pub fn write_classes(
    sink: impl Write,
    evaluation: &Evaluation,
    labels: &[String],
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(sink);
    writer.write_record([
        "index",
        "label",
        "precision",
        "recall",
        "f1",
        "support",
        "predicted",
    ])?;
    for (index, measures) in evaluation.per_class().iter().enumerate() {
        writer.write_record([
            index.to_string(),
            labels[index].clone(),
            measures.precision.to_string(),
            measures.recall.to_string(),
            measures.f1.to_string(),
            measures.support.to_string(),
            measures.predicted.to_string(),
        ])?;
    }
    writer.flush()
}

/// Writes the confusion matrix: a line per true class, a column per class of the answers, both named.
///
/// # Errors
/// Those of the sink.
pub fn write_confusion(
    sink: impl Write,
    evaluation: &Evaluation,
    labels: &[String],
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(sink);
    writer.write_field("truth / predicted")?;
    writer.write_record(labels)?;
    for (truth, label) in labels.iter().enumerate() {
        writer.write_field(label)?;
        let counts = (0..labels.len()).map(|predicted| evaluation.confused(truth, predicted));
        writer.write_record(counts.map(|count| count.to_string()))?;
    }
    writer.flush()
}
