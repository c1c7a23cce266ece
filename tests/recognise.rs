//! The library's way from clips to answers, as programs use it.

mod driver;
mod tools;

use std::path::PathBuf;

use driver::{clip, folder};
use eco::clip::{ClipEntry, Position, Sliding};
use eco::engine::{Device, DeviceRequest};
use eco::recognise::{Options, Outcome, Recogniser, RowOptions, Stop, WeightsSource};

/// Few segments, which is quick.
fn options() -> Options {
    Options {
        device: DeviceRequest::Only(Device::Cpu),
        segments: Some(4),
        ..Options::new(WeightsSource::Demo)
    }
}

#[test]
fn answers_come_in_the_order_of_the_clips_and_a_clip_that_fails_is_one() {
    let folder = folder();
    let [a, b] = ["a", "b"].map(|name| clip(folder.path(), name, 5));
    let missing = folder.path().join("missing");
    let recogniser = Recogniser::new(options()).unwrap();
    let clips = [a, missing, b];
    let answers: Vec<_> = recogniser
        .recognise(clips.clone())
        .map(Result::unwrap)
        .collect();
    let paths: Vec<&PathBuf> = answers.iter().map(|answer| &answer.entry.path).collect();
    assert_eq!(paths, clips.iter().collect::<Vec<_>>());
    let kinds: Vec<bool> = answers
        .iter()
        .map(|answer| matches!(answer.outcome, Outcome::Scored { .. }))
        .collect();
    assert_eq!(kinds, [true, false, true]);
    let Outcome::Scored {
        scores, features, ..
    } = &answers[0].outcome
    else {
        unreachable!()
    };
    assert_eq!(features.len(), recogniser.weights().features());
    assert_eq!(scores.classes(), recogniser.weights().classes());
}

#[test]
fn one_recogniser_answers_run_after_run_alike() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 3);
    let recogniser = Recogniser::new(options()).unwrap();
    let logits = || {
        let answer = recogniser.recognise([&clip]).next().unwrap().unwrap();
        match answer.outcome {
            Outcome::Scored { scores, .. } => scores.logits().to_vec(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(logits(), logits());
}

#[test]
fn a_run_ends_when_it_is_asked_to_though_clips_would_never_end() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let recogniser = Recogniser::new(options()).unwrap();
    let stop = Stop::default();
    let endless = std::iter::repeat_with(move || Ok(ClipEntry::from(clip.clone())));
    let mut run = recogniser.recognise_until(&stop, endless);
    assert!(run.next().is_some());
    stop.ask();
    // What was complete when it was asked may still come.
    assert!(run.count() <= 1);
}

#[test]
fn times_of_windows_have_no_noise_in_their_digits() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 40);
    let mut options = options();
    options.open.rate = Some(30.0);
    options.sliding = Some(Sliding {
        window: Position::Frames(3),
        stride: Position::Frames(3),
    });
    let recogniser = Recogniser::new(options).unwrap();
    let mut longest = 0;
    for answer in recogniser.recognise([&clip]) {
        let row = recogniser.row(&answer.unwrap(), &RowOptions::default());
        let range = row.range().unwrap();
        for time in [range.start_seconds, range.end_seconds]
            .into_iter()
            .flatten()
        {
            longest = longest.max(time.to_string().len());
        }
    }
    assert!((1..="1.033333".len()).contains(&longest), "{longest}");
}
