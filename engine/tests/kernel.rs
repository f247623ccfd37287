//! Every fast CPU form and every GPU kernel against the plain reference, over awkward shapes.

#[path = "kernel/sound.rs"]
mod sound;

#[path = "kernel/spatial.rs"]
mod spatial;

use std::rc::Rc;

use matrix_engine::{
    device::{
        Category, Device, Space,
        gpu::{Capability, Gpu},
    },
    graph::{Activation, Element, Graph, Operand, Plan, Value},
    kernel::{self, shader::Kernel},
    load::synthetic::{Distribution, Synthetic},
    program::Program,
    protocol::{Activations, Calibration, Options, Tensor, TensorData, Tensors},
    weights::{
        Param, Weight, half,
        integer::{self, Factors, Layout, Matrix},
    },
};

#[path = "kernel/quantizer.rs"]
mod quantizer;

#[path = "kernel/synthetic.rs"]
mod synthetic;

#[path = "kernel/linear.rs"]
mod linear;

#[path = "kernel/decoder.rs"]
mod decoder;

#[path = "kernel/flash.rs"]
mod flash;

#[path = "kernel/memory.rs"]
mod memory;

/// Shapes around the edges of tiles, and a few primes.
const AWKWARD: [[usize; 3]; 9] = [
    [1, 1, 1],
    [1, 64, 64],
    [2, 3, 5],
    [7, 13, 17],
    [8, 65, 63],
    [9, 4, 130],
    [63, 64, 65],
    [65, 66, 31],
    [130, 67, 96],
];

/// Numbers around zero, different for every name.
fn bell(name: &str, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Synthetic::new(11).fill(name, Distribution::Bell(1.0), 0, &mut values);
    values
}

/// A weight as the test knows it.
#[derive(Clone)]
enum Known {
    F32(Vec<f32>),
    Half(half::Layout, Vec<u32>),
    Integer {
        layout: Layout,
        activations: Activations,
        codes: Vec<u32>,
        scales: Vec<u32>,
        zeros: Vec<u32>,
        order: Vec<u32>,
    },
}

/// Bits of a code, weights that share a scale, and whether there are zero points.
type Kind = (u32, usize, bool);

/// Every kind of integer, with groups that end within a row and some that don't.
const KINDS: [Kind; 5] = [(4, 32, false), (4, 128, true), (8, 64, false), (8, 32, true), (4, 512, false)];

impl Known {
    fn integer(name: &str, rows: usize, columns: usize, (bits, group, zeros): Kind) -> Self {
        let layout = Layout { rows, columns, bits, group, zeros };
        let (mut codes, mut factors) = (Vec::new(), Factors::default());
        let values = bell(name, rows * columns);
        integer::quantize(layout, Calibration::None, None, &values, &mut codes, &mut factors).expect("finite");
        let (scales, zeros) = factors.pack(layout);
        Self::Integer { layout, activations: Activations::Auto, codes, scales, zeros, order: Vec::new() }
    }

    /// The same, with its columns for other inputs: each `stride` behind the one before.
    fn ordered(mut self, stride: u32) -> Self {
        if let Self::Integer { layout, order, .. } = &mut self {
            let columns = layout.columns as u32;
            *order = (0..columns).map(|column| (column * stride + 5) % columns).collect();
            assert_eq!(order.iter().collect::<std::collections::BTreeSet<_>>().len(), layout.columns);
        }
        self
    }

    /// The same, to be multiplied with such activations.
    fn with(mut self, wanted: Activations) -> Self {
        if let Self::Integer { activations, .. } = &mut self {
            *activations = wanted;
        }
        self
    }

    /// Whether this device rounds what it is multiplied with.
    fn rounds_on(&self, device: &Device) -> bool {
        let (Self::Integer { activations, .. }, Device::Gpu(gpu)) = (self, device) else { return false };
        let Capability { packed_dot, software, .. } = gpu.capability();
        match activations {
            Activations::Auto => packed_dot && !software,
            Activations::F32 => false,
            Activations::F16 => true,
            Activations::Int8 => packed_dot,
        }
    }

    fn half(name: &str, rows: usize, columns: usize) -> Self {
        let layout = half::Layout { rows, columns };
        Self::Half(layout, layout.pack(&bell(name, rows * columns)))
    }

