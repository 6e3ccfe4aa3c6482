//! The messages of RFC 4475, each with what its section asks of a server like this one.
//!
//! The messages are in `messages/`, in the notation of [`super::script`]. What the sections leave open (refuse or overlook)
//! is left open here too.

use super::script;

/// What is to become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Right in form: it reaches those who answer it, who give one of these.
    Served(&'static [u16]),
    /// Refused by its form, with one of these.
    Refused(&'static [u16]),
    /// Served or refused: the section lets us overlook the fault. One of these.
    Either(&'static [u16]),
    /// Refused with one of these, and the connection closed: nobody knows where the next message starts.
    RefusedAndClosed(&'static [u16]),
    /// No answer yet: the stream may still bring the rest.
    Awaited,
    /// A response in order, but to nothing that was asked: no answer.
    Unasked,
    /// A broken response: no answer.
    Dropped,
}

/// One message and its due.
#[derive(Clone, Debug)]
pub struct Case {
    /// The RFC's name for it.
    pub name: &'static str,
    /// The section of RFC 4475.
    pub section: &'static str,
    /// As sent.
    pub octets: Vec<u8>,
    /// What is due when it is one datagram.
    pub over_udp: Expectation,
    /// What is due when it is the first thing on a connection.
    pub over_tcp: Expectation,
}

/// Answers to a right request from a stranger: anything but "I can't read this".
const IN_A_DIALOG: &[u16] = &[200, 401, 403, 404, 405, 407, 480, 481, 486, 488, 501];
const ANY_ANSWER: &[u16] = &[200, 401, 403, 404, 405, 407, 480, 486, 488, 501];
/// The same, where calling it unreadable is right too.
const ANY_ANSWER_OR_400: &[u16] = &[200, 400, 401, 403, 404, 405, 407, 480, 486, 488, 501];
const BAD: &[u16] = &[400];
const NO_SUCH_METHOD: &[u16] = &[405, 501];

/// Every message, as `port` of this machine would send it: the topmost Via names that port, so answers find their way back.
pub fn cases(port: u16) -> Vec<Case> {
    use Expectation::{Awaited, Dropped, Either, Refused, RefusedAndClosed, Served, Unasked};
    macro_rules! case {
        ($section:literal, $name:literal, $udp:expr) => {
            case!($section, $name, $udp, $udp)
        };
        ($section:literal, $name:literal, $udp:expr, $tcp:expr) => {
            Case {
                name: $name,
                section: $section,
                octets: script::octets(include_str!(concat!("messages/", $name, ".sip")), port),
                over_udp: $udp,
                over_tcp: $tcp,
            }
        };
    }
    vec![
        // Its To has a tag: to a server that knows no such dialog it is answered 481 (RFC 3261 section 12.2.2).
        case!("3.1.1.1", "wsinv", Served(IN_A_DIALOG)),
        case!("3.1.1.2", "intmeth", Refused(NO_SUCH_METHOD)),
        case!("3.1.1.3", "esc01", Served(ANY_ANSWER)),
        case!("3.1.1.4", "escnull", Served(ANY_ANSWER)),
        case!("3.1.1.5", "esc02", Refused(NO_SUCH_METHOD)),
        case!("3.1.1.6", "lwsdisp", Served(ANY_ANSWER)),
        case!("3.1.1.7", "longreq", Served(ANY_ANSWER)),
        case!("3.1.1.8", "dblreq", Served(ANY_ANSWER)),
        case!("3.1.1.9", "semiuri", Served(ANY_ANSWER)),
        case!("3.1.1.10", "transports", Served(ANY_ANSWER)),
        case!("3.1.1.11", "mpart01", Either(&[200, 202, 401, 403, 404, 405, 407, 415, 501])),
        case!("3.1.1.12", "unreason", Unasked),
        case!("3.1.1.13", "noreason", Unasked),
        case!("3.1.2.1", "badinv01", Refused(BAD)),
        case!("3.1.2.2", "clerr", Refused(BAD), Awaited),
        case!("3.1.2.3", "ncl", Refused(BAD), RefusedAndClosed(BAD)),
        case!("3.1.2.4", "scalar02", Refused(BAD)),
        case!("3.1.2.5", "scalarlg", Dropped),
        case!("3.1.2.6", "quotbal", Refused(BAD)),
        case!("3.1.2.7", "ltgtruri", Refused(BAD)),
        case!("3.1.2.8", "lwsruri", Refused(BAD)),
        case!("3.1.2.9", "lwsstart", Either(ANY_ANSWER_OR_400)),
        case!("3.1.2.10", "trws", Either(ANY_ANSWER_OR_400)),
        case!("3.1.2.11", "escruri", Either(ANY_ANSWER_OR_400)),
        case!("3.1.2.12", "baddate", Either(ANY_ANSWER_OR_400)),
        case!("3.1.2.13", "regbadct", Refused(&[400, 401])),
        case!("3.1.2.14", "badaspec", Either(ANY_ANSWER_OR_400)),
        case!("3.1.2.15", "baddn", Either(ANY_ANSWER_OR_400)),
        case!("3.1.2.16", "badvers", Refused(&[505])),
        case!("3.1.2.17", "mismatch01", Refused(BAD)),
        case!("3.1.2.18", "mismatch02", Refused(&[400, 501])),
        case!("3.1.2.19", "bigcode", Dropped),
        case!("3.2.1", "badbranch", Either(ANY_ANSWER_OR_400)),
        case!("3.3.1", "insuf", Refused(BAD)),
        case!("3.3.2", "unkscm", Refused(&[416])),
        case!("3.3.3", "novelsc", Refused(&[416])),
        case!("3.3.4", "unksm2", Refused(BAD)),
        case!("3.3.5", "bext01", Refused(&[420])),
        case!("3.3.6", "invut", Refused(&[415])),
        case!("3.3.7", "regaut01", Served(&[401])),
        case!("3.3.8", "multi01", Refused(BAD)),
        case!("3.3.9", "mcl01", Refused(BAD), RefusedAndClosed(BAD)),
        case!("3.3.10", "bcast", Unasked),
        case!("3.3.11", "zeromf", Either(&[200, 401, 403, 404, 405, 407, 480, 483])),
        case!("3.3.12", "cparam01", Served(ANY_ANSWER)),
        case!("3.3.13", "cparam02", Served(ANY_ANSWER)),
        case!("3.3.14", "regescrt", Served(ANY_ANSWER)),
        case!("3.3.15", "sdp01", Refused(&[406])),
        // Without Content-Length; over a stream that leaves no end to the message (RFC 3261, section 20.14).
        case!("3.4.1", "inv2543", Served(ANY_ANSWER), RefusedAndClosed(BAD)),
    ]
}
