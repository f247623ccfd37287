//! Integers made on the GPU are as good as those made on the CPU.

use std::{path::Path, rc::Rc};

use matrix_engine::{
    catalog::{Family, Size},
    device::{
        Category, Device, Space,
        gpu::{Capability, Gpu},
    },
    graph::Plan,
    load::{Checkpoint, Config, Dtype, Folder, Origin, Synthetic, preset},
    model,
    program::Program,
    protocol::{Activations, Calibration, Integer, Options, Scheme},
    weights::{
        Format, Store, Weight,
        integer::{self, Factors, Layout, Matrix},
        quantizer::{Piece, Quantizer},
    },
};

use super::bell;

/// Rows as floats.
fn rows(matrix: Matrix<'_>) -> Vec<f32> {
    let mut out = vec![0.0; matrix.layout.rows * matrix.layout.columns];
    for (index, row) in out.chunks_exact_mut(matrix.layout.columns).enumerate() {
        matrix.row(index, row);
    }
    out
}

fn error(got: &[f32], want: &[f32]) -> f64 {
    weighed(got, want, &[1.0])
}

/// Squared errors of rows, whose columns matter differently.
fn weighed(got: &[f32], want: &[f32], importance: &[f32]) -> f64 {
    let errors = got.iter().zip(want).map(|(got, want)| f64::from(got - want).powi(2));
    errors.zip(importance.iter().cycle()).map(|(error, matters)| error * f64::from(*matters)).sum()
}

/// Quantizes `values` on the GPU, a few rows at a time, and reads back what became of them.
fn on_gpu(
    gpu: &Rc<Gpu>,
    layout: Layout,
    (calibration, importance): (Calibration, &[f32]),
    source: Dtype,
    values: &[f32],
) -> [Vec<u32>; 3] {
    let space = Space::new(Device::Gpu(gpu.clone()));
    let create = |words: usize| space.create(Category::Activations, words as u64 * 4).expect("fits");
    let weight = Weight::Integer {
        layout,
        activations: Activations::Auto,
        codes: create(layout.rows * layout.row_words()),
        scales: create(layout.scale_words()),
        zeros: layout.zeros.then(|| create(layout.zero_words())),
        order: None,
    };
    let quantizer = Quantizer::new(gpu, &space, values.len() as u64 * 4, importance.len()).expect("fits");
    assert!(quantizer.suits(layout, source));
    for (index, piece) in values.chunks(5 * layout.columns).enumerate() {
        let bytes: Vec<u8> = match source {
            Dtype::F16 => piece.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect(),
            Dtype::Bf16 => piece.iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect(),
            _ => bytemuck::cast_slice(piece).to_vec(),
        };
        quantizer.upload.write(0, &bytes).expect("fits");
        let (first, rows) = (5 * index, piece.len() / layout.columns);
        let piece = Piece { source, first, rows, tensor: 3, importance: Some(importance) };
        quantizer.run(&weight, calibration, &piece).expect("runs");
    }
    assert_eq!(pollster::block_on(quantizer.finish()).expect("reads"), None);
    let Weight::Integer { codes, scales, zeros, .. } = &weight else { unreachable!() };
    [Some(codes), Some(scales), zeros.as_ref()].map(|buffer| {
        let Some(buffer) = buffer else { return Vec::new() };
        let staging = space.create(Category::Staging, buffer.bytes()).expect("fits");
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let (from, to) = (buffer.raw().expect("on the GPU"), staging.raw().expect("on the GPU"));
        encoder.copy_buffer_to_buffer(from, 0, to, 0, buffer.bytes());
        gpu.submit(encoder.finish());
        pollster::block_on(gpu.read(to)).expect("read")
    })
}

#[test]
fn integers_made_on_the_gpu_are_as_good() {
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
        return;
    }
    let gpu = Rc::new(pollster::block_on(Gpu::open()).expect("a GPU adapter"));
    let sources = [Dtype::F32, Dtype::F16, Dtype::Bf16].into_iter().cycle();
    let mut sources = sources;
    for (bits, group, zeros, columns) in
        [(4, 32, false, 100), (4, 128, true, 300), (8, 64, true, 70), (8, 512, false, 34)]
    {
        for calibration in Calibration::ALL {
            let source = sources.next().expect("endless");
            let layout = Layout { rows: 13, columns, bits, group, zeros };
            // Representable in every source.
            let values: Vec<f32> =
                bell("rows", 13 * columns).iter().map(|v| half::bf16::from_f32(v * 0.1 + 0.02).to_f32()).collect();
            let values: Vec<f32> = values.iter().map(|v| half::f16::from_f32(*v).to_f32()).collect();
            let importance: Vec<f32> = bell("importance", columns).iter().map(|x| 20.0 * x.powi(4)).collect();
            let [codes, scales, zero_points] = on_gpu(&gpu, layout, (calibration, &importance), source, &values);
            let got = rows(Matrix { layout, codes: &codes, scales: &scales, zeros: &zero_points, order: &[] });
            let (mut codes, mut factors) = (Vec::new(), Factors::default());
            integer::quantize(layout, calibration, Some(&importance), &values, &mut codes, &mut factors)
                .expect("finite");
            let (scales, zero_points) = factors.pack(layout);
            let want = rows(Matrix { layout, codes: &codes, scales: &scales, zeros: &zero_points, order: &[] });
            let counted: &[f32] = if calibration == Calibration::Activations { &importance } else { &[1.0] };
            let (gpu, cpu) = (weighed(&got, &values, counted), weighed(&want, &values, counted));
            let name = format!("{layout:?} {calibration:?} {source:?}");
            assert!(gpu <= 1.02 * cpu, "{name}: {gpu:.4e} on the GPU, {cpu:.4e} on the CPU");
            let differ = got.iter().zip(&want).filter(|(g, w)| (*g - *w).abs() > 1e-3 * w.abs()).count();
            assert!(calibration != Calibration::None || differ * 50 < got.len(), "{name}: {differ} differ");
        }
    }
}

