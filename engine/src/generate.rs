//! From a prompt to ids: one pass over the prompt, then one program again and again, in which only small
//! inputs change. Ids are chosen where the logits are; a step reads back one number per sequence.

use std::rc::Rc;

use crate::{
    cache::{self, Cache},
    clock,
    device::{Category, Space},
    error::{Error, Result},
    graph::{self, Element, Graph, Plan},
    model::{Generate, Pass, Prompt},
    program::{Program, States, Timed},
    protocol::{Decode, Options, Sampling, Tensor, Tensors},
    weights::{Store, Weight},
};

const IDS: &str = "next.ids";
const LOGITS: &str = "next.logits";
const DRAWS: &str = "draws";
/// The output that holds the logits of every step.
pub const STEP_LOGITS: &str = "step_logits";

/// Programs and buffers for prompts of one shape.
pub struct Generation {
    key: Key,
    capacity: usize,
    encode: Option<Program>,
    first: Program,
    next: Option<Program>,
}

/// What the programs depend on.
#[derive(PartialEq)]
struct Key {
    shapes: Vec<(String, Vec<usize>)>,
    max_tokens: usize,
    sampling: Sampling,
    step_logits: bool,
    outputs: Vec<String>,
    resident: Vec<String>,
}

/// What came of a prompt.
pub struct Generated {
    /// `[B, steps]`
    pub tokens: Tensor,
    /// Outputs of the pass over the prompt, and `step_logits` `[B, steps, V]`.
    pub outputs: Tensors,
    /// Milliseconds of the encoder, if there is one.
    pub encode_ms: Option<f64>,
    /// Milliseconds of the pass over the prompt, until the first ids were read back.
    pub prefill_ms: f64,
    /// Milliseconds of every later pass.
    pub step_ms: Vec<f64>,
}

/// Checks what is asked for and completes a prompt.
pub fn prompt(model: &dyn Generate, inputs: &Tensors, decode: &Decode) -> Result<Prompt> {
    let unusable = |key: &str, expected: &str, found: String| {
        Err(Error::model("unusable value").of(format!("decode.{key}")).expected(expected).found(found))
    };
    if let Sampling::Random { temperature, top_p, .. } = decode.sampling {
        if !(temperature > 0.0 && temperature.is_finite()) {
            return unusable("sampling.temperature", "more than 0", temperature.to_string());
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return unusable("sampling.top_p", "more than 0 and at most 1", top_p.to_string());
        }
    }
    let prompt = model.prompt(inputs)?;
    let length = prompt.ids.shape[1];
    let most = prompt.longest.saturating_sub(length) + 1;
    if decode.max_tokens == 0 || decode.max_tokens as usize > most {
        let expected = format!("1 to {most}, for {} positions and a prompt of {length}", prompt.longest);
        return unusable("max_tokens", &expected, decode.max_tokens.to_string());
    }
    let batch = prompt.ids.shape[0];
    if !decode.forced.is_empty() && decode.forced.len() != batch {
        return unusable("forced", &format!("{batch} rows, one for each sequence"), decode.forced.len().to_string());
    }
    Ok(prompt)
}

/// The passes over prompts of one shape, planned.
pub struct Plans {
    key: Key,
    capacity: usize,
    encode: Option<Plan>,
    first: Plan,
    next: Option<Plan>,
}

impl Plans {
    /// Plans the passes over such a prompt. What is `resident` on the device an encoder reads where it is.
    ///
    /// # Errors
    /// When the model can't do what is asked for.
    pub fn new(
        model: &dyn Generate,
        prompt: &Prompt,
        (decode, outputs): (&Decode, &[String]),
        options: &Options,
        resident: &[String],
    ) -> Result<Self> {
        let key = Key::new(prompt, decode, outputs, resident);
        let capacity = prompt.ids.shape[1] + key.max_tokens - 1;
        let cache = |pass: Pass| cache::choose(options, prompt.ids.shape[1], capacity, pass != Pass::Next);
        let encode = prompt.encode.as_ref().map(|inputs| {
            let mut graph = model.pass(inputs, &*cache(Pass::Encode), Pass::Encode)?;
            resident.iter().for_each(|name| graph.reside(name));
            graph.optimize(options)?;
            Plan::new(&graph, &[])
        });
        let inputs = first_inputs(prompt, capacity)?;
        let first = plan(model, &inputs, &*cache(Pass::First), Pass::First, (decode, outputs), options)?;
        let next = (key.max_tokens > 1).then(|| {
            let inputs = next_inputs(prompt, &inputs, &vec![0; prompt.ids.shape[0]], 0);
            plan(model, &inputs, &*cache(Pass::Next), Pass::Next, (decode, &[]), options)
        });
        Ok(Self { key, capacity, encode: encode.transpose()?, first, next: next.transpose()? })
    }

