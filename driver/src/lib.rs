//! `matrix` answers, with evidence, which in-browser inference optimization works for which model in which browser.
//!
//! Data flows in the order of the modules below.

pub mod error;

pub mod browser;
pub mod measure;
pub mod plan;
pub mod report;
pub mod run;
pub mod spec;
pub mod store;
pub mod weights;
