//! Why a line is down, or what went wrong with it: a closed list, each with its code. The words are in the locales
//! (`line-reason-<code>`, `line-remedy-<code>`). Pure.

/// Why a request that named a line did not register it, or why a registration went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// The password was wrong.
    WrongPassword,
    /// No phone authenticates by the name that was given.
    UnknownUser,
    /// Phones may not come in from that network.
    WrongNetwork,
    /// A phone without a password of ours is believed at the address it was first seen at only.
    OtherAddress,
    /// Its user is inactive.
    Suspended,
    /// After too many wrong passwords none is looked at for a time.
    ShutOut,
    /// The phone asked to register a number that is not its own.
    WrongNumber,
    /// More contacts than one number may have.
    TooManyContacts,
    /// The phone asked to be registered for less time than is granted, and did not ask for more (423).
    IntervalTooBrief,
    /// A REGISTER was older than one that is known, by its CSeq.
    OutOfOrder,
    /// The phone requires an extension that is none of the registrar's (420).
    UnsupportedExtension,
    /// The request can't be taken as it is written.
    Malformed,
    /// The digest algorithm is none the phone was offered.
    WrongAlgorithm,
    /// Challenges were answered with old nonces, again and again.
    StaleNonce,
    /// A challenge was not answered.
    ChallengeUnanswered,
    /// Packets of the phone come from another address or port than before.
    NatMappingChanged,
    /// No REGISTER came in time.
    Expired,
    /// Another phone registered the same contact for the number, and took its place.
    Displaced,
    /// The line has another number now, and its phone has not registered with that.
    Renumbered,
    /// A phone nobody knows was not let in.
    NotAdmitted,
    /// The phone's certificate is not good here, or it showed none where one is required.
    CertificateRefused,
    /// The phone does not take this server's certificate.
    ServerCertificateRefused,
    /// The phone wants Outbound, and the proxy next to it does not do its part (439, RFC 5626 section 6).
    FirstHopLacksOutbound,
}

impl Reason {
    /// All there are.
    pub const ALL: [Self; 23] = [
        Self::WrongPassword,
        Self::UnknownUser,
        Self::WrongNetwork,
        Self::OtherAddress,
        Self::Suspended,
        Self::ShutOut,
        Self::WrongNumber,
        Self::TooManyContacts,
        Self::IntervalTooBrief,
        Self::OutOfOrder,
        Self::UnsupportedExtension,
        Self::Malformed,
        Self::WrongAlgorithm,
        Self::StaleNonce,
        Self::ChallengeUnanswered,
        Self::NatMappingChanged,
        Self::Expired,
        Self::Displaced,
        Self::Renumbered,
        Self::NotAdmitted,
        Self::CertificateRefused,
        Self::ServerCertificateRefused,
        Self::FirstHopLacksOutbound,
    ];

    /// For the database, the API, words and figures.
    pub const fn code(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong-password",
            Self::UnknownUser => "unknown-user",
            Self::WrongNetwork => "wrong-network",
            Self::OtherAddress => "other-address",
            Self::Suspended => "suspended",
            Self::ShutOut => "shut-out",
            Self::WrongNumber => "wrong-number",
            Self::TooManyContacts => "too-many-contacts",
            Self::IntervalTooBrief => "interval-too-brief",
            Self::OutOfOrder => "out-of-order",
            Self::UnsupportedExtension => "unsupported-extension",
            Self::Malformed => "malformed",
            Self::WrongAlgorithm => "wrong-algorithm",
            Self::StaleNonce => "stale-nonce",
            Self::ChallengeUnanswered => "challenge-unanswered",
            Self::NatMappingChanged => "nat-mapping-changed",
            Self::Expired => "expired",
            Self::Displaced => "displaced",
            Self::Renumbered => "renumbered",
            Self::NotAdmitted => "not-admitted",
            Self::CertificateRefused => "certificate-refused",
            Self::ServerCertificateRefused => "server-certificate-refused",
            Self::FirstHopLacksOutbound => "first-hop-lacks-outbound",
        }
    }

    /// What a code stands for.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// True where whoever asked had shown the phone's password first.
    pub(super) fn follows_proof(self) -> bool {
        matches!(
            self,
            Self::Suspended
                | Self::WrongNumber
                | Self::TooManyContacts
                | Self::IntervalTooBrief
                | Self::OutOfOrder
                | Self::Malformed
                | Self::WrongAlgorithm
                | Self::FirstHopLacksOutbound
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_one_reason() {
        for reason in Reason::ALL {
            assert_eq!(Reason::of(reason.code()), Some(reason));
        }
        assert_eq!(Reason::of("registered"), None);
    }
}
