//! Online recognition without files: the memory, averages and events beside an independent model in Python, and a stream of
//! numbered frames through a made-up engine.

mod common;

use std::sync::Mutex;
use std::time::Instant;

use eco::clip::{Position, Turns};
use eco::engine::{ClipBatch, Device, Engine, EngineKind, Maps, Output, Precision, Result};
use eco::network::Network;
use eco::random::Draws;
use eco::recipe::{Architecture, FRAME_SIZE, Preprocess};
use eco::recognise::online::{
    Average, Averager, Event, EventRules, Events, Memory, MemoryKind, NewFrame, Step, WatchOptions,
    Watcher,
};
use serde_json::{Value, json};

/// The model averages in another order.
const ROUNDING: f64 = 1e-12;

fn model(cases: &[Value]) -> Option<Vec<Value>> {
    if !common::python().exists() {
        eprintln!("skipped: no {}", common::python().display());
        return None;
    }
    let printed = common::script("online_reference.py", cases.iter().map(Value::to_string));
    let answers = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    Some(answers.collect())
}

#[test]
fn the_memory_is_the_models_frame_by_frame() {
    let mut cases = Vec::new();
    for size in [4, 8, 16, 20, 32] {
        for every in [size / 2, size / 2 + 1, size, 2 * size + 3] {
            for (memory, seed) in [("official", 1), ("sampled", 1), ("sampled", 99)] {
                cases.push(json!({
                    "memory": memory, "size": size, "every": every, "steps": 12, "seed": seed
                }));
            }
        }
        cases.push(json!({"memory": "sampled", "size": size, "every": 1, "steps": 40, "seed": 5}));
    }
    let Some(answers) = model(&cases) else { return };
    for (case, answer) in cases.iter().zip(answers) {
        let number = |name: &str| case[name].as_u64().unwrap() as usize;
        let kind: MemoryKind = case["memory"].as_str().unwrap().parse().unwrap();
        let mut memory = Memory::new(kind, number("size"), number("seed") as u64);
        let mut next = 0;
        for (step, expected) in answer["frames"].as_array().unwrap().iter().enumerate() {
            let count = if step == 0 {
                number("size")
            } else {
                number("every")
            };
            memory.take((next..next + count).collect());
            next += count;
            let frames: Vec<usize> = memory.frames().copied().collect();
            assert_eq!(json!(frames), *expected, "{case}, step {step}");
        }
    }
}

/// Scores of three classes, one of which is often likely for a while.
fn scores(steps: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut draws = Draws::new(seed, &[]);
    let mut likely = 0;
    let mut step = || {
        if draws.unit() < 0.3 {
            likely = draws.below(3);
        }
        let best = 0.3 + 0.7 * draws.unit();
        let mut scores = vec![(1.0 - best) / 2.0; 3];
        scores[likely] = best;
        scores
    };
    (0..steps).map(|_| step()).collect()
}

#[test]
fn averages_and_events_are_the_models() {
    let scores = scores(300, 11);
    let spans: Vec<(f64, f64)> = (0..300)
        .map(|step| (f64::from(step), f64::from(step) + 0.9))
        .collect();
    let averages = ["ema", "mean:1", "mean:5", "none"];
    let rules = [(0.6, 0.4, 0.0), (0.7, 0.7, 1.5), (0.5, 0.1, 3.0)];
    let mut cases = averages
        .map(|average| json!({"average": average, "scores": scores}))
        .to_vec();
    cases.extend(rules.map(|(enter, leave, hold)| {
        json!({"enter": enter, "leave": leave, "hold": hold, "scores": scores, "spans": spans})
    }));
    let Some(answers) = model(&cases) else { return };
    for (name, answer) in averages.iter().zip(&answers) {
        let mut averager = Averager::new(name.parse::<Average>().unwrap());
        for (step, expected) in scores.iter().zip(answer["averages"].as_array().unwrap()) {
            for (found, expected) in averager.add(step).iter().zip(expected.as_array().unwrap()) {
                assert!(
                    (found - expected.as_f64().unwrap()).abs() < ROUNDING,
                    "{name}"
                );
            }
        }
    }
    for ((enter, leave, hold), answer) in rules.iter().zip(&answers[averages.len()..]) {
        let mut events = Events::new(EventRules {
            enter: *enter as f32,
            leave: *leave as f32,
            hold: *hold,
        });
        let mut found: Vec<Event> = Vec::new();
        for (step, span) in scores.iter().zip(&spans) {
            found.extend(events.look(step, *span));
        }
        found.extend(events.finish());
        let expected = answer["events"].as_array().unwrap();
        assert!(
            found.len() > 10 && found.len() == expected.len(),
            "{}",
            found.len()
        );
        for (event, expected) in found.iter().zip(expected) {
            let same = json!([event.class, event.start, event.end]);
            assert_eq!(same, json!(expected.as_array().unwrap()[..3]));
            assert!((event.score - expected[3].as_f64().unwrap()).abs() < ROUNDING);
            assert_eq!(Some(event.steps), expected[4].as_u64());
        }
    }
}

