//! That `eco classify` takes no more memory the more clips there are: docs/scale.md.
//!
//! The first lines and every hundredth are a clip that is answered, of 4 segments; the others fail, in ways that cost little time. So
//! what is covered is everything that is done for each line, each clip and each answer, not long videos, which are decoded in
//! processes of their own. ECO_MEMORY_LINES has more lines than the usual 2,000.
#![cfg(target_os = "linux")]

mod driver;
mod tools;

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;

use driver::{classify, clip, finished, folder, lines, piped};

/// Lines at the beginning that are answered.
const FIRST: usize = 8;

/// Lines after which everything that is kept is there: threads, buffers, the engine's memory.
const WARM: usize = 100;

/// Lines until the first measurement.
const EARLY: usize = 200;

/// What the allocator may gather beside, in kB. A leak of 4 kB a row is 15 MB at the end.
const SLACK: u64 = 6 << 10;

/// Clips of the archive.
const SAMPLES: usize = 2_000;

/// The most memory that a process has had since this was asked last, in kB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let peak = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    // Begins anew: weights take more while they are loaded than after it.
    fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
    peak
}

/// An archive whose clips have one frame each, which is none.
fn archive(path: &Path) {
    let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
    for number in 0..SAMPLES {
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        let name = format!("a folder/{number:06}.0.jpg");
        builder.append_data(&mut header, name, &b"abc"[..]).unwrap();
    }
    builder.finish().unwrap();
}

#[test]
fn memory_does_not_grow_with_the_number_of_lines_or_with_the_clips_of_an_archive() {
    let count = std::env::var("ECO_MEMORY_LINES").map_or(2_000, |lines| lines.parse().unwrap());
    let folder = folder();
    let good = clip(folder.path(), "good", 4);
    let broken = folder.path().join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("1.jpg"), "no picture").unwrap();
    let shards = folder.path().join("shard.tar");
    archive(&shards);

    let (good, broken) = (good.display(), broken.display());
    let is_answered = |number: usize| number < FIRST || number.is_multiple_of(100);
    let line = |number: usize| match number % 10 {
        _ if is_answered(number) => format!("{good}\t{number}"),
        3 => format!("{{\"clip\": \"{broken}\", \"id\": {number}, \"of\": [\"a\", {{}}]}}"),
        6 => format!("{{\"id\": {number}}}"),
        _ => format!("nowhere/{number}.mp4\t{number}"),
    };
    let mut command = classify(["-", "--format", "jsonl", "-q", "--fail-when", "never"]);
    let (child, mut stdin, mut stdout) = piped(&mut command);
    let mut answered = 0;
    // Writes lines from a thread of its own, and reads rows.
    let mut exchange = |lines_in: Vec<String>, rows: usize| {
        let all = lines_in.join("\n") + "\n";
        std::thread::scope(|scope| {
            scope.spawn(|| stdin.write_all(all.as_bytes()).unwrap());
            for _ in 0..rows {
                let mut row = String::new();
                stdout.read_line(&mut row).unwrap();
                answered += usize::from(lines(&row)[0].get("top").is_some());
            }
        });
        peak(child.id())
    };
    exchange((0..WARM).map(line).collect(), WARM);
    let early = exchange((WARM..EARLY).map(line).collect(), EARLY - WARM);
    let late = exchange((EARLY..count).map(line).collect(), count - EARLY);
    let archived = exchange(vec![shards.display().to_string()], SAMPLES);
    let peaks = format!("{early} kB, then {late} kB, with the archive {archived} kB");
    eprintln!("peak: {peaks}");
    assert!(late < early + SLACK && archived < early + SLACK, "{peaks}");
    assert_eq!(
        answered,
        (0..count).filter(|&number| is_answered(number)).count()
    );
    drop(stdin);
    assert_eq!(finished(child).0, 0);
}
