//! `matrix` answers, with evidence, which in-browser inference optimization works for which model in which browser.
//!
//! Data flows in the order of the modules below; `cli` and `command` wire them together.

pub mod error;

pub mod printable;

pub mod machine;

pub mod browser;
pub mod weights;

pub mod spec;

pub mod plan;

pub mod input;

pub mod session;

pub mod page;

pub mod measure;

pub mod run;

pub mod bench;

pub mod store;

pub mod compare;

pub mod report;

pub mod terminal;

pub mod cli;
mod command;
