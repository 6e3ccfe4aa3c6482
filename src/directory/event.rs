//! What an operator should know of.

use schemars::JsonSchema;
use serde::Serialize;

use crate::vocab::UnixMillis;

/// An alarm, or a notable happening.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Event {
    /// Names it; grows.
    pub id: i64,
    /// When.
    pub at: UnixMillis,
    /// `info`, `warning` or `alarm`.
    pub severity: String,
    /// What kind, for example `temporary-numbers-low`.
    pub kind: String,
    /// More of it.
    pub detail: String,
}
