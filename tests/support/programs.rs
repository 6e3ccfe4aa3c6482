//! Programs from outside that a test needs, and how they are run: bounded in time, ended by their own id.

use std::process::{Child, Command};

/// Fails, loudly, if `program` is not installed. A test that can't run must not look as if it had passed.
pub fn need(program: &str, package: &str) {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    let place = if std::env::var_os("CI").is_some() { "this CI machine" } else { "this machine" };
    assert!(
        found,
        "{program} is not installed on {place}, and this test shows nothing without it: \
         run `apt-get update && apt-get install -y {package}`, or `tests/run`, which installs all that tests need"
    );
}

/// A program that is killed when the test lets go of it.
#[derive(Debug)]
pub struct Program(Child);

impl Program {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its process, for what it reads and writes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.0.try_wait().expect("a child can be asked for")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
