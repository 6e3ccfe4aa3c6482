//! Real-time scheduling for the calling thread, where the system permits it. Must not know what the thread does.
//!
//! The system call needs unsafe code, which this program has none of, so util-linux's `chrt` is asked to make it.

use std::process::{Command, Stdio};

/// The lowest of the real-time priorities: above every ordinary thread, below whatever else is real-time.
const PRIORITY: &str = "1";

/// Puts the calling thread under `SCHED_FIFO`; tells whether that was permitted.
pub(super) fn request() -> bool {
    // "/proc/<process>/task/<thread>"
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else { return false };
    let Some(thread) = thread.file_name() else { return false };
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", PRIORITY]).arg(thread);
    chrt.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    chrt.status().is_ok_and(|status| status.success())
}
