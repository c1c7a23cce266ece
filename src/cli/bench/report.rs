//! Measured times and their formats.

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::recognise::Recogniser;
use crate::text::{counted, terminal};

/// One stage's times in milliseconds per clip.
#[derive(Debug, Serialize)]
pub(super) struct Stage {
    name: &'static str,
    runs: usize,
    min_ms: f64,
    median_ms: f64,
    max_ms: f64,
    clips_per_second: f64,
}

impl Stage {
    /// The stage with these times, at least one; each is for `clips` clips.
    pub(super) fn new(name: &'static str, times: Vec<Duration>, clips: usize) -> Self {
        let mut ms: Vec<f64> = times
            .iter()
            .map(|time| time.as_secs_f64() * 1e3 / clips as f64)
            .collect();
        ms.sort_by(f64::total_cmp);
        let at = |index: usize| ms.get(index).copied().unwrap_or_default();
        let median_ms = (at((ms.len() - 1) / 2) + at(ms.len() / 2)) / 2.0;
        Self {
            name,
            runs: ms.len(),
            min_ms: at(0),
            median_ms,
            max_ms: at(ms.len() - 1),
            clips_per_second: 1e3 / median_ms,
        }
    }
}

/// How a device did with batches one after the other.
#[derive(Debug)]
pub(super) struct Queued {
    /// The part of the time in which it computed.
    pub(super) busy: f64,
    pub(super) graph: String,
}

impl Queued {
    /// Of the times from answer to answer, and of the device's own.
    pub(super) fn new(queued: &Stage, computed: &Stage, graph: String) -> Self {
        Self {
            busy: computed.median_ms / queued.median_ms,
            graph,
        }
    }
}

/// Everything that `eco bench` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: &'static str,
    network: String,
    classes: usize,
    weights: String,
    engine: String,
    precision: String,
    device: String,
    threads: usize,
    segments: usize,
    batch: usize,
    warmup: u16,
    /// Peak resident memory of the process, in MB; `None` where the system does not report it.
    peak_memory_mb: Option<f64>,
    stages: Vec<Stage>,
    /// Of a GPU, the part of the time in which it computes while batches are queued, and whether they are replayed.
    device_busy: Option<f64>,
    graph: Option<String>,
}

impl Report {
    /// Combines the measured stages with what they were measured on.
    pub(super) fn new(
        recogniser: &Recogniser,
        batch: usize,
        warmup: u16,
        stages: Vec<Stage>,
        queue: Option<Queued>,
    ) -> Self {
        let engine = recogniser.engine();
        let weights = recogniser.weights();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            network: weights.metadata().architecture.to_string(),
            classes: weights.classes(),
            weights: weights.source().to_string(),
            engine: engine.kind().to_string(),
            precision: engine.precision().to_string(),
            device: engine.device().to_string(),
            threads: recogniser.threads(),
            segments: engine.segments(),
            batch,
            warmup,
            peak_memory_mb: peak_memory_mb(),
            stages,
            device_busy: queue.as_ref().map(|queue| queue.busy),
            graph: queue.map(|queue| queue.graph),
        }
    }

    /// A table on standard output.
    pub(super) fn text(&self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        let width = terminal::width(&out).unwrap_or(usize::MAX);
        for line in [self.what(), self.how()] {
            writeln!(out, "{}", terminal::wrapped(&line, width))?;
        }
        writeln!(
            out,
            "{:13} {:>4} {:>9} {:>9} {:>9} {:>8}",
            "ms per clip", "runs", "min", "median", "max", "clips/s"
        )?;
        for stage in &self.stages {
            writeln!(
                out,
                "{:13} {:>4} {:>9.1} {:>9.1} {:>9.1} {:>8.2}",
                stage.name,
                stage.runs,
                stage.min_ms,
                stage.median_ms,
                stage.max_ms,
                stage.clips_per_second
            )?;
        }
        if let (Some(busy), Some(graph)) = (self.device_busy, &self.graph) {
            let busy = 100.0 * busy;
            writeln!(
                out,
                "queued: the device computes {busy:.0} % of the time, {graph}"
            )?;
        }
        if let Some(peak) = self.peak_memory_mb {
            writeln!(out, "peak memory {peak:.0} MB")?;
        }
        Ok(())
    }

    /// The network and its weights.
    fn what(&self) -> String {
        let classes = counted(self.classes, "class", "classes");
        format!("{}, {classes}, weights {}", self.network, self.weights)
    }

    /// What it runs on.
    fn how(&self) -> String {
        let threads = counted(self.threads, "thread", "threads");
        let Self {
            engine,
            precision,
            device,
            segments,
            batch,
            ..
        } = self;
        format!("{engine} on {device}, {precision}, {threads}, {segments} segments, batch {batch}")
    }

    /// One JSON object on standard output.
    pub(super) fn json(&self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, self)?;
        Ok(writeln!(out)?)
    }

    /// One line per stage on standard output, each with what it was measured on.
    pub(super) fn csv(&self) -> anyhow::Result<()> {
        let mut out = csv::Writer::from_writer(io::stdout().lock());
        out.write_record(HEADER)?;
        for stage in &self.stages {
            let peak = self.peak_memory_mb.map(|peak| peak.to_string());
            out.write_record([
                self.network.clone(),
                self.weights.clone(),
                self.engine.clone(),
                self.precision.clone(),
                self.device.clone(),
                self.threads.to_string(),
                self.segments.to_string(),
                self.batch.to_string(),
                peak.unwrap_or_default(),
                stage.name.to_owned(),
                stage.runs.to_string(),
                stage.min_ms.to_string(),
                stage.median_ms.to_string(),
                stage.max_ms.to_string(),
                stage.clips_per_second.to_string(),
            ])?;
        }
        Ok(out.flush()?)
    }
}

const HEADER: [&str; 15] = [
    "network",
    "weights",
    "engine",
    "precision",
    "device",
    "threads",
    "segments",
    "batch",
    "peak_memory_mb",
    "stage",
    "runs",
    "min_ms",
    "median_ms",
    "max_ms",
    "clips_per_second",
];

/// Peak resident memory of this process, which Linux records.
fn peak_memory_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_told_per_clip_by_its_extremes_and_median() {
        let times = [8, 2, 6, 4].map(Duration::from_millis).to_vec();
        let stage = Stage::new("forward", times, 2);
        assert_eq!(
            [stage.min_ms, stage.median_ms, stage.max_ms],
            [1.0, 2.5, 4.0]
        );
        assert_eq!((stage.runs, stage.clips_per_second), (4, 400.0));
    }
}