/// A frame whose map is its number. Its answer says how many maps it got, and the last of them.
struct Numbers {
    network: Network,
    /// The numbers of the frames whose maps were made, run by run.
    made: Mutex<Vec<Vec<u32>>>,
    /// What the network looked at.
    seen: Mutex<Vec<Vec<u32>>>,
}

impl Numbers {
    fn new(segments: usize) -> Self {
        Self {
            network: Network::new(Architecture::Lite, 2, segments).unwrap(),
            made: Mutex::default(),
            seen: Mutex::default(),
        }
    }
}

impl Engine for Numbers {
    fn kind(&self) -> EngineKind {
        EngineKind::Winograd
    }

    fn device(&self) -> Device {
        Device::Cpu
    }

    fn precision(&self) -> Precision {
        Precision::Fp32
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn maps(&self, frames: &[f32]) -> Result<Maps> {
        let frames = frames.chunks(ClipBatch::FRAME_LEN);
        // Blue and green together are the number, without their means.
        let number = |frame: &[f32]| {
            let green = frame[FRAME_SIZE * FRAME_SIZE] + 117.0;
            (frame[0] + 104.0) + 256.0 * green
        };
        let numbers: Vec<f32> = frames.map(number).collect();
        let made = numbers.iter().map(|number| *number as u32).collect();
        self.made.lock().unwrap().push(made);
        let count = numbers.len();
        Ok(Maps::new(numbers, count))
    }

    fn answer(&self, maps: &Maps) -> Result<Output> {
        let seen = maps.values().iter().map(|number| *number as u32).collect();
        self.seen.lock().unwrap().push(seen);
        Ok(Output {
            features: vec![0.0; 512],
            logits: vec![maps.frames() as f32, 0.0],
            classes: 2,
        })
    }

    fn run(&self, _: &ClipBatch) -> Result<Output> {
        unreachable!("a watcher makes maps by themselves")
    }
}

fn frame(number: u32, seconds: f64) -> NewFrame {
    let [blue, green, ..] = number.to_le_bytes();
    NewFrame {
        number: number.into(),
        seconds,
        arrived: Instant::now(),
        pixels: [0, green, blue].repeat(FRAME_SIZE * FRAME_SIZE),
    }
}

/// Watches so many numbered frames at 25 per second.
fn watch(options: &WatchOptions, engine: &Numbers, frames: u32) -> Vec<Step> {
    watch_with_time_left(options, engine, frames, 0)
}

/// The same, where between two frames there is time to work ahead so many times.
fn watch_with_time_left(
    options: &WatchOptions,
    engine: &Numbers,
    frames: u32,
    times: usize,
) -> Vec<Step> {
    let mut watcher = Watcher::new(options, engine.network.segments());
    let (preprocess, turns) = (Preprocess::Official, Turns::beside());
    let mut steps = Vec::new();
    for number in 0..frames {
        if watcher.push(frame(number, f64::from(number) / 25.0)) {
            steps.extend(watcher.step(engine, preprocess, &turns).unwrap());
        }
        for _ in 0..times {
            watcher.ahead(engine, preprocess, &turns).unwrap();
        }
    }
    steps.extend(watcher.finish(engine, preprocess, &turns).unwrap().0);
    steps
}

fn sampled() -> WatchOptions {
    WatchOptions {
        memory: MemoryKind::Sampled,
        ..WatchOptions::default()
    }
}

#[test]
fn a_step_makes_maps_of_the_new_frames_alone_and_of_none_twice() {
    for options in [WatchOptions::default(), sampled()] {
        let engine = Numbers::new(16);
        let steps = watch(&options, &engine, 16 * 9);
        let computed: Vec<usize> = steps.iter().map(|step| step.computed).collect();
        assert_eq!(computed, [16, 8, 8, 8, 8, 8, 8, 8, 8]);
        let mut made = engine.made.lock().unwrap().concat();
        let count = made.len();
        made.sort_unstable();
        made.dedup();
        assert_eq!(made.len(), count, "no frame twice");
        for (step, seen) in steps.iter().zip(engine.seen.lock().unwrap().iter()) {
            let memory: Vec<u32> = step.memory.iter().map(|frame| *frame as u32).collect();
            assert_eq!(*seen, memory, "each frame has its own map");
        }
    }
}

#[test]
fn maps_that_are_made_ahead_change_no_answer_and_leave_one_at_most_to_the_step() {
    for (kind, every) in [
        (MemoryKind::Official, None),
        (MemoryKind::Official, Some(Position::Frames(8))),
        (MemoryKind::Official, Some(Position::Frames(23))),
        (MemoryKind::Sampled, None),
        (MemoryKind::Sampled, Some(Position::Frames(3))),
    ] {
        let options = WatchOptions {
            memory: kind,
            every,
            ..WatchOptions::default()
        };
        let (plain, busy, idle) = (Numbers::new(16), Numbers::new(16), Numbers::new(16));
        let expected = watch(&options, &plain, 200);
        for (engine, times) in [(&busy, 1), (&idle, 2)] {
            let steps = watch_with_time_left(&options, engine, 200, times);
            for (step, expected) in steps.iter().zip(&expected) {
                assert_eq!(step.memory, expected.memory);
                // At the end of a stream other frames are looked at than was to be expected.
                assert!(step.is_last || step.computed == expected.computed);
            }
            assert_eq!(steps.len(), expected.len());
            assert_eq!(*engine.seen.lock().unwrap(), *plain.seen.lock().unwrap());
        }
        // The newest frame alone has come with the step, and it is always looked at by an official memory.
        let made = idle.made.lock().unwrap();
        let by_then = made.iter().filter(|made| made.len() > 1);
        assert!(by_then.count() <= 1, "{made:?}");
    }
}

#[test]
fn nothing_is_made_ahead_where_the_frames_of_a_step_are_not_known() {
    let options = WatchOptions {
        every: Some(Position::Seconds(0.8)),
        ..WatchOptions::default()
    };
    let engine = Numbers::new(16);
    watch_with_time_left(&options, &engine, 60, 2);
    let made = engine.made.lock().unwrap();
    let lengths: Vec<usize> = made.iter().map(Vec::len).collect();
    assert_eq!(
        lengths[..16],
        [1; 16],
        "the first step is known to take all"
    );
    assert_eq!(
        lengths[16..],
        [8, 8, 4],
        "two steps, and the frames that are left"
    );
}

#[test]
fn the_first_step_comes_with_the_frame_that_fills_the_memory() {
    for every in [
        None,
        Some(Position::Frames(40)),
        Some(Position::Seconds(3.0)),
    ] {
        let options = WatchOptions {
            every,
            ..WatchOptions::default()
        };
        let steps = watch(&options, &Numbers::new(16), 200);
        assert_eq!(steps[0].frames, (0, 15));
        assert_eq!(steps[0].memory, (0..16).collect::<Vec<u64>>());
        let expected = match every {
            None => (16, 31),
            Some(Position::Frames(frames)) => (16, 15 + frames as u64),
            Some(Position::Seconds(seconds)) => (16, 15 + (seconds * 25.0) as u64),
        };
        assert_eq!(steps[1].frames, expected);
    }
}

#[test]
fn a_sampled_memory_may_step_with_every_frame() {
    let options = WatchOptions {
        every: Some(Position::Frames(1)),
        ..sampled()
    };
    let steps = watch(&options, &Numbers::new(16), 40);
    assert_eq!(steps.len(), 25);
    assert!(steps[1..].iter().all(|step| step.computed == 1));
}

#[test]
fn an_official_memory_waits_until_its_half_is_full() {
    let options = WatchOptions {
        every: Some(Position::Frames(2)),
        ..WatchOptions::default()
    };
    let steps = watch(&options, &Numbers::new(16), 40);
    let firsts: Vec<u64> = steps.iter().map(|step| step.frames.0).collect();
    assert_eq!(firsts, [0, 16, 24, 32]);
}

#[test]
fn the_end_of_a_stream_gives_a_last_answer_about_all_its_frames() {
    for options in [WatchOptions::default(), sampled()] {
        let steps = watch(&options, &Numbers::new(16), 20);
        assert_eq!(steps.len(), 2);
        assert!(!steps[0].is_last && steps[1].is_last);
        assert_eq!(steps[1].memory.len(), 16);
        assert_eq!(steps[1].memory[12..], [16, 17, 18, 19]);
        assert_eq!(watch(&options, &Numbers::new(16), 16).len(), 1);
        assert_eq!(watch(&options, &Numbers::new(16), 0).len(), 0);
    }
}

#[test]
fn a_stream_shorter_than_the_memory_repeats_frames_as_a_clip_does() {
    let steps = watch(&WatchOptions::default(), &Numbers::new(16), 10);
    assert_eq!(steps.len(), 1);
    assert_eq!(
        steps[0].memory,
        [0, 0, 1, 2, 2, 3, 4, 4, 5, 5, 6, 7, 7, 8, 9, 9]
    );
    assert_eq!(steps[0].computed, 10);
}

#[test]
fn the_last_event_ends_with_the_stream() {
    let options = WatchOptions {
        events: EventRules {
            hold: 1.0,
            ..EventRules::default()
        },
        ..WatchOptions::default()
    };
    // 16 maps give class 0 nearly all of the score.
    let steps = watch(&options, &Numbers::new(16), 40);
    let ended: Vec<&Event> = steps.iter().flat_map(|step| &step.ended).collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0].class, ended[0].start, ended[0].end),
        (0, 0.0, 39.0 / 25.0)
    );
    assert!(steps[1].current.is_some() && steps[2].current.is_none());
}

