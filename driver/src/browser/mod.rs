//! Everything known about browsers: what they are called, how they are found, started and installed.

mod capabilities;
mod find;
mod id;
mod install;
mod product;

pub use capabilities::{Launch, capabilities};
pub use find::{Found, Missing, Part, extra_arguments, find};
pub use id::BrowserId;
pub use install::{Command, Installer, geckodriver_command, has_pip, is_root, python, remedy};
pub use product::{Kind, PRODUCTS, Product, System};
