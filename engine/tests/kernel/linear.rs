//! Linear layers: every format of weights, residuals, weights bound in parts.

use super::*;

#[test]
fn linear_layers() {
    let mut check = Check::new();
    // Long rows, many outputs, and enough for large tiles on a GPU.
    let large = [[1, 129, 2049], [3, 70, 1100], [1, 8195, 333], [1025, 961, 36], [512, 1030, 132]];
    for [rows, outputs, inputs] in AWKWARD.into_iter().chain(large) {
        let integer =
            |kind, way| (format!("{kind:?} {way:?}"), Known::integer("weight", outputs, inputs, kind).with(way));
        // As is fastest, and in one of the other ways in turn.
        let other = [Activations::F32, Activations::F16, Activations::Int8].into_iter().cycle().skip(rows % 3);
        let ways = KINDS.into_iter().zip(other);
        let integers = ways.flat_map(|(kind, other)| [Activations::Auto, other].map(|way| integer(kind, way)));
        let plain = [
            ("f32".to_owned(), Known::F32(bell("weight", outputs * inputs))),
            ("f16".to_owned(), Known::half("weight", outputs, inputs)),
        ];
        let activations = std::iter::once(None).chain(Activation::ALL.map(Some)).cycle();
        for ((kind, weight), activation) in plain.into_iter().chain(integers).zip(activations.skip(rows % 6)) {
            let weights = [weight, Known::F32(bell("bias", outputs))];
            let mut graph = Graph::new();
            let x = graph.input("x", &[1, rows, inputs], Element::F32);
            let y = graph.linear(x, &param(0, &[outputs, inputs]), &param(1, &[outputs]), activation).expect("fits");
            let name = format!("linear {rows} {outputs} {inputs} {kind} {activation:?}");
            check.run(&name, graph, y, &weights, &Tensors::from([floats("x", &[1, rows, inputs])]));
        }
    }
}

#[test]
fn linear_layers_with_residuals() {
    let mut check = Check::new();
    for [rows, outputs, inputs] in AWKWARD.into_iter().chain([[70, 1030, 132]]) {
        let integers = KINDS.map(|kind| (format!("{kind:?}"), Known::integer("weight", outputs, inputs, kind)));
        let plain = ("f32".to_owned(), Known::F32(bell("weight", outputs * inputs)));
        for (kind, weight) in std::iter::once(plain).chain(integers) {
            let mut graph = Graph::new();
            let x = graph.input("x", &[1, rows, inputs], Element::F32);
            let residual = graph.input("residual", &[1, rows, outputs], Element::F32);
            let product = graph.project(x, &param(0, &[outputs, inputs]), None).expect("fits");
            let sum = graph.add(residual, product).expect("fits");
            graph.output("sum", sum);
            graph.optimize(&Options::default()).expect("a graph");
            let sum = graph.named("sum").expect("an output");
            let inputs = Tensors::from([floats("x", &[1, rows, inputs]), floats("residual", &[1, rows, outputs])]);
            check.run(&format!("residual {rows} {outputs} {kind}"), graph, sum, &[weight], &inputs);
        }
    }
}

#[test]
fn linear_layers_whose_inputs_are_in_another_order() {
    let mut check = Check::new();
    let shapes = [[1, 64, 64], [2, 3, 35], [7, 13, 17], [9, 40, 130], [65, 66, 31], [70, 1030, 132]];
    let ways = [Activations::Auto, Activations::F32, Activations::F16, Activations::Int8];
    for ([rows, outputs, inputs], kind) in shapes.into_iter().zip(KINDS.into_iter().cycle()) {
        for (turn, way) in ways.into_iter().cycle().take(2 * ways.len()).enumerate() {
            // What makes x packs it for the first, if that has no order; only its neighbour may take that too.
            let mut strides = [None, None, Some(1), None, Some(23), Some(1)];
            strides.rotate_left(turn / ways.len() * 2);
            let weight = |(index, stride): (usize, Option<u32>)| {
                let weight = Known::integer(&format!("weight {index}"), outputs, inputs, kind).with(way);
                stride.map_or_else(|| weight.clone(), |stride| weight.clone().ordered(stride))
            };
            let mut weights: Vec<Known> = strides.into_iter().enumerate().map(weight).collect();
            weights.push(Known::F32(bell("scale", inputs)));
            let mut graph = Graph::new();
            let x = graph.input("x", &[1, rows, inputs], Element::F32);
            let x = graph.rms_norm(x, &param(strides.len(), &[inputs]), 1e-5).expect("fits");
            let mut all = (0..strides.len()).map(|id| graph.project(x, &param(id, &[outputs, inputs]), None));
            let products = all.by_ref().collect::<Result<Vec<_>, _>>().expect("fits");
            let mut sum = products[0];
            for &product in &products[1..] {
                let scaled = graph.scale(sum, 0.7).expect("fits");
                sum = graph.add(scaled, product).expect("fits");
            }
            let name = format!("ordered {rows} {outputs} {inputs} {kind:?} {way:?}");
            check.run(&name, graph, sum, &weights, &Tensors::from([floats("x", &[1, rows, inputs])]));
        }
    }
}

