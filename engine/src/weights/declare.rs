//! Which weights a model needs, by name, shape and role. Names, shapes and dtypes are checked here and
//! nowhere else.

use std::{cell::RefCell, sync::Arc};

use super::packed::{self, Packed};
use crate::{
    error::{Error, Result},
    load::{Checkpoint, Dtype, Origin, header::Entry},
};

/// What a weight is for; decides how it may be stored and how it is initialised when it is synthetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Matrix `[outputs, inputs]` of a linear layer.
    Linear,
    /// Table `[entries, width]` that ids look up, and perhaps the matrix of a linear layer, too.
    Embedding,
    /// Learned values that are added or looked up in other ways.
    Table,
    /// Factor of a norm.
    Scale,
    /// Anything that is added.
    Bias,
    /// Window `[outputs, inputs, height, width]` of a convolution, or without the height.
    Conv,
}

/// How the files hold a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// As floats.
    Floats,
    /// As floats, where whoever quantized the checkpoint left it as it was.
    Kept,
    /// As integers.
    Integers(Packed),
}

/// A weight as the graph refers to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Position in the list of declared weights.
    pub id: usize,
    /// Row-major shape.
    pub shape: Vec<usize>,
}

/// A weight that has to be loaded.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Name in the files.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
    /// How files hold it.
    pub stored: Stored,
    /// Whether files hold its floats with its two axes exchanged.
    pub transposed: bool,
    /// Factor of its deviation when it is synthetic.
    pub gain: f32,
    /// How much every one of its inputs matters, where that is known.
    pub importance: Option<Arc<[f32]>>,
}

impl Param {
    /// The same values under another shape.
    #[must_use]
    pub fn reshaped(&self, shape: &[usize]) -> Self {
        debug_assert_eq!(self.shape.iter().product::<usize>(), shape.iter().product::<usize>());
        Self { id: self.id, shape: shape.to_vec() }
    }
}

impl Declared {
    /// Number of values.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The tensors of the files that it is made of: with their part of packed integers, and the number of the file.
    pub fn tensors<'a>(&self, checkpoint: &'a Checkpoint) -> Vec<(Option<packed::Part>, usize, &'a Entry)> {
        if let Stored::Integers(_) = self.stored {
            let parts = Packed::tensors(checkpoint, &self.name);
            return parts.map(|(part, file, entry)| (Some(part), file, entry)).collect();
        }
        checkpoint.tensor(&self.name).map(|(file, entry)| (None, file, entry)).into_iter().collect()
    }

    /// Bytes in which it is gathered before it can be written as a whole, if it has to be.
    #[must_use]
    pub fn gathered_bytes(&self) -> u64 {
        match self.stored {
            Stored::Integers(packed) => packed::Gathering::bytes(packed),
            // Twice, as floats.
            _ if self.transposed => 8 * self.elements() as u64,
            _ => 0,
        }
    }
}

/// A place in the tree of weight names, from which a model declares what it needs.
pub struct Weights<'a> {
    origin: &'a Origin,
    declared: &'a RefCell<Vec<Declared>>,
    path: String,
    gain: f32,
}

impl<'a> Weights<'a> {
    /// The root of the tree. Declared weights are added to `declared`.
    #[must_use]
    pub fn root(origin: &'a Origin, declared: &'a RefCell<Vec<Declared>>) -> Self {
        Self { origin, declared, path: String::new(), gain: 1.0 }
    }

    /// The subtree `part`, which may have dots in it.
    #[must_use]
    pub fn at(&self, part: &str) -> Self {
        Self { origin: self.origin, declared: self.declared, path: self.full(part), gain: self.gain }
    }

    /// The same place, but synthetic matrices and tables declared from here are larger by `gain`: for models
    /// that count on it instead of scaling what they compute.
    #[must_use]
    pub fn gain(&self, gain: f32) -> Self {
        Self { gain, ..self.at("") }
    }

    /// The subtree `part` if any weight lies in it, else this tree: checkpoints of a bare model leave
    /// out the prefix that those with a head have.
    #[must_use]
    pub fn at_optional(&self, part: &str) -> Self {
        let prefix = format!("{}.", self.full(part));
        let found = match self.origin {
            Origin::Files(checkpoint) => checkpoint.names().any(|name| name.starts_with(&prefix)),
            Origin::Synthetic(_) => true,
        };
        self.at(if found { part } else { "" })
    }

