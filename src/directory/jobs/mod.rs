//! What takes longer than a request: imports, as jobs whose records outlive the process; and exports.
//!
//! It must not know who asks over which door, or in which language faults are told.

mod columns;
mod export;
mod fault;
mod import;
mod preparation;
mod record;
mod runner;
mod spreadsheet;
mod store;

pub use fault::{Fault, RowFault};
pub use record::{ImportMode, ImportOptions, Job, JobFields, JobKind, JobRecords, JobState, OnExisting, Tally};
pub use runner::{CANCELLED as JOB_CANCELLED, ImportFile, JobPlace, JobRunner, Jobs, LARGEST_FILE};
pub use store::MOST_FAULTS;