#[test]
fn layers_of_one_row() {
    let mut check = Check::new();
    let cases: [(&[usize], usize); 7] = [
        (&[129, 77], 333),
        (&[7, 5], 160),
        (&[512, 512], 300),
        (&[4100, 4200], 65),
        (&[200, 51, 50], 100),
        (&[2050, 1030, 1100], 129),
        // Three of them, and one.
        (&[64, 64, 70, 90], 64),
    ];
    for (outputs, inputs) in cases {
        for kind in KINDS {
            let known = |(index, &outputs): (usize, &usize)| {
                Known::integer(&format!("layer {index}"), outputs, inputs, kind).with(Activations::Int8)
            };
            let weights: Vec<Known> = outputs.iter().enumerate().map(known).collect();
            let mut graph = Graph::new();
            let x = graph.input("x", &[1, 1, inputs], Element::F32);
            let least = outputs.iter().copied().min().expect("some");
            let mut parts = Vec::new();
            for (index, &outputs) in outputs.iter().enumerate() {
                let activation = [Some(Activation::Silu), None, Some(Activation::Relu)][index % 3];
                parts.push(graph.project(x, &param(index, &[outputs, inputs]), activation).expect("fits"));
            }
            let mut y = graph.columns(parts[0], 0, least).expect("fits");
            for (index, &part) in parts.iter().enumerate().skip(1) {
                let part = graph.columns(part, 0, least).expect("fits");
                y = if index == 1 { graph.multiply(y, part) } else { graph.add(y, part) }.expect("fits");
            }
            graph.output("y", y);
            for gpu in &check.gpus {
                let Device::Gpu(known) = gpu else { continue };
                let plan = Plan::new(&graph, &["y".to_owned()]).expect("plans");
                let space = Space::new(gpu.clone());
                let stored: Vec<Weight> = weights.iter().map(|weight| weight.on(&space)).collect();
                let program = pollster::block_on(Program::new(plan, &stored, &space)).expect("a program");
                let Program::Gpu(program) = program else { panic!("no program of a GPU") };
                let recording = program.recording().expect("is recorded");
                let stacked = (0..recording.len()).filter(|&index| recording.kernel(index).starts_with("Stacked"));
                let wanted = known.capability().packed_dot && !kind.2;
                assert_eq!(stacked.count(), usize::from(wanted), "{kind:?} {:?}", known.capability());
            }
            let inputs_of = Tensors::from([floats("x", &[1, 1, inputs])]);
            check.run(&format!("layers {outputs:?} {inputs} {kind:?}"), graph, y, &weights, &inputs_of);
        }
    }
}

#[test]
fn weights_larger_than_a_binding() {
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
        return;
    }
    let gpu = pollster::block_on(Gpu::open()).expect("a GPU adapter");
    let capability = Capability { binding_limit: 50_000, ..gpu.capability() };
    let mut check = Check {
        gpus: vec![Device::Gpu(Rc::new(gpu.pretending(capability)))],
        failures: Vec::new(),
        tolerance: 2e-5,
        rounds: false,
    };
    let (entries, width) = (1001, 36);
    for (rows, kind) in
        [(3, None), (9, None), (3, Some((4, 32, false))), (3, Some((4, 32, true))), (9, Some((8, 64, true)))]
    {
        let outputs = if kind.is_some() && rows == 3 { entries * 3 } else { entries };
        let weight = kind.map_or_else(
            || Known::F32(bell("weight", outputs * width)),
            |kind| Known::integer("weight", outputs, width, kind),
        );
        let table = kind.map_or_else(
            || Known::F32(bell("table", entries * width)),
            |kind| Known::integer("table", entries, width, kind),
        );
        let weights = [weight, Known::F32(bell("bias", outputs)), table];
        let mut graph = Graph::new();
        let ids = graph.input("ids", &[1, rows], Element::I32);
        let x = graph.gather(ids, &param(2, &[entries, width])).expect("fits");
        let y = graph.linear(x, &param(0, &[outputs, width]), &param(1, &[outputs]), None).expect("fits");
        let ids = (0..rows).map(|i| (i * 347 % entries) as i32).collect();
        let inputs = Tensors::from([("ids".to_owned(), Tensor::i32(&[1, rows], ids))]);
        check.run(&format!("parts {rows} {kind:?}"), graph, y, &weights, &inputs);
    }
}
