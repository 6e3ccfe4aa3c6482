//! The harness of the tests that run the real program: a server of one's own, places for it to listen, programs from outside.
//!
//! It must not know what a test shows. Say `mod support;` in a file of `tests/`; what one test binary leaves unused,
//! another uses.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of the harness")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helpers may fail loudly")]

pub mod follower;
pub mod http;
pub mod kamailio;
pub mod ports;
pub mod postgres;
pub mod programs;
pub mod server;

use std::time::{Duration, Instant};

/// Looks again and again until there is something, and gives it. After `patience` the test fails, saying what didn't come.
pub fn wait_for<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
