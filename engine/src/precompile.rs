//! The shaders that a model will need, known before its weights are there: the same plans that will compute, over
//! weights and buffers that exist in name only.

#[cfg(feature = "gpu")]
use crate::{
    device::{
        Category,
        gpu::{Ahead, Gpu},
    },
    forward,
    generate::{self, Plans},
    graph::Plan,
    kernel::shader::Kernel,
    program,
    protocol::{Decode, Tensors},
    weights::Weight,
};
use crate::{
    device::{Device, Space},
    error::{Error, Result},
    front_end::FrontEnd,
    model::Model,
    protocol::{Measure, Options, Work},
    weights::{Declared, Format},
};

/// A model that is about to be loaded.
pub struct Expected<'a> {
    /// The model.
    pub model: &'a dyn Model,
    /// What makes features of sound for it.
    pub front_end: Option<&'a FrontEnd>,
    /// Its weights.
    pub declared: &'a [Declared],
    /// The format of each.
    pub formats: &'a [Format],
    /// What is switched on.
    pub options: &'a Options,
}

/// Shaders on their way.
#[derive(Default)]
pub struct Shaders(#[cfg(feature = "gpu")] Option<Ahead>);

/// Starts compiling what `work` takes, if that is switched on; what is usual, when no work is known.
///
/// # Errors
/// Where there are no shaders, and those that the work itself would end with.
pub fn start(expected: &Expected<'_>, work: &[Work], space: &Space) -> Result<Shaders> {
    match space.device() {
        _ if !expected.options.shader_precompile => Ok(Shaders::default()),
        Device::Cpu => Err(Error::unsupported("shader precompilation is not for a CPU").expected("a GPU")),
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => Ok(Shaders(Some(Ahead::start(gpu, expected.kernels(work, gpu)?, space)?))),
    }
}

impl Shaders {
    /// Waits for them and tells what they took.
    ///
    /// # Errors
    /// When the device rejects one.
    pub async fn finish(self) -> Result<Vec<Measure>> {
        #[cfg(feature = "gpu")]
        if let Some(ahead) = self.0 {
            let compiled = ahead.finish().await?;
            let count = Measure::count("precompiled_shaders", compiled.count);
            return Ok(vec![Measure::ms("precompile_time", compiled.ms), count]);
        }
        Ok(Vec::new())
    }
}

/// Tokens that are generated when nobody says how many: each pass occurs once.
#[cfg(feature = "gpu")]
const TOKENS: u32 = 2;

#[cfg(feature = "gpu")]
impl Expected<'_> {
    /// What is computed when nobody says: inputs of the usual sizes to all outputs, or a prompt and what follows.
    fn usual(&self) -> Result<Work> {
        let inputs = self.model.inputs();
        let mut inputs: Tensors = inputs.iter().map(|input| (input.name.clone(), input.sample(0))).collect();
        if let Some(front_end) = self.front_end {
            front_end.prefer_samples(&mut inputs);
        }
        if self.model.generator().is_some() {
            return Ok(Work { inputs, outputs: Vec::new(), decode: vec![Decode::greedy(TOKENS)] });
        }
        let usual = match self.front_end {
            Some(front_end) => front_end.forecast(&inputs)?.inputs,
            None => inputs.clone(),
        };
        let graph = self.model.graph(&self.model.prepare(&usual)?)?;
        Ok(Work { inputs, outputs: graph.output_names().map(str::to_owned).collect(), decode: Vec::new() })
    }

    /// The kernels that `work` takes on a GPU, each once, in the order of their first use.
    ///
    /// # Errors
    /// Those that the work itself would end with.
    fn kernels(&self, work: &[Work], gpu: &std::rc::Rc<Gpu>) -> Result<Vec<Kernel>> {
        let space = Space::imagined(Device::Gpu(gpu.clone()));
        let weights = self.declared.iter().zip(self.formats);
        let create = |bytes| space.create(Category::Weights, bytes);
        let weights = weights.map(|(weight, &format)| Weight::create(weight, format, create));
        let weights = weights.collect::<Result<Vec<Weight>>>()?;
        let overlap = self.options.progressive_loading.as_ref().is_some_and(|loading| loading.overlap);
        let in_stages = overlap || self.options.streaming.is_some() || self.options.cpu_offload.is_some();
        let mut found = Found { kernels: Vec::new(), known: std::collections::HashSet::new() };
        let mut take = |plan: &Plan| {
            found.extend(program::gpu::kernels(plan, in_stages, &weights, &space, gpu.capability())?);
            Ok(())
        };
        if work.is_empty() {
            self.plans(&self.usual()?, &mut take)?;
        }
        work.iter().try_for_each(|work| self.plans(work, &mut take))?;
        Ok(found.kernels)
    }

    /// The plans of all passes that `work` takes.
    fn plans(&self, work: &Work, take: &mut dyn FnMut(&Plan) -> Result<()>) -> Result<()> {
        let mut inputs = work.inputs.clone();
        let mut resident = Vec::new();
        if let Some(front_end) = self.front_end {
            let heard = front_end.forecast(&work.inputs)?;
            heard.plan.iter().try_for_each(&mut *take)?;
            (inputs, resident) = (heard.inputs, heard.resident);
        }
        if work.decode.is_empty() {
            let inputs = self.model.prepare(&inputs)?;
            return take(&forward::plan(self.model, &inputs, &resident, &work.outputs, self.options)?);
        }
        let model = self.model.generator();
        let model = model.ok_or_else(|| Error::unsupported("this model does not continue text"))?;
        for decode in &work.decode {
            let prompt = generate::prompt(model, &inputs, decode)?;
            let plans = Plans::new(model, &prompt, (decode, &work.outputs), self.options, &resident)?;
            plans.each().try_for_each(&mut *take)?;
        }
        Ok(())
    }
}

/// Kernels, each once.
#[cfg(feature = "gpu")]
struct Found {
    kernels: Vec<Kernel>,
    known: std::collections::HashSet<Kernel>,
}

#[cfg(feature = "gpu")]
impl Found {
    fn extend(&mut self, kernels: Vec<Kernel>) {
        self.kernels.extend(kernels.into_iter().filter(|kernel| self.known.insert(*kernel)));
    }
}
