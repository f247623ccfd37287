//! What was recorded, for people: tables on a terminal, HTML, Markdown, JSON and CSV.
//!
//! Everything is read from the store; nothing in a report is typed by hand, and templates do no arithmetic.

mod analysis;
mod bcd;
mod calibration;
mod cell;
mod chart;
mod claims;
mod comparison;
mod compat;
mod curve;
mod format;
mod github;
mod history;
mod junit;
mod kv_quality;
mod legend;
mod lengths;
mod machine;
mod operation;
mod peaks;
mod picture;
mod plot;
mod quantization;
mod quantization_chart;
mod rows;
mod screenshot;
mod support;
mod table;
mod template;
mod terminal;
mod timeline;
mod treemap;
mod trend;
mod view;
mod without;

pub use analysis::Analysis;
pub use cell::{AttemptView, CellView, EffectView, GoalView, SeriesView, Shown};
pub use chart::ChartView;
pub use claims::{ClaimView, Held, RecommendationView};
pub use comparison::render_comparison;
pub use compat::{Met, Support};
pub use format::{Format, Kind, render};
pub use github::annotations;
pub use history::render_history;
pub use kv_quality::kv_quality;
pub use machine::EnvironmentView;
pub use operation::{OperationView, PassView};
pub use picture::picture;
pub use quantization::quantization;
pub use rows::{RowsFormat, render_rows};
pub use support::{ClaimedSupport, SupportView};
pub use table::{Column, Entry, Note, Row};
pub use terminal::Look;
pub use view::{Headline, RunView, Summary, View};
pub use without::Without;
