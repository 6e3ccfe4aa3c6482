//! Everybody who is kept out for a time, whichever room keeps them out: whom, why, until when, and letting them in again.
//!
//! Must not know how a room decides it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::logins::PortalLogins;
use crate::directory::{Actor, DirectoryError, LARGEST_PAGE, Listed, Listing};
use crate::enrolment::{EnrolmentError, Enrolments, Lockout, LockoutRows};
use crate::registrar::{Registrar, ShutOut as Guesser, ShutOutScope};
use crate::sip::{Endpoint, Flood, FloodScope, Flooder};
use crate::vocab::UnixMillis;

/// Why somebody is kept out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShutOutReason {
    /// Wrong SIP names or passwords.
    WrongPasswords,
    /// Wrong logins at the portal.
    WrongLogins,
    /// Wrong IDs, PINs or codes at a phone.
    WrongPins,
    /// More SIP messages than may be.
    Flood,
    /// More SIP connections than may be.
    TooManyConnections,
}

impl ShutOutReason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::WrongPasswords, Self::WrongLogins, Self::WrongPins, Self::Flood, Self::TooManyConnections];

    /// As the API, the log and the figures name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongPasswords => "wrong-passwords",
            Self::WrongLogins => "wrong-logins",
            Self::WrongPins => "wrong-pins",
            Self::Flood => "flood",
            Self::TooManyConnections => "too-many-connections",
        }
    }
}

/// Somebody who is kept out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShutOut {
    /// Names it while it lasts.
    pub id: String,
    /// Why.
    pub reason: ShutOutReason,
    /// What it holds for: `name-and-address`, `name`, `address`, `peer`, `user`, `phone` or `all`.
    pub scope: String,
    /// The address it holds for; for IPv6 the first of its network, unless it holds for one port.
    pub address: Option<String>,
    /// The port at that address, where it holds for one.
    pub port: Option<u16>,
    /// The SIP name or the login that was tried.
    pub name: Option<String>,
    /// The user it holds for, by user ID.
    pub user: Option<String>,
    /// The phone it holds for: its address, and its hardware address or SIP name.
    pub phone: Option<String>,
    /// How much was refused so far, where that is counted.
    pub refused: Option<u64>,
    /// Until when, if no more comes.
    pub until: UnixMillis,
}

/// What names a shut-out: why, and whom. Lockouts have identifiers of their own.
#[derive(Serialize, Deserialize)]
struct Whom(ShutOutReason, Option<IpAddr>, Option<u16>, Option<String>);

impl Whom {
    fn id(&self) -> String {
        hex::encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn read(id: &str) -> Option<Self> {
        serde_json::from_slice(&hex::decode(id).ok()?).ok()
    }

    fn guesser(&self) -> Option<Guesser> {
        let scope = match (&self.1, &self.3) {
            (Some(_), Some(_)) => ShutOutScope::NameAndAddress,
            (None, Some(_)) => ShutOutScope::Name,
            (Some(_), None) => ShutOutScope::Address,
            (None, None) => return None,
        };
        Some(Guesser { scope, address: self.1, name: self.3.clone(), wait: Duration::ZERO })
    }

    fn flooder(&self) -> Option<Flooder> {
        let scope = match (self.0, self.2) {
            (ShutOutReason::TooManyConnections, _) => FloodScope::Connections,
            (_, Some(_)) => FloodScope::Peer,
            (_, None) => FloodScope::Address,
        };
        Some(Flooder { scope, address: self.1?, port: self.2 })
    }
}

/// Where all of them are kept.
#[derive(Clone, Debug)]
pub struct ShutOuts {
    /// Keeps out who guesses SIP passwords.
    pub registrar: Registrar,
    /// Keeps out who guesses at the portal.
    pub logins: PortalLogins,
    /// Keeps out who sends too much.
    pub endpoint: Endpoint,
    /// Keeps out who guesses PINs.
    pub enrolments: Enrolments,
}

impl ShutOuts {
    /// Those this node keeps out by itself.
    pub fn of_node(&self, now: UnixMillis) -> Vec<ShutOut> {
        let of_sip = self.registrar.shut_outs();
        let of_sip = of_sip.into_iter().map(|guesser| by_guessing(ShutOutReason::WrongPasswords, guesser, now));
        let of_portal = self.logins.shut();
        let of_portal = of_portal.into_iter().map(|guesser| by_guessing(ShutOutReason::WrongLogins, guesser, now));
        let floods = self.endpoint.floods();
        of_sip.chain(of_portal).chain(floods.into_iter().map(|flood| by_flooding(flood, now))).collect()
    }