    fn on(&self, space: &Space) -> Weight {
        let put = |bytes: &[u8]| {
            let buffer = space.create(Category::Weights, bytes.len() as u64).expect("fits");
            buffer.write(0, bytes).expect("fits");
            buffer
        };
        match self {
            Self::F32(values) => Weight::F32(put(bytemuck::cast_slice(values))),
            Self::Half(layout, words) => Weight::F16 { layout: *layout, halves: put(bytemuck::cast_slice(words)) },
            Self::Integer { layout, activations, codes, scales, zeros, order } => Weight::Integer {
                layout: *layout,
                activations: *activations,
                codes: put(bytemuck::cast_slice(codes)),
                scales: put(bytemuck::cast_slice(scales)),
                zeros: layout.zeros.then(|| put(bytemuck::cast_slice(zeros))),
                order: (!order.is_empty()).then(|| Box::new(put(bytemuck::cast_slice(order)))),
            },
        }
    }
}

/// One computation on all forms.
struct Check {
    gpus: Vec<Device>,
    failures: Vec<String>,
    /// How far forms may be apart, relative to the largest value.
    tolerance: f32,
    /// Whether kernels round more than 32-bit floats do: then the error is judged as a whole.
    rounds: bool,
}

impl Check {
    /// Without a GPU the test fails, unless the machine says that it has none.
    fn new() -> Self {
        let mut gpus = Vec::new();
        if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none() {
            // Whatever adapter there is, the kernels for the other kinds run on it too.
            for (software, packed_dot, subgroups) in [
                (true, true, false),
                (false, false, false),
                (false, true, false),
                (false, false, true),
                (false, true, true),
            ] {
                let gpu = pollster::block_on(Gpu::open()).expect("a GPU adapter");
                let real = gpu.capability();
                let subgroup = if subgroups { real.subgroup } else { 0 };
                let capability = Capability { software, packed_dot: packed_dot && real.packed_dot, subgroup, ..real };
                gpus.push(Device::Gpu(Rc::new(gpu.pretending(capability))));
            }
        }
        Self { gpus, failures: Vec::new(), tolerance: 2e-5, rounds: false }
    }

    fn run(&mut self, name: &str, mut graph: Graph, result: Value, weights: &[Known], inputs: &Tensors) {
        graph.output("result", result);
        let plan = || Plan::new(&graph, &["result".to_owned()]).expect("plans");
        let want = reference(&plan(), weights, inputs);
        let scale = want.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
        for device in std::iter::once(Device::Cpu).chain(self.gpus.clone()) {
            let form = match &device {
                Device::Cpu => "cpu".to_owned(),
                Device::Gpu(gpu) => format!("{:?}", gpu.capability()),
            };
            let rounds = self.rounds || weights.iter().any(|weight| weight.rounds_on(&device));
            let space = Space::new(device);
            let stored: Vec<Weight> = weights.iter().map(|weight| weight.on(&space)).collect();
            let got = pollster::block_on(async {
                let program = Program::new(plan(), &stored, &space).await?;
                program.run(&stored, inputs).await
            });
            let got = got.unwrap_or_else(|error| panic!("{name} on {form}: {error}"));
            let got = got["result"].as_f32().expect("floats");
            assert_eq!(got.len(), want.len(), "{name}");
            let worst = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
            if rounds {
                // What is multiplied was rounded, so the error is judged as a whole.
                let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>();
                let error = squares(&mut got.iter().zip(&want).map(|(g, w)| g - w));
                let whole = squares(&mut want.iter().copied());
                if !matches!(error.partial_cmp(&(5e-4 * whole + 1e-9)), Some(std::cmp::Ordering::Less)) {
                    self.failures.push(format!("{name} on {form}: {:.2e} of its squares", error / whole));
                }
                continue;
            }
            // NaN fails too.
            if !matches!(worst.partial_cmp(&(self.tolerance * scale)), Some(std::cmp::Ordering::Less))
                || got.iter().any(|v| v.is_nan())
            {
                self.failures.push(format!("{name} on {form}: {worst:.2e} of {scale:.2e}"));
            }
            drop(stored);
        }
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.failures.is_empty(), "{:#?}", self.failures);
        }
    }
}

