//! Well-behaved phones beside an attacker: they register again and again, and say how they were served.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::house::{agent, mac, parameter};
use crate::registrant::{Registrant, status};
use crate::support::server::Server;

/// The address attackers come from.
pub const ATTACKER: u8 = 2;
/// Another address, of phones only.
pub const ELSEWHERE: u8 = 3;

/// A phone of the server's own making at 127.0.0.`host`, which sends again what is not answered.
pub fn managed(server: &Server, number: u16, host: u8) -> Registrant {
    let file = server.handset_get(&format!("/{}.cfg", mac(number)), &agent(&mac(number))).body;
    let value = |name: &str| parameter(&file, name).unwrap_or_else(|| panic!("{file}"));
    let (name, password) = (value("voip/line/0/auth_name"), value("voip/line/0/auth_password"));
    Registrant::new(server.sip, host, &name, &password).with_number(&value("voip/line/0/id")).patient()
}

/// How phones were served: how long each registration took, challenge included.
#[derive(Debug, Default)]
pub struct Served(Vec<Duration>);

impl Served {
    /// Registers `phone` again and again until it is over.
    pub fn while_attacked(phone: &Registrant, is_over: &AtomicBool) -> Self {
        Self::registering(|| phone.register(), is_over)
    }

    /// The same for whoever registers so.
    pub fn registering(mut register: impl FnMut() -> String, is_over: &AtomicBool) -> Self {
        let mut took = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let began = Instant::now();
            let answer = register();
            assert_eq!(status(&answer), 200, "{answer}");
            took.push(began.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(took)
    }

    /// How many registrations there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that needed nothing sent again.
    pub fn at_once(&self) -> usize {
        self.0.iter().filter(|took| **took < Duration::from_millis(500)).count()
    }

    /// Within what 99 of 100 were done.
    pub fn p99(&self) -> Duration {
        let mut took = self.0.clone();
        took.sort();
        took.get(took.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// The registrations, those that needed nothing sent again, and within what 99 of 100 were done.
impl std::fmt::Display for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, at_once, p99) = (self.count(), self.at_once(), self.p99());
        write!(f, "{count} registrations, all served, {at_once} at the first go, 99 of 100 within {p99:?}")
    }
}
