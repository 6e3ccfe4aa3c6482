//! What is kept of lines' status, and when a line counts as flapping.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// Settings of line status.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineStatusSettings {
    /// Entries of history kept of each line, the newest.
    pub history_entries: NonZeroU32,
    /// Days an entry of history is kept.
    pub history_days: NonZeroU32,
    /// Changes between registered and not registered within the window that make a line flap. At most 100 are looked at.
    pub flapping_changes: NonZeroU32,
    /// The window, in seconds.
    pub flapping_seconds: NonZeroU32,
    /// Names nobody has that are remembered, those tried last.
    pub strangers: NonZeroU32,
}

impl Default for LineStatusSettings {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            history_entries: number(200),
            history_days: number(90),
            flapping_changes: number(6),
            flapping_seconds: number(600),
            strangers: number(1000),
        }
    }
}
