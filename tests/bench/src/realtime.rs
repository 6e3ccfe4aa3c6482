//! Real-time scheduling for the calling thread, as the server asks it for its own. Must not know what the thread does.

use std::process::{Command, Stdio};

/// Puts the calling thread under `SCHED_FIFO` at the lowest priority; tells whether that was permitted.
pub fn request() -> bool {
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else { return false };
    let Some(thread) = thread.file_name() else { return false };
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", "1"]).arg(thread);
    chrt.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    chrt.status().is_ok_and(|status| status.success())
}