    /// The passes in their order.
    pub fn each(&self) -> impl Iterator<Item = &Plan> {
        self.encode.iter().chain([&self.first]).chain(&self.next)
    }
}

impl Generation {
    /// Makes everything ready for what was planned. What is `resident` an encoder reads where it is.
    pub async fn new(plans: Plans, store: &Store, space: &Space, resident: &States) -> Result<Self> {
        let mut states = resident.clone();
        let Plans { key, capacity, encode, first, next } = plans;
        let encode = match encode {
            Some(plan) => Some(program(plan, store, &mut states, space).await?),
            None => None,
        };
        let first = program(first, store, &mut states, space).await?;
        let next = match next {
            Some(plan) => Some(program(plan, store, &mut states, space).await?),
            None => None,
        };
        Ok(Self { key, capacity, encode, first, next })
    }

    /// Whether this can continue such a prompt.
    #[must_use]
    pub fn fits(&self, prompt: &Prompt, decode: &Decode, outputs: &[String], resident: &[String]) -> bool {
        self.key == Key::new(prompt, decode, outputs, resident)
    }

    /// What the operations of every pass take by themselves, with the clock that says so. What is kept of the prompt is
    /// of no use afterwards.
    pub async fn trace(
        &self,
        prompt: &Prompt,
        decode: &Decode,
        weights: &[Weight],
        space: &Space,
    ) -> Result<Vec<(&'static str, &'static str, Vec<Timed>)>> {
        let batch = prompt.ids.shape[0];
        let mut first = first_inputs(prompt, self.capacity)?;
        first.extend(draws(decode.sampling, 0, batch));
        let mut next = next_inputs(prompt, &first, &vec![0; batch], 0);
        next.extend(draws(decode.sampling, 1, batch));
        let encode =
            self.encode.as_ref().zip(prompt.encode.as_ref()).map(|(program, inputs)| ("encode", program, inputs));
        let passes = encode.into_iter().chain([("prefill", &self.first, &first)]);
        let mut traced = Vec::new();
        for (pass, program, inputs) in passes.chain(self.next.as_ref().map(|program| ("token", program, &next))) {
            traced.push((pass, program.clock(), program.trace(weights, inputs, space).await?));
        }
        Ok(traced)
    }

    /// Continues the prompt.
    pub async fn run(&self, prompt: &Prompt, decode: &Decode, weights: &[Weight]) -> Result<Generated> {
        let batch = prompt.ids.shape[0];
        let started = clock::now();
        let mut encode_ms = None;
        if let (Some(program), Some(inputs)) = (&self.encode, &prompt.encode) {
            program.run(weights, inputs).await?;
            encode_ms = Some(clock::now() - started);
        }
        let mut inputs = first_inputs(prompt, self.capacity)?;
        let mut tokens: Vec<Vec<i32>> = vec![Vec::new(); batch];
        let mut logits: Vec<Tensor> = Vec::new();
        let mut done = vec![false; batch];
        let mut passed = clock::now();
        inputs.extend(draws(decode.sampling, 0, batch));
        let mut results = self.first.run(weights, &inputs).await?;
        let prefill_ms = clock::now() - passed;
        let mut step_ms = Vec::new();
        let mut outputs = Tensors::new();
        for step in 0.. {
            let mut ids = take(&mut results, IDS)?;
            if decode.step_logits {
                logits.push(take_tensor(&mut results, LOGITS)?);
            }
            if step == 0 {
                outputs = std::mem::take(&mut results);
            }
            for (id, row) in ids.iter_mut().zip(&decode.forced) {
                *id = *row.get(step).unwrap_or(id);
            }
            for ((id, row), done) in ids.iter_mut().zip(&mut tokens).zip(&mut done) {
                if let (true, Some(last)) = (*done, row.last()) {
                    *id = *last;
                }
                *done |= decode.stop.contains(id);
                row.push(*id);
            }
            let Some(program) = &self.next else { break };
            if step + 1 == self.key.max_tokens || done.iter().all(|&done| done) {
                break;
            }
            passed = clock::now();
            let mut next = next_inputs(prompt, &inputs, &ids, step);
            next.extend(draws(decode.sampling, step + 1, batch));
            results = program.run(weights, &next).await?;
            step_ms.push(clock::now() - passed);
        }
        if decode.step_logits {
            outputs.insert(STEP_LOGITS.to_owned(), stack(&logits)?);
        }
        let steps = tokens.first().map_or(0, Vec::len);
        let tokens = Tensor::i32(&[batch, steps], tokens.concat());
        Ok(Generated { tokens, outputs, encode_ms, prefill_ms, step_ms })
    }
}

