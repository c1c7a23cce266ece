//! The parts of the Winograd engine, one thread, at the sizes they have in the network: `cargo bench`.

#[allow(
    dead_code,
    unused_imports,
    reason = "the engine is built alone, to measure its parts"
)]
#[path = "../src/engine/winograd/mod.rs"]
mod winograd;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use winograd::buffer::{Buffer, LINE};
use winograd::convolution::{Convolution, Job, Kind};
use winograd::filters;
use winograd::gemm::{Epilogue, Gemm};
use winograd::simd::Isa;
use winograd::threads::Crew;
use winograd::tiles::Side;
use winograd::view::{Shape, View};

/// A convolution, its channels, the frames and side of its input, and how many of its tiles make a block.
type Layer = (&'static str, Kind, [usize; 2], [usize; 2], usize);

const LAYERS: [Layer; 6] = [
    ("stem", Kind::Stem, [12, 64], [1, 115], 28),
    ("conv2", Kind::Plane, [64, 192], [1, 56], 14),
    ("inception", Kind::Plane, [64, 96], [1, 28], 49),
    ("res3", Kind::Volume4, [128, 128], [16, 28], 16),
    ("res5", Kind::Volume2, [512, 512], [4, 7], 16),
    ("res4 stride 2", Kind::Stride2, [128, 512], [16, 28], 16),
];

/// The matrix products of one point.
fn gemm(c: &mut Criterion) {
    let isa = Isa::detect();
    let mut group = c.benchmark_group("gemm");
    for [rows, depth, columns] in [[14, 64, 192], [49, 64, 96], [64, 128, 128], [32, 512, 512]] {
        let [mut a, b, mut c] = [rows * depth, depth * columns, rows * columns].map(Buffer::zeroed);
        let (a, c) = (a.span(), c.span());
        group.throughput(Throughput::Elements((2 * rows * depth * columns) as u64));
        group.bench_function(
            BenchmarkId::from_parameter(format!("{rows}x{depth}x{columns}")),
            |bench| {
                bench.iter(|| {
                    isa.run(Gemm {
                        depth,
                        places: &[[0, 0, rows]],
                        a: (a, depth),
                        b: black_box(&b),
                        c: (c, columns),
                        epilogue: None,
                    });
                });
            },
        );
    }
    group.finish();
}

/// One block of tiles of each convolution: its transforms, and the whole.
fn convolution(c: &mut Criterion) {
    let (isa, crew) = (Isa::detect(), Crew::Alone);
    for (name, kind, [inputs, outputs], [frames, side], tiles) in LAYERS {
        let shape = Shape::square(1, frames, side);
        let [space, time] = kind.axes();
        let weights = vec![0.5; inputs * outputs * time.taps * space.taps * space.taps];
        let transform = || filters::transform(isa, crew, kind, inputs, &[&weights]);
        let convolution = Convolution {
            kind,
            inputs,
            filters: transform(),
            epilogue: Epilogue::bias(&vec![0.0; outputs]),
        };
        let padded = inputs.next_multiple_of(LINE);
        let out = convolution.output_shape(shape);
        let [mut x, mut y] = [shape.pixels() * padded, out.pixels() * outputs].map(Buffer::zeroed);
        let job = Job {
            input: View::dense(x.span(), shape, padded, 0),
            shape,
            output: View::dense(y.span(), out, outputs, 0),
            raw: None,
            residual: None,
        };
        let mut scratch = <[Buffer; 2]>::default();
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        // SAFETY: the views have the extents of the shapes; nobody else uses them.
        unsafe {
            let block = convolution.block(job, 0..tiles, &mut scratch);
            group.bench_function("inputs", |bench| {
                bench.iter(|| block.transform(isa, crew, Side::Inputs));
            });
            group.bench_function("products", |bench| bench.iter(|| block.multiply(isa, crew)));
            group.bench_function("outputs", |bench| {
                bench.iter(|| block.transform(isa, crew, Side::Outputs));
            });
            group.bench_function("whole", |bench| {
                bench.iter(|| convolution.run(isa, crew, job, 0..tiles, &mut scratch));
            });
        }
        group.bench_function("filters", |bench| bench.iter(transform));
        group.finish();
    }
}

criterion_group!(benches, gemm, convolution);
criterion_main!(benches);