    /// Whether a weight exists.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self.origin {
            Origin::Files(checkpoint) => {
                let name = self.full(name);
                checkpoint.tensor(&name).is_some() || Packed::tensors(checkpoint, &name).next().is_some()
            }
            Origin::Synthetic(_) => true,
        }
    }

    /// Declares the matrix of a linear layer.
    pub fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Param> {
        self.declare(name, &[outputs, inputs], Role::Linear)
    }

    /// Declares the matrix of a linear layer that files hold as `[inputs, outputs]`.
    pub fn transposed(&self, name: &str, outputs: usize, inputs: usize) -> Result<Param> {
        self.declare_as(name, &[outputs, inputs], Role::Linear, true)
    }

    /// Declares the kernels `[outputs, inputs, length]` of a convolution over rows, as a matrix
    /// `[outputs, inputs · length]`.
    pub fn window(&self, name: &str, outputs: usize, inputs: usize, length: usize) -> Result<Param> {
        let stored = self.declare(name, &[outputs, inputs, length], Role::Linear)?;
        Ok(Param { id: stored.id, shape: vec![outputs, inputs * length] })
    }

    /// Declares a table `[entries, width]` that is only gathered from, or multiplied with.
    pub fn embedding(&self, name: &str, entries: usize, width: usize) -> Result<Param> {
        self.declare(name, &[entries, width], Role::Embedding)
    }

    /// Declares the factor of a norm.
    pub fn scale(&self, name: &str, width: usize) -> Result<Param> {
        self.declare(name, &[width], Role::Scale)
    }

    /// Declares a vector that is added.
    pub fn bias(&self, name: &str, width: usize) -> Result<Param> {
        self.declare(name, &[width], Role::Bias)
    }

    /// Declares the window of a convolution.
    pub fn conv(&self, name: &str, shape: &[usize]) -> Result<Param> {
        self.declare(name, shape, Role::Conv)
    }

    /// Declares a table under the shape it has in files, for any use.
    pub fn table(&self, name: &str, shape: &[usize]) -> Result<Param> {
        self.declare(name, shape, Role::Table)
    }

    /// Declares factors under the shape they have in files.
    pub fn scales(&self, name: &str, shape: &[usize]) -> Result<Param> {
        self.declare(name, shape, Role::Scale)
    }

    /// Declares a single number that scales.
    pub fn number(&self, name: &str) -> Result<Param> {
        self.declare(name, &[], Role::Scale)
    }

    fn full(&self, name: &str) -> String {
        match (self.path.as_str(), name) {
            ("", name) => name.to_owned(),
            (path, "") => path.to_owned(),
            (path, name) => format!("{path}.{name}"),
        }
    }

    fn declare(&self, name: &str, shape: &[usize], role: Role) -> Result<Param> {
        self.declare_as(name, shape, role, false)
    }

    fn declare_as(&self, name: &str, shape: &[usize], role: Role, transposed: bool) -> Result<Param> {
        if shape.iter().try_fold(1_u32, |n, &d| n.checked_mul(u32::try_from(d).ok()?)).is_none() {
            let tensor = format!("tensor '{}'", self.full(name));
            return Err(Error::model("more than 2^32 values").of(tensor).found(format!("{shape:?}")));
        }
        let (name, stored) = match self.origin {
            Origin::Files(checkpoint) => {
                let name = Self::spelling(checkpoint, self.full(name));
                let stored = match Packed::find(checkpoint, &name, role, shape)? {
                    Some(packed) => Stored::Integers(packed),
                    None => Self::floats(checkpoint, &name, shape, transposed)?,
                };
                (name, stored)
            }
            Origin::Synthetic(_) => (self.full(name), Stored::Floats),
        };
        let transposed = transposed && !matches!(stored, Stored::Integers(_));
        let mut declared = self.declared.borrow_mut();
        let id = declared.iter().position(|other| other.name == name).unwrap_or_else(|| {
            let (shape, gain) = (shape.to_vec(), self.gain);
            declared.push(Declared { name, shape, role, stored, transposed, gain, importance: None });
            declared.len() - 1
        });
        Ok(Param { id, shape: shape.to_vec() })
    }

    /// Checks a weight that the files hold as floats.
    fn floats(checkpoint: &Checkpoint, name: &str, shape: &[usize], transposed: bool) -> Result<Stored> {
        let mut shape = shape.to_vec();
        if transposed {
            shape.reverse();
        }
        let (_, entry) = checkpoint.tensor(name).ok_or_else(|| Self::missing(checkpoint, name, &shape))?;
        if entry.shape != shape {
            return Err(Error::model("wrong shape")
                .of(format!("tensor '{name}'"))
                .expected(format!("{shape:?} from config.json"))
                .found(format!("{:?}", entry.shape))
                .hint("config.json and the weights are of different models"));
        }
        if !matches!(entry.known_dtype(name)?, Dtype::F32 | Dtype::F16 | Dtype::Bf16) {
            return Err(Error::model("wrong element type")
                .of(format!("tensor '{name}'"))
                .expected("F32, F16 or BF16")
                .found(entry.dtype.clone()));
        }
        Ok(if checkpoint.packing().is_some() { Stored::Kept } else { Stored::Floats })
    }

    /// Checkpoints converted from TensorFlow call the two vectors of a layer norm `gamma` and `beta`.
    fn spelling(checkpoint: &Checkpoint, name: String) -> String {
        if checkpoint.tensor(&name).is_some() {
            return name;
        }
        let old = [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")];
        let renamed = old.iter().find_map(|(new, old)| name.strip_suffix(new).map(|path| format!("{path}{old}")));
        renamed.filter(|renamed| checkpoint.tensor(renamed).is_some()).unwrap_or(name)
    }

    fn missing(checkpoint: &Checkpoint, name: &str, shape: &[usize]) -> Error {
        let names: Vec<_> = checkpoint.names().take(3).collect();
        Error::model("missing tensor")
            .of(checkpoint.files().join(", "))
            .expected(format!("'{name}' {shape:?}"))
            .found(format!("{} tensors such as {}", checkpoint.names().count(), names.join(", ")))
            .hint("config.json and the weights are of different models")
    }
}