impl Key {
    fn new(prompt: &Prompt, decode: &Decode, outputs: &[String], resident: &[String]) -> Self {
        let own = [("input_ids", &prompt.ids)].into_iter().map(|(name, tensor)| (name.to_owned(), tensor));
        let given = prompt.encode.iter().flatten().chain(&prompt.first).chain(&prompt.every);
        let given = given.map(|(name, tensor)| (name.clone(), tensor));
        // The seed enters through an input.
        let sampling = match decode.sampling {
            Sampling::Random { temperature, top_k, top_p, .. } => {
                Sampling::Random { temperature, top_k, top_p, seed: 0 }
            }
            Sampling::Greedy => Sampling::Greedy,
        };
        Self {
            shapes: own.chain(given).map(|(name, tensor)| (name, tensor.shape.clone())).collect(),
            max_tokens: decode.max_tokens as usize,
            sampling,
            step_logits: decode.step_logits,
            outputs: outputs.to_vec(),
            resident: resident.to_vec(),
        }
    }
}

/// A pass with the choice of the next id behind it.
fn choosing(model: &dyn Generate, inputs: &Tensors, cache: &dyn Cache, pass: Pass, decode: &Decode) -> Result<Graph> {
    let mut graph = model.pass(inputs, cache, pass)?;
    let logits = graph.named(LOGITS).ok_or_else(|| Error::internal("a pass without logits"))?;
    let ids = match decode.sampling {
        Sampling::Greedy => graph.argmax(logits)?,
        Sampling::Random { temperature, top_k, top_p, .. } => {
            let batch = graph.shape(logits)[0];
            let draws = graph.input(DRAWS, &[batch], Element::F32);
            graph.sample(logits, draws, graph::Sampling { temperature, top_k: top_k as usize, top_p })?
        }
    };
    graph.output(IDS, ids);
    Ok(graph)
}

fn plan(
    model: &dyn Generate,
    inputs: &Tensors,
    cache: &dyn Cache,
    pass: Pass,
    (decode, outputs): (&Decode, &[String]),
    options: &Options,
) -> Result<Plan> {
    let mut wanted = outputs.to_vec();
    wanted.push(IDS.to_owned());
    wanted.extend(decode.step_logits.then(|| LOGITS.to_owned()));
    let mut graph = choosing(model, inputs, cache, pass, decode)?;
    graph.optimize(options)?;
    Plan::new(&graph, &wanted)
}

/// A program over states that exist already or are made here.
async fn program(plan: Plan, store: &Store, states: &mut States, space: &Space) -> Result<Program> {
    for port in &plan.states {
        if !states.contains_key(&port.name) {
            let buffer = space.create(Category::Kv, plan.buffers[port.buffer])?;
            states.insert(port.name.clone(), Rc::new(buffer));
        }
    }
    Program::of(plan, store, states, space).await
}

