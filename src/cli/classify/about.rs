//! What a run is made with, in words.

use super::Session;
use crate::show::report::About;
use crate::weights::Metadata;

impl Session<'_> {
    /// The weights and settings in words, for the report and for `-v`.
    pub(super) fn describe(&self, name: &str, metadata: &Metadata) -> About {
        let mut weights = Facts::default();
        weights.add("File", Some(name));
        weights.add("Architecture", Some(&metadata.architecture));
        weights.add("Classes", Some(self.classes));
        weights.add("Imported from", metadata.source_file.as_ref());
        weights.add("SHA-256 of that", metadata.source_sha256.as_ref());
        weights.add("Epoch", metadata.epoch);
        let accuracy = metadata.best_prec1.map(|percent| format!("{percent:.2}%"));
        weights.add("Best accuracy", accuracy);

        let args = self.args;
        let mut settings = Facts::default();
        let engine = self.engine.kind();
        settings.add(
            "Engine",
            Some(format!("{engine} on {}", self.engine.device())),
        );
        settings.add("Threads", Some(self.threads));
        settings.add("Views per batch", Some(self.batch));
        settings.add("Segments", Some(self.engine.segments()));
        settings.add("Sampling", Some(args.sampling));
        settings.add("Preprocessing", Some(self.preprocess));
        let views = args.clips * args.crops.count();
        let views =
            (views > 1).then(|| format!("{} times in the clip, {} crops", args.clips, args.crops));
        settings.add("Views", views);
        settings.add("From", args.from);
        settings.add("To", args.to);
        let sliding = args.sliding();
        settings.add("Window", sliding.map(|sliding| sliding.window));
        settings.add("Stride", sliding.map(|sliding| sliding.stride));
        settings.add(
            "Uncertain below",
            args.min_score.map(|score| format!("{}%", score * 100.0)),
        );
        About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            weights: weights.0,
            settings: settings.0,
        }
    }
}

/// Names and values in words; what is unknown is left out.
#[derive(Default)]
struct Facts(Vec<(String, String)>);

impl Facts {
    fn add(&mut self, name: &str, value: Option<impl ToString>) {
        self.0
            .extend(value.map(|value| (name.to_owned(), value.to_string())));
    }
}