/// Runs a plan on the plain forms.
fn reference(plan: &Plan, weights: &[Known], inputs: &Tensors) -> Vec<f32> {
    let mut buffers: Vec<Vec<u32>> = plan.buffers.iter().map(|&bytes| vec![0; (bytes / 4) as usize]).collect();
    for port in &plan.inputs {
        let words: Vec<u32> = match &inputs[&port.name].data {
            TensorData::F32(values) => bytemuck::cast_slice(values).to_vec(),
            TensorData::I32(values) => bytemuck::cast_slice(values).to_vec(),
            TensorData::Absent => panic!("{} is absent", port.name),
        };
        buffers[port.buffer][..words.len()].copy_from_slice(&words);
    }
    for (buffer, tensor) in &plan.constants {
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(tensor.bytes());
        buffers[*buffer][..words.len()].copy_from_slice(&words);
    }
    for step in &plan.steps {
        let mut out = buffers[step.output].clone();
        let views: Vec<kernel::Operand<'_>> = step.operands[usize::from(step.op.in_place())..]
            .iter()
            .map(|operand| match operand {
                Operand::Buffer { index, shape } => kernel::Operand::words(shape, &buffers[*index]),
                Operand::Param(param) => match &weights[param.id] {
                    Known::F32(values) => kernel::Operand::words(&param.shape, bytemuck::cast_slice(values)),
                    Known::Half(layout, words) => kernel::Operand::half(&param.shape, *layout, words),
                    Known::Integer { layout, codes, scales, zeros, order, .. } => {
                        kernel::Operand::integer(&param.shape, Matrix { layout: *layout, codes, scales, zeros, order })
                    }
                },
            })
            .collect();
        let length = step.shape.iter().product();
        kernel::reference::run(step.op, &views, bytemuck::cast_slice_mut(&mut out[..length])).expect("computes");
        buffers[step.output] = out;
    }
    let port = &plan.outputs[0];
    bytemuck::cast_slice(&buffers[port.buffer][..port.shape.iter().product()]).to_vec()
}

fn param(id: usize, shape: &[usize]) -> Param {
    Param { id, shape: shape.to_vec() }
}

fn floats(name: &str, shape: &[usize]) -> (String, Tensor) {
    (name.to_owned(), Tensor::f32(shape, bell(name, shape.iter().product())))
}

/// A mask with zeros at the end of every sequence but the first, and one sequence of zeros only.
fn mask(batch: usize, length: usize) -> (String, Tensor) {
    let value = |i: usize| match i / length {
        0 => 1,
        1 if batch > 2 => 0,
        _ => i32::from(i % length < length.div_ceil(2)),
    };
    ("mask".to_owned(), Tensor::i32(&[batch, length], (0..batch * length).map(value).collect()))
}

#[test]
fn activations_far_from_zero() {
    let mut check = Check::new();
    let values = [0.0, -0.0, 1e-6, -3.0, 3.0, -5.9, 6.1, -20.0, 20.0, 90.0, -90.0, 1e4, -1e4];
    for activation in Activation::ALL {
        let weights = [Known::F32(vec![1.0]), Known::F32(vec![0.0])];
        let mut graph = Graph::new();
        let x = graph.input("x", &[values.len(), 1], Element::F32);
        let y = graph.linear(x, &param(0, &[1, 1]), &param(1, &[1]), Some(activation)).expect("fits");
        let inputs = Tensors::from([("x".to_owned(), Tensor::f32(&[values.len(), 1], values.to_vec()))]);
        check.run(&format!("{activation:?}"), graph, y, &weights, &inputs);
    }
}

#[test]
fn attention() {
    let mut check = Check::new();
    for [batch, length, heads, width] in
        [[1, 1, 1, 1], [3, 5, 2, 3], [2, 17, 4, 12], [1, 65, 3, 20], [2, 64, 2, 64], [3, 130, 1, 7]]
    {
        let shape = [batch, length, heads * width];
        let mut graph = Graph::new();
        let [q, k, v] = ["q", "k", "v"].map(|name| graph.input(name, &shape, Element::F32));
        let m = graph.input("mask", &[batch, length], Element::I32);
        let y = graph.attention(q, k, v, m, heads).expect("fits");
        let inputs = [floats("q", &shape), floats("k", &shape), floats("v", &shape), mask(batch, length)];
        check.run(&format!("attention {batch} {length} {heads} {width}"), graph, y, &[], &inputs.into());
    }
}