/// Bytes of this process in memory.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_over_a_long_stream() {
    for drops_oldest in [true, false] {
        simulate(drops_oldest);
    }
}

/// A stream of ten minutes, or of so many hours as ECO_WATCH_HOURS says, through a ring into a watcher. Its source is quicker
/// than the network for a while, slower for a while, and pauses.
#[cfg(target_os = "linux")]
fn simulate(drops_oldest: bool) {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use eco::clip::live::{Bell, Ring, Taken};
    use eco::recognise::online::Latencies;

    /// What allocators keep for themselves.
    const SLACK: u64 = 24 << 20;

    let hours = std::env::var("ECO_WATCH_HOURS").ok();
    let hours: f64 = hours.map_or(1.0 / 6.0, |hours| hours.parse().unwrap());
    let frames = (hours * 3600.0 * 25.0) as u32;
    let bell = Arc::new(Bell::default());
    let ring = Arc::new(Ring::new(16, drops_oldest, Arc::clone(&bell)));
    let source = {
        let (ring, bell) = (Arc::clone(&ring), Arc::clone(&bell));
        thread::spawn(move || {
            for number in 0..frames {
                // Bursts, a steady pace, and a stall. A source that waits for nobody lets a busy machine have its steps.
                match number % 5000 {
                    ..3000 if drops_oldest && number % 16 == 0 => {
                        thread::sleep(Duration::from_millis(4));
                    }
                    4000.. if number % 10 == 0 => thread::sleep(Duration::from_micros(500)),
                    3999 => thread::sleep(Duration::from_millis(50)),
                    _ => {}
                }
                assert!(ring.push(frame(number % 65_536, f64::from(number) / 25.0)));
            }
            bell.ring();
        })
    };
    // Few segments keep the preparation of frames quick.
    let engine = Numbers::new(4);
    let options = WatchOptions {
        average: Average::Mean(50),
        memory: MemoryKind::Sampled,
        every: Some(Position::Frames(16)),
        ..WatchOptions::default()
    };
    let mut watcher = Watcher::new(&options, 4);
    let (mut latencies, mut taken, mut steps) = (Latencies::default(), 0_u64, 0_u64);
    let mut at_first = None;
    loop {
        let heard = bell.rung();
        match ring.take() {
            Taken::Item(frame) => {
                taken += 1;
                if watcher.push(frame) {
                    let turns = Turns::beside();
                    let step = watcher
                        .step(&engine, Preprocess::Official, &turns)
                        .unwrap()
                        .unwrap();
                    latencies.add(step.arrived.elapsed());
                    steps += 1;
                    // The engine remembers everything for other tests.
                    engine.made.lock().unwrap().clear();
                    engine.seen.lock().unwrap().clear();
                    if steps == 50 {
                        at_first = Some(resident());
                    }
                }
            }
            _ if source.is_finished() => break,
            _ => bell.wait(heard, Duration::from_millis(20)),
        }
    }
    source.join().unwrap();
    assert_eq!(taken + ring.dropped(), u64::from(frames));
    assert!(drops_oldest || ring.dropped() == 0);
    assert!(steps > 50 && latencies.quantile(0.5).is_some());
    let grown = resident().saturating_sub(at_first.unwrap());
    let dropped = ring.dropped();
    println!(
        "{steps} steps, {taken} frames taken, {dropped} dropped, {grown} bytes more at the end"
    );
    assert!(grown < SLACK, "{grown} bytes more after {steps} steps");
}
