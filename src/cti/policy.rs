//! Who may call what. Pure.

use crate::directory::PhoneState;

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    /// A phone with a temporary number.
    Quarantined,
    /// A user's phone.
    Enrolled,
}

impl Caller {
    /// `None` for a phone that may call nothing.
    pub fn of(state: PhoneState) -> Option<Self> {
        match state {
            PhoneState::Quarantine => Some(Self::Quarantined),
            PhoneState::Enrolled => Some(Self::Enrolled),
            PhoneState::Released => None,
        }
    }
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// A route point of this server.
    RoutePoint,
    /// A number that is on somebody's phone.
    Line,
    /// An emergency number. There is no way to one from here yet; everybody may call them.
    Emergency,
    /// Anything else.
    Elsewhere,
}

/// What is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permission {
    /// Let the call go on.
    Allowed,
    /// 403: not for this caller.
    Forbidden,
    /// 404: there is nothing under this number yet.
    NotFound,
}

/// Whether `caller` may call `destination`. A phone in quarantine reaches a route point and, in need, help; nothing else,
/// and nobody's line.
pub fn permit(caller: Caller, destination: Destination) -> Permission {
    match (caller, destination) {
        (_, Destination::RoutePoint) | (Caller::Enrolled, Destination::Line) => Permission::Allowed,
        (_, Destination::Emergency) | (Caller::Enrolled, Destination::Elsewhere) => Permission::NotFound,
        (Caller::Quarantined, Destination::Line | Destination::Elsewhere) => Permission::Forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantine_reaches_the_route_point_and_nothing_else() {
        assert_eq!(permit(Caller::Quarantined, Destination::RoutePoint), Permission::Allowed);
        assert_eq!(permit(Caller::Quarantined, Destination::Elsewhere), Permission::Forbidden);
        assert_eq!(permit(Caller::Quarantined, Destination::Line), Permission::Forbidden);
        assert_eq!(permit(Caller::Enrolled, Destination::Line), Permission::Allowed);
        assert_ne!(permit(Caller::Quarantined, Destination::Emergency), Permission::Forbidden);
        assert_eq!(permit(Caller::Enrolled, Destination::RoutePoint), Permission::Allowed);
    }
}
