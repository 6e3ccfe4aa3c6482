//! Whether the switchboard takes calls.

/// Whether calls are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Yes.
    Open,
    /// No new ones; running conversations finish.
    Draining,
    /// No; running conversations are told so.
    Closing,
}
