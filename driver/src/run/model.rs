//! What a cell's model means on this machine: where its files are, what goes in, what should come out.

use std::path::{Path, PathBuf};

use matrix_engine::protocol::{ModelSource, Platform};

use crate::error::Error;
use crate::input::ModelFolder;
use crate::page::Server;
use crate::plan::{Model, Network, Weights};
use crate::weights;

/// Where a model's weights are on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// A Hugging Face folder.
    Folder(PathBuf),
    /// Nowhere: made up by the engine.
    Synthetic(ModelSource),
}

/// Finds a model's weights.
///
/// # Errors
/// When they are not on this machine.
pub fn locate(model: &Model) -> Result<Located, Error> {
    match &model.weights {
        Weights::Folder { path } => Ok(Located::Folder(path.clone())),
        Weights::Named { name } => {
            let folder = weights::find(name).and_then(weights::folder_of);
            folder.map(Located::Folder).ok_or_else(|| {
                Error::environment(format!("the weights '{name}' are not on this machine"))
                    .hint(format!("run: matrix weights add {name}"))
            })
        }
        Weights::Synthetic { size, seed } => {
            let family = model.family.ok_or_else(|| Error::internal("a synthetic model without a family"))?;
            Ok(Located::Synthetic(ModelSource::Synthetic { family, size: *size, seed: *seed }))
        }
    }
}

/// What decides what goes into a model.
///
/// # Errors
/// When its files are not on this machine, or its configuration can't be read.
pub fn described(model: &Model) -> Result<ModelFolder, Error> {
    match locate(model)? {
        Located::Folder(folder) => ModelFolder::open(&folder),
        Located::Synthetic(ModelSource::Synthetic { family, size, .. }) => Ok(ModelFolder::preset(family, size)),
        Located::Synthetic(ModelSource::Folder { at }) => ModelFolder::open(Path::new(&at)),
    }
}

impl Located {
    /// The model as a host on `platform` reaches it: browsers by address, native hosts by path. What is made up is
    /// made where it is needed, unless it has to be `fetched` over some network; with `hashed`, files are named by the hash
    /// of their content.
    ///
    /// # Errors
    /// When what is to be fetched can't be written anywhere.
    pub fn source(
        &self,
        platform: Platform,
        server: &Server,
        fetched: Option<Network>,
        hashed: bool,
    ) -> Result<ModelSource, Error> {
        Ok(match self {
            Self::Synthetic(ModelSource::Synthetic { family, size, seed }) if fetched.is_some() => {
                let folder = weights::preset_folder(*family, *size, *seed)?;
                return Self::Folder(folder).source(platform, server, fetched, hashed);
            }
            Self::Synthetic(source) => source.clone(),
            Self::Folder(folder) => match platform {
                Platform::Webgpu | Platform::Wasm => {
                    ModelSource::Folder { at: server.serve_folder(folder, fetched.unwrap_or_default(), hashed)? }
                }
                Platform::NativeGpu | Platform::NativeCpu => self.native_source(),
            },
        })
    }

    /// The model as this process reaches it.
    #[must_use]
    pub fn native_source(&self) -> ModelSource {
        match self {
            Self::Synthetic(source) => source.clone(),
            Self::Folder(folder) => ModelSource::Folder { at: folder.to_string_lossy().into_owned() },
        }
    }
}
