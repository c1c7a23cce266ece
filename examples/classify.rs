//! Classifies every clip in a directory with the demo weights: `cargo run --example classify -- tests/clips`

use eco::recognise::{Options, Outcome, Recogniser, WeightsSource};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).unwrap_or("tests/clips".into());
    let recogniser = Recogniser::new(Options::new(WeightsSource::Demo))?;
    for answer in recogniser.recognise(eco::clip::expand(directory.as_ref())?) {
        let answer = answer?;
        let clip = answer.entry.path.display();
        match &answer.outcome {
            Outcome::Scored { scores, .. } => {
                let best = &scores.top(1, recogniser.labels())[0];
                println!("{clip}: {} ({:.1}%)", best.label, 100.0 * best.score);
            }
            Outcome::NotScored { error, .. } => println!("{clip}: {error}"),
            Outcome::NotLoaded { error } => println!("{clip}: {error}"),
        }
    }
    Ok(())
}
