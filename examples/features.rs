//! Writes the features of every clip in a directory as CSV: `cargo run --example features -- tests/clips > features.csv`

use eco::recognise::{Options, Outcome, Recogniser, WeightsSource};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).unwrap_or("tests/clips".into());
    let recogniser = Recogniser::new(Options::new(WeightsSource::Demo))?;
    for answer in recogniser.recognise(eco::clip::expand(directory.as_ref())?) {
        let answer = answer?;
        let clip = answer.entry.path.display();
        match &answer.outcome {
            Outcome::Scored { features, .. } => {
                let values: Vec<String> = features.iter().map(f32::to_string).collect();
                println!("{clip},{}", values.join(","));
            }
            Outcome::NotScored { error, .. } => eprintln!("{clip}: {error}"),
            Outcome::NotLoaded { error } => eprintln!("{clip}: {error}"),
        }
    }
    Ok(())
}