#[test]
fn a_weight_that_is_no_number_is_told() {
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
        return;
    }
    let gpu = Rc::new(pollster::block_on(Gpu::open()).expect("a GPU adapter"));
    let space = Space::new(Device::Gpu(gpu.clone()));
    let layout = Layout { rows: 1, columns: 64, bits: 4, group: 32, zeros: false };
    let create = |words: usize| space.create(Category::Weights, words as u64 * 4).expect("fits");
    let (codes, scales) = (create(layout.row_words()), create(layout.scale_words()));
    let weight = Weight::Integer { layout, activations: Activations::Auto, codes, scales, zeros: None, order: None };
    let quantizer = Quantizer::new(&gpu, &space, 256, 0).expect("fits");
    let mut values = [0.5_f32; 64];
    values[40] = f32::NAN;
    quantizer.upload.write(0, bytemuck::cast_slice(&values)).expect("fits");
    let piece = Piece { source: Dtype::F32, first: 0, rows: 1, tensor: 7, importance: None };
    quantizer.run(&weight, Calibration::None, &piece).expect("runs");
    assert_eq!(pollster::block_on(quantizer.finish()).expect("reads"), Some(7));
}

/// The first output of a model with 4-bit weights.
fn first_output(device: Device, config: &Config, origin: &Origin) -> Vec<f32> {
    let integer =
        Integer { group_size: 32, scheme: Scheme::Asymmetric, calibration: Calibration::Mse, ..Integer::bits(4) };
    let options = Options { integer: Some(integer), ..Options::default() };
    let built = model::build(config, origin).expect("builds");
    let formats: Vec<Format> = built.declared.iter().map(|weight| Format::choose(weight, &options)).collect();
    let space = Space::new(device);
    pollster::block_on(async {
        let store = Store::load(origin, &built.declared, &formats, &space).await.expect("loads");
        assert_eq!(space.memory().total.live, store.bytes, "what only helped to load is gone");
        let inputs = built.model.inputs().iter().map(|input| (input.name.clone(), input.sample(1))).collect();
        let inputs = built.model.prepare(&inputs).expect("fits");
        let graph = built.model.graph(&inputs).expect("a graph");
        let name = graph.output_names().next().expect("an output").to_owned();
        let plan = Plan::new(&graph, std::slice::from_ref(&name)).expect("plans");
        let program = Program::new(plan, &store.weights, &space).await.expect("a program");
        program.run(&store.weights, &inputs).await.expect("runs")[&name].as_f32().expect("floats").to_vec()
    })
}

#[test]
fn models_load_the_same_through_the_gpu() {
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
        return;
    }
    let gpu = pollster::block_on(Gpu::open()).expect("a GPU adapter");
    let capability = Capability { software: false, packed_dot: false, ..gpu.capability() };
    let gpu = Device::Gpu(Rc::new(gpu.pretending(capability)));
    let folder = |family: &str| {
        let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(family);
        let folder = Folder::new("", &at.to_string_lossy());
        let config = pollster::block_on(Config::read(&folder)).expect("a configuration");
        let weights = pollster::block_on(Checkpoint::open(folder, &config)).expect("weights");
        (config, Origin::Files(weights))
    };
    let made_up = (preset::config(Family::Bert, Size::Tiny), Origin::Synthetic(Synthetic::new(3)));
    for (config, origin) in [folder("bert"), folder("llama"), made_up] {
        let [want, got] = [Device::Cpu, gpu.clone()].map(|device| first_output(device, &config, &origin));
        let whole: f64 = want.iter().map(|v| f64::from(*v).powi(2)).sum();
        let apart = error(&got, &want) / whole;
        assert!(apart < 1e-3, "{:?}: {apart:.2e}", config.architecture());
    }
}
