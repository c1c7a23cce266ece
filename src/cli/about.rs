//! Weights and settings in words.

use crate::cli::say::say;
use crate::cli::weights::DEMO_NOTICE;
use crate::recipe::KINETICS_CLASSES;
use crate::recognise::{OpenWeights, Recogniser, WeightsSource};
use crate::show::report::About;
use crate::text::counted;

/// Weights in words, without settings.
pub(super) fn of_weights(open: &OpenWeights) -> About {
    let metadata = open.metadata();
    let mut weights = Facts::default();
    weights.add("File", Some(open.source()));
    weights.add("Architecture", Some(&metadata.architecture));
    weights.add("Classes", Some(open.classes()));
    weights.add("Imported from", metadata.source_file.as_ref());
    weights.add("SHA-256 of that", metadata.source_sha256.as_ref());
    weights.add("Epoch", metadata.epoch);
    let accuracy = metadata.best_prec1.map(|percent| format!("{percent:.2}%"));
    weights.add("Best accuracy", accuracy);
    About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        note: (*open.source() == WeightsSource::Demo)
            .then(|| format!("The weights are {DEMO_NOTICE}.")),
        weights: weights.0,
        settings: Vec::new(),
    }
}

/// The weights and settings in words, for the report and for `-v`.
pub(super) fn describe(recogniser: &Recogniser, min_score: Option<f32>) -> About {
    let (engine, options) = (recogniser.engine(), recogniser.options());
    let mut settings = Facts::default();
    let runs = format!("{} on {}", engine.kind(), engine.device());
    settings.add("Engine", Some(runs));
    settings.add("Precision", Some(engine.precision()));
    settings.add("Threads", Some(recogniser.threads()));
    settings.add("Views per batch", Some(recogniser.batch()));
    settings.add("Segments", Some(engine.segments()));
    settings.add("Sampling", Some(recogniser.sampling()));
    settings.add("Preprocessing", Some(recogniser.preprocess()));
    let (clips, crops) = (options.clips, options.crops.count());
    settings.add("Views", (clips * crops > 1).then(|| views(clips, crops)));
    settings.add("Frames", options.open.frames.as_ref());
    settings.add("Frames per second", options.open.rate);
    settings.add("From", options.from);
    settings.add("To", options.to);
    settings.add("Window", options.sliding.map(|sliding| sliding.window));
    settings.add("Stride", options.sliding.map(|sliding| sliding.stride));
    let limit = min_score.map(|score| format!("{}%", score * 100.0));
    settings.add("Uncertain below", limit);
    About {
        settings: settings.0,
        ..of_weights(recogniser.weights())
    }
}

/// Prints settings to standard error, one a line.
pub(super) fn explain<'s>(settings: impl IntoIterator<Item = &'s (String, String)>) {
    for (name, value) in settings {
        say(format_args!("eco: {}: {value}", name.to_lowercase()));
    }
}

/// Preprocessing, sampling, segments and labels on one line. What neither a flag nor the weights state is marked as assumed.
pub(super) fn usage(recogniser: &Recogniser) -> String {
    let (options, weights) = (recogniser.options(), recogniser.weights());
    let given = |about: &str| match about {
        "preprocess" => options.preprocess.map(|preprocess| preprocess.to_string()),
        "sampling" => options.sampling.map(|sampling| sampling.to_string()),
        "segments" => options.segments.map(|segments| segments.to_string()),
        "labels" => options.labels.as_ref().map(|_| "from --labels".to_owned()),
        _ => None,
    };
    let said = weights
        .metadata()
        .facts()
        .map(|fact| match given(fact.about) {
            Some(value) => format!("{} {value}", fact.about),
            None if fact.value.is_none() && weights.classes() == KINETICS_CLASSES => {
                format!("{} kinetics400 (assumed)", fact.about)
            }
            None => fact.to_string(),
        });
    said.join(", ")
}

/// `3 per clip with 10 crops each`.
fn views(clips: usize, crops: usize) -> String {
    format!(
        "{clips} per clip with {} each",
        counted(crops, "crop", "crops")
    )
}

/// Names and values; what is unknown is left out.
#[derive(Default)]
struct Facts(Vec<(String, String)>);

impl Facts {
    fn add(&mut self, name: &str, value: Option<impl ToString>) {
        self.0
            .extend(value.map(|value| (name.to_owned(), value.to_string())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_counted_in_words() {
        assert_eq!(views(1, 3), "1 per clip with 3 crops each");
        assert_eq!(views(4, 1), "4 per clip with 1 crop each");
    }
}
