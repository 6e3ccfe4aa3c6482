//! Tells of everybody who is kept out, in the log, on the feed of events and in figures: when it begins and when it ends.
//! Decides nothing itself.

use std::collections::HashMap;
use std::time::Duration;

use crate::directory::{Directory, Happening};
use crate::http::{ShutOut, ShutOutReason, ShutOuts};
use crate::sip::FloodScope;
use crate::vocab::UnixMillis;

/// How a shut-out came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// Its time is over.
    Elapsed,
    /// Somebody lifted it.
    Lifted,
}

impl Ending {
    fn as_str(self) -> &'static str {
        match self {
            Self::Elapsed => "elapsed",
            Self::Lifted => "lifted",
        }
    }
}

/// What has changed since the last look.
#[derive(PartialEq, Debug)]
enum News {
    Begun(ShutOut),
    Ended(ShutOut, Ending),
}

/// Everybody who was kept out at the last look, and at how many looks in a row.
#[derive(Debug, Default)]
struct Watched(HashMap<String, (ShutOut, u32)>);

impl Watched {
    fn look(&mut self, current: Vec<ShutOut>, now: UnixMillis) -> Vec<News> {
        let mut before = std::mem::take(&mut self.0);
        let mut news = Vec::new();
        for shut_out in current {
            let looks = before.remove(&shut_out.id).map_or(0, |(_, looks)| looks);
            if looks == 0 {
                news.push(News::Begun(shut_out.clone()));
            }
            self.0.insert(shut_out.id.clone(), (shut_out, looks.saturating_add(1)));
        }
        let ended = before.into_values().filter(is_real).map(|(shut_out, _)| shut_out);
        news.extend(ended.map(|shut_out| {
            let ending = if shut_out.until > now { Ending::Lifted } else { Ending::Elapsed };
            News::Ended(shut_out, ending)
        }));
        news
    }

    /// How many there are for this reason.
    fn count(&self, reason: ShutOutReason) -> usize {
        self.0.values().filter(|one| one.0.reason == reason && is_real(one)).count()
    }
}

/// A PIN counts as wrong until it is shown to be right: a lockout that is gone at the next look was none.
fn is_real((shut_out, looks): &(ShutOut, u32)) -> bool {
    *looks > 1 || shut_out.reason != ShutOutReason::WrongPins
}

/// Watches until the server stops.
pub(super) async fn watch(shut_outs: ShutOuts, directory: Directory) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let mut of_node = Watched::default();
    let mut lockouts: Option<Watched> = None;
    loop {
        every.tick().await;
        let now = UnixMillis::now();
        for (scope, count) in shut_outs.endpoint.take_refused() {
            if scope != FloodScope::Connections {
                metrics::counter!("sip_flood_refused_total", "scope" => scope.as_str()).increment(count);
            }
        }
        for news in of_node.look(shut_outs.of_node(now), now) {
            tell(news, &directory);
        }
        // What nodes share, the one on duty tells of. What there is at its first look was told before.
        if !directory.db().is_on_duty() {
            lockouts = None;
        } else if let Ok(current) = shut_outs.unnamed_lockouts().await {
            let news = lockouts.get_or_insert_default().look(current, now);
            news.into_iter().for_each(|news| tell(news, &directory));
        }
        for reason in ShutOutReason::ALL {
            let count = of_node.count(reason) + lockouts.as_ref().map_or(0, |lockouts| lockouts.count(reason));
            metrics::gauge!("shut_outs", "reason" => reason.as_str()).set(count as f64);
        }
    }
}

fn tell(news: News, directory: &Directory) {
    match news {
        // Told of in the transaction that brought it.
        News::Begun(shut_out) if shut_out.reason == ShutOutReason::WrongPins => {}
        News::Begun(shut_out) => begun(shut_out, directory),
        News::Ended(shut_out, ending) => ended(shut_out, ending, directory),
    }
}

fn begun(shut_out: ShutOut, directory: &Directory) {
    let ShutOut { id, reason, scope, address, port, name, until, .. } = shut_out;
    metrics::counter!("shut_outs_total", "reason" => reason.as_str()).increment(1);
    let why = match reason {
        ShutOutReason::WrongPasswords => "too many wrong SIP names or passwords: refused unjudged",
        ShutOutReason::WrongLogins => "too many wrong logins at the portal: refused unjudged",
        ShutOutReason::Flood => "too many SIP messages: those beyond the limit are not looked at",
        ShutOutReason::TooManyConnections => "too many SIP connections: no more are taken",
        ShutOutReason::WrongPins => "too many wrong PINs",
    };
    tracing::warn!(reason = reason.as_str(), scope, address, port, name, %until, "{why}");
    let reason = reason.as_str().to_owned();
    directory.feed().tell(Happening::ShutOutBegun { shut_out: id, reason, scope, address, port, name, until });
}

fn ended(shut_out: ShutOut, ending: Ending, directory: &Directory) {
    let ShutOut { id, reason, scope, address, port, name, user, phone, refused, .. } = shut_out;
    let ending = ending.as_str().to_owned();
    tracing::info!(
        reason = reason.as_str(),
        scope,
        address,
        port,
        name,
        user,
        phone,
        refused,
        ending,
        "somebody is kept out no longer"
    );
    directory.feed().tell(match reason {
        ShutOutReason::WrongPins => Happening::LockoutEnded { lockout: id, scope, ending },
        _ => {
            let reason = reason.as_str().to_owned();
            Happening::ShutOutEnded { shut_out: id, reason, scope, address, port, name, ending }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shut_out(id: &str, reason: ShutOutReason, until: i64) -> ShutOut {
        ShutOut {
            id: id.to_owned(),
            reason,
            scope: "address".to_owned(),
            address: None,
            port: None,
            name: None,
            user: None,
            phone: None,
            refused: None,
            until: UnixMillis::new(until),
        }
    }

    #[test]
    fn what_begins_and_ends_is_told_once_and_how_it_ended() {
        let mut watched = Watched::default();
        let flood = |until| shut_out("a", ShutOutReason::Flood, until);
        let guesser = shut_out("b", ShutOutReason::WrongPasswords, 9000);
        let mut at = |current: Vec<ShutOut>, now| watched.look(current, UnixMillis::new(now));
        assert_eq!(at(vec![flood(1000)], 0), [News::Begun(flood(1000))]);
        assert_eq!(at(vec![flood(2000), guesser.clone()], 1000), [News::Begun(guesser.clone())]);
        assert_eq!(at(vec![guesser.clone()], 2000), [News::Ended(flood(2000), Ending::Elapsed)]);
        assert_eq!(at(vec![], 3000), [News::Ended(guesser, Ending::Lifted)]);
    }

    #[test]
    fn a_lockout_that_was_none_is_not_told_of() {
        let mut watched = Watched::default();
        let lockout = shut_out("user-1", ShutOutReason::WrongPins, 9000);
        watched.look(vec![lockout.clone()], UnixMillis::new(0));
        assert_eq!(watched.look(vec![], UnixMillis::new(1000)), []);
        watched.look(vec![lockout.clone()], UnixMillis::new(2000));
        watched.look(vec![lockout.clone()], UnixMillis::new(3000));
        let ended = watched.look(vec![], UnixMillis::new(9000));
        assert_eq!(ended, [News::Ended(lockout, Ending::Elapsed)]);
    }
}
