//! Wrong passwords count at all nodes of one database: each tells the others of those it was shown, and of whom it let in again.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::Registrar;
use super::guessing::{NAME, Scope, ShutOut};
use crate::db::Db;

/// The kind of news that tells of wrong passwords.
pub const GUESSED: &str = "wrong-passwords";
/// The kind of news that tells who is let in again.
pub const LET_IN: &str = "let-in";
/// What may wait to be told; beyond that a wrong password counts here only.
const QUEUE: usize = 1024;
/// What is told at once: PostgreSQL passes on no more than 8,000 octets.
const GROUP: usize = 20;

/// Where it is noted what the others are to be told.
#[derive(Clone, Debug)]
pub(super) struct GuessNews(Option<mpsc::Sender<Told>>);

#[derive(Debug)]
struct Told {
    kind: &'static str,
    line: String,
}

impl GuessNews {
    /// Tells the other nodes, if there can be any.
    pub(super) fn open(db: &Db) -> Self {
        if db.shared().is_none() {
            return Self(None);
        }
        let (queue, told) = mpsc::channel(QUEUE);
        tokio::spawn(pass_on(db.clone(), told));
        Self(Some(queue))
    }

    /// Somebody at this address showed a wrong password for this name.
    pub(super) fn guessed(&self, address: IpAddr, name: &str) {
        self.note(GUESSED, || format!("{address} {}", on_a_line(name)));
    }

    /// Somebody is let in again.
    pub(super) fn let_in(&self, ShutOut { scope, address, name, wait: _ }: &ShutOut) {
        let address = || address.map_or_else(|| "-".to_owned(), |address| address.to_string());
        let name = name.as_deref().unwrap_or_default();
        self.note(LET_IN, || format!("{} {} {}", scope.as_str(), address(), on_a_line(name)));
    }

    fn note(&self, kind: &'static str, line: impl FnOnce() -> String) {
        if let Some(queue) = &self.0 {
            let _ = queue.try_send(Told { kind, line: line() });
        }
    }
}

fn on_a_line(name: &str) -> String {
    name.chars().take(NAME).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

async fn pass_on(db: Db, mut told: mpsc::Receiver<Told>) {
    let mut group = Vec::with_capacity(GROUP);
    while told.recv_many(&mut group, GROUP).await > 0 {
        for kind in [GUESSED, LET_IN] {
            let lines: Vec<&str> =
                group.iter().filter(|told| told.kind == kind).map(|told| told.line.as_str()).collect();
            // While the database is away each node counts for itself.
            if !lines.is_empty()
                && let Err(error) = db.tell_nodes(kind, &lines.join("\n")).await
            {
                tracing::debug!(%error, "other nodes could not be told of wrong passwords");
            }
        }
        group.clear();
    }
}

impl Registrar {
    /// Wrong passwords were shown to another node.
    pub fn note_guessed_elsewhere(&self, lines: &str) {
        for (address, name) in lines.lines().filter_map(|line| line.split_once(' ')) {
            if let Ok(address) = address.parse() {
                self.authenticator.count(address, name, Instant::now());
            }
        }
    }

    /// Another node let somebody in again.
    pub fn note_let_in_elsewhere(&self, lines: &str) {
        for shut_out in lines.lines().filter_map(let_in) {
            self.authenticator.lift(&shut_out, Instant::now());
        }
    }
}

fn let_in(line: &str) -> Option<ShutOut> {
    let mut words = line.splitn(3, ' ');
    let (scope, address, name) = (words.next()?, words.next()?, words.next()?);
    let scope = Scope::ALL.into_iter().find(|known| known.as_str() == scope)?;
    let name = (scope != Scope::Address).then(|| name.to_owned());
    Some(ShutOut { scope, address: address.parse().ok(), name, wait: Duration::ZERO })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_let_in_is_read_as_it_was_told() {
        let (told, mut heard) = mpsc::channel(9);
        let news = GuessNews(Some(told));
        let address = Some("192.0.2.7".parse().unwrap());
        let all = [
            ShutOut { scope: Scope::NameAndAddress, address, name: Some("a b".to_owned()), wait: Duration::ZERO },
            ShutOut { scope: Scope::Name, address: None, name: Some("a".to_owned()), wait: Duration::ZERO },
            ShutOut { scope: Scope::Address, address, name: None, wait: Duration::ZERO },
        ];
        all.iter().for_each(|shut_out| news.let_in(shut_out));
        for shut_out in all {
            assert_eq!(let_in(&heard.try_recv().unwrap().line), Some(shut_out));
        }
        news.guessed("192.0.2.7".parse().unwrap(), "a\r\nb");
        assert_eq!(heard.try_recv().unwrap().line, "192.0.2.7 a  b");
    }
}
