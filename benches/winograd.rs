//! The parts of the Winograd engine, one thread, at the sizes they have in the network: `cargo bench`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eco::engine::cpu::amx::Amx;
use eco::engine::cpu::buffer::{Buffer, LINE};
use eco::engine::cpu::simd::Isa;
use eco::engine::cpu::threads::Crew;
use eco::engine::winograd::convolution::{Convolution, Job};
use eco::engine::winograd::filters;
use eco::engine::winograd::gemm::{Epilogue, Gemm};
use eco::engine::winograd::kind::Kind;
use eco::engine::winograd::tiles::Block;
use eco::engine::winograd::view::{Shape, View};

/// A convolution, its channels, the frames and side of its input, and how many of its tiles make a block.
type Layer = (&'static str, Kind, [usize; 2], [usize; 2], usize);

const LAYERS: [Layer; 8] = [
    ("stem", Kind::Stem, [12, 64], [1, 115], 28),
    ("conv2", Kind::Plane, [64, 192], [1, 56], 14),
    ("inception", Kind::Plane, [64, 96], [1, 28], 49),
    ("inception 4", Kind::Plane, [128, 128], [1, 14], 16),
    ("4e stride 2", Kind::PlaneStride2, [256, 256], [1, 14], 16),
    ("res3", Kind::Volume4, [128, 128], [16, 28], 16),
    ("res5", Kind::Volume2, [512, 512], [4, 7], 16),
    ("res4 stride 2", Kind::Stride2, [128, 512], [16, 28], 16),
];

/// The matrix products of one point.
fn gemm(c: &mut Criterion) {
    let isa = Isa::detect();
    let mut group = c.benchmark_group("gemm");
    for [rows, depth, columns] in [[14, 64, 192], [49, 64, 96], [64, 128, 128], [32, 512, 512]] {
        let [a, b, mut c] = [rows * depth, depth * columns, rows * columns].map(Buffer::zeroed);
        group.throughput(Throughput::Elements((2 * rows * depth * columns) as u64));
        group.bench_function(
            BenchmarkId::from_parameter(format!("{rows}x{depth}x{columns}")),
            |bench| {
                bench.iter(|| {
                    isa.run(Gemm {
                        a: black_box(&a),
                        b: &b,
                        c: &mut c,
                        rows,
                        depth,
                        columns,
                        strides: [depth, columns],
                        add: false,
                        epilogue: None,
                        next: &b,
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
            amx: Amx::detect().filter(|_| kind.suits_amx(inputs)),
            max_pool: false,
        };
        let padded = inputs.next_multiple_of(LINE);
        let out = convolution.output_shape(shape);
        let sizes = [shape.pixels() * padded, out.pixels() * outputs];
        let [input, mut output] = sizes.map(Buffer::zeroed);
        let mut job = Job {
            input: View::new(&*input, shape, padded, padded),
            output: View::new(&mut *output, out, outputs, outputs),
            raw: None,
            residual: None,
        };
        let mut scratch = <[Buffer; 3]>::default();
        let block = Block::new(&convolution, shape, 0..tiles);
        let [w, y, own] = block.memory(isa, crew, &mut scratch);
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        group.bench_function("inputs", |bench| {
            bench.iter(|| block.inputs(isa, crew, job.input, w));
        });
        group.bench_function("products", |bench| {
            bench.iter(|| {
                for group in block.groups() {
                    block.multiply(isa, crew, group, w, y, own);
                }
            });
        });
        group.bench_function("outputs", |bench| {
            bench.iter(|| {
                for group in block.groups() {
                    block.outputs(isa, crew, group, y, &mut job);
                }
            });
        });
        group.bench_function("whole", |bench| {
            bench.iter(|| block.run(isa, crew, &mut job, &mut scratch));
        });
        group.bench_function("filters", |bench| bench.iter(transform));
        group.finish();
    }
}

criterion_group!(benches, gemm, convolution);
criterion_main!(benches);