    /// Those who are locked out after wrong PINs, on all nodes alike: as many as a page has.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lockouts(&self) -> Result<Vec<ShutOut>, EnrolmentError> {
        Ok(self.enrolments.lockouts(&page()?).await?.items.into_iter().map(by_lockout).collect())
    }

    /// The same without the users they hold for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn unnamed_lockouts(&self) -> Result<Vec<ShutOut>, EnrolmentError> {
        Ok(self.enrolments.unnamed_lockouts(&page()?).await?.into_iter().map(by_lockout).collect())
    }

    /// Lets somebody in again; what was lifted, or nothing if they are not kept out.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lift(&self, id: &str, actor: &Actor, now: UnixMillis) -> Result<Option<Lifted>, EnrolmentError> {
        let Some(whom) = Whom::read(id) else {
            return Ok(self.enrolments.lift(id, actor, now).await?.map(|_| Lifted::Lockout));
        };
        let before = self.of_node(now).into_iter().find(|shut_out| shut_out.id == id);
        let is_lifted = match whom.0 {
            ShutOutReason::WrongPasswords => {
                whom.guesser().is_some_and(|guesser| self.registrar.lift_shut_out(&guesser))
            }
            ShutOutReason::WrongLogins => whom.guesser().is_some_and(|guesser| self.logins.lift(&guesser)),
            ShutOutReason::Flood | ShutOutReason::TooManyConnections => match whom.flooder() {
                Some(flooder) => self.endpoint.lift_flood(&flooder).await,
                None => false,
            },
            ShutOutReason::WrongPins => false,
        };
        Ok(before.filter(|_| is_lifted).map(Box::new).map(Lifted::OfNode))
    }
}

fn page() -> Result<Listing, DirectoryError> {
    Ok(Listing::parse(LockoutRows::TABLE, &[("limit".to_owned(), LARGEST_PAGE.to_string())])?)
}

/// What was lifted.
#[derive(Debug)]
pub enum Lifted {
    /// A lockout; the audit has it already.
    Lockout,
    /// Something this node kept by itself.
    OfNode(Box<ShutOut>),
}

fn by_guessing(reason: ShutOutReason, guesser: Guesser, now: UnixMillis) -> ShutOut {
    let Guesser { scope, address, name, wait } = guesser;
    ShutOut {
        id: Whom(reason, address, None, name.clone()).id(),
        reason,
        scope: scope.as_str().to_owned(),
        address: address.map(|address| address.to_string()),
        port: None,
        name,
        user: None,
        phone: None,
        refused: None,
        until: now.after(wait),
    }
}

fn by_flooding(flood: Flood, now: UnixMillis) -> ShutOut {
    let Flooder { scope, address, port } = flood.whom;
    let (reason, scope) = match scope {
        FloodScope::Connections => (ShutOutReason::TooManyConnections, "address"),
        FloodScope::Peer | FloodScope::Address => (ShutOutReason::Flood, scope.as_str()),
    };
    ShutOut {
        id: Whom(reason, Some(address), port, None).id(),
        reason,
        scope: scope.to_owned(),
        address: Some(address.to_string()),
        port,
        name: None,
        user: None,
        phone: None,
        refused: Some(flood.refused),
        until: now.after(flood.wait),
    }
}

fn by_lockout(lockout: Lockout) -> ShutOut {
    ShutOut {
        id: lockout.row.id,
        reason: ShutOutReason::WrongPins,
        scope: lockout.row.scope,
        address: None,
        port: None,
        name: None,
        user: lockout.user,
        phone: lockout.phone,
        refused: None,
        until: lockout.row.locked_until,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_shut_out_says_again_whom_it_holds_for() {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let wait = Duration::from_secs(1);
        for (scope, name, at) in [
            (ShutOutScope::NameAndAddress, Some("1001"), Some(address)),
            (ShutOutScope::Name, Some("山"), None),
            (ShutOutScope::Address, None, Some(address)),
        ] {
            let name = name.map(str::to_owned);
            let guesser = Guesser { scope, address: at, name, wait: Duration::ZERO };
            let shown = by_guessing(ShutOutReason::WrongLogins, guesser.clone(), UnixMillis::new(0));
            assert_eq!(Whom::read(&shown.id).unwrap().guesser(), Some(guesser));
        }
        for (scope, port) in
            [(FloodScope::Peer, Some(5060)), (FloodScope::Address, None), (FloodScope::Connections, None)]
        {
            let whom = Flooder { scope, address, port };
            let shown = by_flooding(Flood { whom, refused: 1, wait }, UnixMillis::new(0));
            assert_eq!(Whom::read(&shown.id).unwrap().flooder(), Some(whom));
        }
        assert!(Whom::read("user-0123").is_none() && Whom::read("all").is_none());
    }
}