#[test]
fn norms_and_sums() {
    let mut check = Check::new();
    for [rows, width, _] in AWKWARD.into_iter().chain([[70_001, 1, 0], [3, 1000, 0], [1, 2500, 0], [2, 1153, 0]]) {
        let weights = [Known::F32(bell("scale", width)), Known::F32(bell("shift", width))];
        for residual in [false, true] {
            let mut graph = Graph::new();
            let x = graph.input("x", &[rows, width], Element::F32);
            let other = graph.input("other", &[rows, width], Element::F32);
            let y = graph
                .layer_norm(x, residual.then_some(other), &param(0, &[width]), &param(1, &[width]), 1e-5)
                .expect("fits");
            let inputs = [floats("x", &[rows, width]), floats("other", &[rows, width])].into();
            check.run(&format!("layer norm {rows} {width} {residual}"), graph, y, &weights, &inputs);
        }
        let mut graph = Graph::new();
        let x = graph.input("x", &[rows, width], Element::F32);
        let other = graph.input("other", &[rows, width], Element::F32);
        let y = graph.add(x, other).expect("fits");
        let y = graph.normalize(y).expect("fits");
        let inputs = [floats("x", &[rows, width]), floats("other", &[rows, width])].into();
        check.run(&format!("add, normalize {rows} {width}"), graph, y, &[], &inputs);
    }
}

#[test]
fn gathering_and_pooling() {
    let mut check = Check::new();
    for [batch, length, width] in AWKWARD {
        let ids = (0..batch * length).map(|i| (i * 7 % 11) as i32).collect();
        let inputs = [("ids".to_owned(), Tensor::i32(&[batch, length], ids)), mask(batch, length)].into();
        let kind = KINDS[length % KINDS.len()];
        for (pool, stored) in [("mean", None), ("first", Some(kind)), ("mean", Some(kind))] {
            let mut graph = Graph::new();
            let ids = graph.input("ids", &[batch, length], Element::I32);
            let mask = graph.input("mask", &[batch, length], Element::I32);
            let x = graph.gather(ids, &param(0, &[11, width])).expect("fits");
            let y = if pool == "mean" { graph.mean_rows(x, mask) } else { graph.first_row(x) }.expect("fits");
            let table = match stored {
                None => Known::F32(bell("table", 11 * width)),
                Some(_) if pool == "first" => Known::half("table", 11, width),
                Some(kind) => Known::integer("table", 11, width, kind),
            };
            check.run(&format!("gather, {pool} {batch} {length} {width} {stored:?}"), graph, y, &[table], &inputs);
        }
    }
}

/// In Chrome a variable without a value is cleared once, not each time its loop comes round.
#[test]
fn every_variable_of_a_kernel_starts_with_a_value() {
    for kernel in Kernel::all() {
        for line in kernel.source().lines().map(str::trim) {
            let declares = line.starts_with("var ") && line.ends_with(';');
            assert!(!declares || line.contains('='), "{kernel:?}: {line}");
        }
    }
}

#[test]
fn every_kernel_compiles_within_the_limits_of_every_device() {
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
        return;
    }
    let gpu = pollster::block_on(Gpu::open()).expect("a GPU adapter");
    // What every device has; only dispatches that others can stand for may need more.
    let least = Capability { storage_buffers: 8, ..gpu.capability() };
    for kernel in Kernel::all() {
        let needs_more = kernel.storage() > least.storage_buffers;
        assert_eq!(needs_more, matches!(kernel, Kernel::Enter | Kernel::Stacked { layers: 3, .. }), "{kernel:?}");
        assert!(!(needs_more && kernel.runs_on(least)), "{kernel:?}");
    }
    for kernel in Kernel::all().into_iter().filter(|kernel| kernel.runs_on(gpu.capability())) {
        let _ = gpu.pipeline(kernel);
        pollster::block_on(gpu.finish()).unwrap_or_else(|error| panic!("{kernel:?}: {error}"));
    }
}