/// What the pass over the prompt reads.
fn first_inputs(prompt: &Prompt, capacity: usize) -> Result<Tensors> {
    let [batch, length] = [prompt.ids.shape[0], prompt.ids.shape[1]];
    let mask = prompt.mask.as_i32().unwrap_or_default();
    let (mut positions, mut last, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for row in mask.chunks(length) {
        let mut position = 0;
        positions.extend(row.iter().map(|&mask| {
            position += i32::from(mask != 0);
            (position - 1).max(0)
        }));
        let end = (0..).zip(row).filter(|(_, mask)| **mask != 0).map(|(index, _)| index).last();
        last.push(end.ok_or_else(|| Error::model("nothing but padding in a sequence").of("attention_mask"))?);
        kept.extend(row.iter().copied().chain(std::iter::repeat_n(1, capacity - length)));
    }
    let mut inputs = prompt.every.clone();
    inputs.extend(prompt.first.clone());
    let named = [
        ("input_ids", prompt.ids.clone()),
        ("position_ids", Tensor::i32(&[batch, length], positions)),
        ("attention_mask", Tensor::i32(&[batch, capacity], kept)),
        ("past", Tensor::i32(&[1], vec![0])),
        ("last", Tensor::i32(&[batch], last)),
    ];
    inputs.extend(named.map(|(name, tensor)| (name.to_owned(), tensor)));
    Ok(inputs)
}

/// What the pass behind step `step` reads, which chose `ids`. `first` is what the first pass read.
fn next_inputs(prompt: &Prompt, first: &Tensors, ids: &[i32], step: usize) -> Tensors {
    let [batch, length] = [prompt.ids.shape[0], prompt.ids.shape[1]];
    let offset = i32::try_from(step).unwrap_or(i32::MAX);
    let past = i32::try_from(length).unwrap_or(i32::MAX).saturating_add(offset);
    let counted = |mask: &[i32]| mask.iter().map(|&mask| i32::from(mask != 0)).sum::<i32>().saturating_add(offset);
    let positions = prompt.mask.as_i32().unwrap_or_default().chunks(length).map(counted).collect();
    let mut inputs = prompt.every.clone();
    inputs.extend(first.get_key_value("attention_mask").map(|(name, mask)| (name.clone(), mask.clone())));
    let named = [
        ("input_ids", Tensor::i32(&[batch, 1], ids.to_vec())),
        ("position_ids", Tensor::i32(&[batch, 1], positions)),
        ("past", Tensor::i32(&[1], vec![past])),
        ("last", Tensor::i32(&[batch], vec![0; batch])),
    ];
    inputs.extend(named.map(|(name, tensor)| (name.to_owned(), tensor)));
    inputs
}

/// The numbers ids are drawn by: they depend on seed, step and row only.
fn draws(sampling: Sampling, step: usize, batch: usize) -> Option<(String, Tensor)> {
    let Sampling::Random { seed, .. } = sampling else { return None };
    let draw = |row: usize| {
        let mut bits = seed ^ (step as u64).rotate_left(32) ^ row as u64;
        // SplitMix64 (Steele et al. 2014)
        for _ in 0..2 {
            bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bits ^= bits >> 31;
        }
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
        let draw = (bits >> 40) as f32 / 16_777_216.0;
        draw
    };
    Some((DRAWS.to_owned(), Tensor::f32(&[batch], (0..batch).map(draw).collect())))
}

fn take(results: &mut Tensors, name: &str) -> Result<Vec<i32>> {
    let tensor = take_tensor(results, name)?;
    tensor.as_i32().map(<[i32]>::to_vec).ok_or_else(|| Error::internal("ids that are no integers"))
}

fn take_tensor(results: &mut Tensors, name: &str) -> Result<Tensor> {
    results.remove(name).ok_or_else(|| Error::internal("missing output").of(name))
}

/// Logits `[B, V]` of every step as `[B, steps, V]`.
fn stack(steps: &[Tensor]) -> Result<Tensor> {
    let &[batch, vocabulary] = steps.first().map_or(&[][..], |step| &step.shape) else {
        return Err(Error::internal("logits without two axes"));
    };
    let row = |index: usize| {
        let rows = steps.iter().filter_map(Tensor::as_f32);
        rows.filter_map(move |values| values.get(index * vocabulary..(index + 1) * vocabulary))
    };
    let values = (0..batch).flat_map(row).flatten().copied().collect();
    Ok(Tensor::f32(&[batch, steps.len(), vocabulary], values))
}
