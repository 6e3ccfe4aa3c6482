//! Logins at the portal: wrong ones are counted, and those of one account wait for one another, so that tries side by side can't
//! slip past a limit. Those of others don't wait. Must not know who may log in.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::enrolment::{Turn, Turns};
use crate::registrar::{GuessStanding, Guesses, ShutOut, WrongPasswordSettings};

/// Who logged in wrongly of late.
#[derive(Clone, Debug)]
pub struct PortalLogins {
    guesses: Arc<Mutex<Guesses>>,
    turns: Turns,
}

impl PortalLogins {
    /// Nobody has yet.
    pub fn new(settings: WrongPasswordSettings) -> Self {
        Self { guesses: Arc::new(Mutex::new(Guesses::new(settings))), turns: Turns::new() }
    }

    /// Waits for the turn of a login; nothing but the time until one is looked at again if none is now.
    pub(super) async fn turn(&self, address: IpAddr, login: &str) -> Result<Option<Turn>, Duration> {
        // Whoever is shut out takes nobody's turn.
        self.look(address, login)?;
        let turn = self.turns.wait(login).await;
        self.look(address, login)?;
        Ok(turn)
    }

    fn look(&self, address: IpAddr, login: &str) -> Result<(), Duration> {
        self.guesses().wait(address, login, GuessStanding::Strange, Instant::now()).map_or(Ok(()), Err)
    }

    /// A login was wrong. To be told within its turn.
    pub(super) fn count(&self, address: IpAddr, login: &str) {
        self.guesses().count(address, login, Instant::now());
    }

    /// A login was right. To be told within its turn.
    pub(super) fn forgive(&self, address: IpAddr, login: &str) {
        self.guesses().forgive(address, login);
    }

    /// Whose logins are not looked at.
    pub(super) fn shut(&self) -> Vec<ShutOut> {
        self.guesses().shut(Instant::now())
    }

    /// Looks at somebody's logins again; false if they are looked at.
    pub(super) fn lift(&self, shut_out: &ShutOut) -> bool {
        self.guesses().lift(shut_out, Instant::now())
    }

    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
