//! From a prompt to ids: one pass over the prompt, then one program again and again, in which only small
//! inputs change. Ids are chosen where the logits are; a step reads back one number per sequence, and the steps behind
//! it do not wait for that.

mod inputs;

use std::{collections::VecDeque, rc::Rc};

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
use inputs::{DRAWS, INPUT_IDS};

const IDS: &str = "next.ids";
const LOGITS: &str = "next.logits";
/// Passes that a GPU is told of before the ids they start from were read: it finds those where it left them, and computes
/// while they travel. One is not enough where they travel as long as a pass takes.
const AHEAD: usize = 2;
/// The output that holds the logits of every step.
pub const STEP_LOGITS: &str = "step_logits";

/// Programs and buffers for prompts of one shape.
pub struct Generation {
    key: Key,
    capacity: usize,
    encode: Option<Program>,
    first: Program,
    next: Option<Program>,
    /// Later passes that are begun before the ids they start from were read.
    ahead: usize,
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
        let inputs = inputs::first(prompt, capacity)?;
        let first = plan(model, &inputs, &*cache(Pass::First), Pass::First, (decode, outputs), options)?;
        let next = (key.max_tokens > 1).then(|| {
            let inputs = inputs::next(prompt, &inputs, Some(&vec![0; prompt.ids.shape[0]]), 0);
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
        let mut next = match next {
            Some(plan) => Some(program(plan, store, &mut states, space).await?),
            None => None,
        };
        let feeds = next.as_mut().map_or(Ok(false), |next| next.feed(IDS, INPUT_IDS))?;
        let ahead = if feeds { AHEAD } else { 0 };
        Ok(Self { key, capacity, encode, first, next, ahead })
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
        let mut first = inputs::first(prompt, self.capacity)?;
        first.extend(inputs::draws(decode.sampling, 0, batch));
        let mut next = inputs::next(prompt, &first, Some(&vec![0; batch]), 0);
        next.extend(inputs::draws(decode.sampling, 1, batch));
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
        let mut inputs = inputs::first(prompt, self.capacity)?;
        let mut tokens: Vec<Vec<i32>> = vec![Vec::new(); batch];
        let mut logits: Vec<Tensor> = Vec::new();
        let mut done = vec![false; batch];
        let mut passed = clock::now();
        inputs.extend(inputs::draws(decode.sampling, 0, batch));
        let mut results = self.first.run(weights, &inputs).await?;
        let prefill_ms = clock::now() - passed;
        let mut step_ms = Vec::new();
        let mut outputs = Tensors::new();
        let (mut under_way, mut begun) = (VecDeque::new(), 0);
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
            while begun + 1 < self.key.max_tokens && begun <= step + self.ahead {
                let ids = if begun == step { Some(ids.clone()) } else { inputs::forced(decode, begun) };
                // From the middle of a forced sequence on, each id is looked at before the next pass.
                if ids.is_none() && !decode.forced.is_empty() {
                    break;
                }
                let mut next = inputs::next(prompt, &inputs, ids.as_deref(), begun);
                next.extend(inputs::draws(decode.sampling, begun + 1, batch));
                under_way.push_back(program.begin(weights, &next).await?);
                begun += 1;
            }
            let pass = under_way.pop_front().ok_or_else(|| Error::internal("no pass under way"))?;
            results = pass.await?;
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
        let own = [(INPUT_IDS, &prompt.ids)].into_iter().map(|(name, tensor)| (name.to_owned(), tensor));
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
