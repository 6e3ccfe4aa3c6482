//! Answers without a transaction (RFC 3261 section 8.2.7): who asks and shows nothing leaves nothing behind here, however often
//! they ask. Must not wait: it is asked by the tasks that read the wire.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::flow::Flow;
use super::message::{Request, Response};
use super::transaction::note_source;

/// Answers a request of which nothing need be kept; none if it takes more than that. A retransmission of the request must
/// get the same To tag.
pub type Answerer = dyn Fn(&Request, Flow) -> Option<Response> + Send + Sync;

/// Where requests are answered at once, if anybody does.
#[derive(Clone, Default)]
pub(super) struct Stateless(Arc<OnceLock<Box<Answerer>>>);

impl Stateless {
    /// Who answers from now on. Whoever was first stays.
    pub(super) fn set(&self, answerer: Box<Answerer>) {
        let _ = self.0.set(answerer);
    }

    /// The answer, ready to be sent the way back of its Via.
    pub(super) fn answer(&self, request: &Request, flow: Flow) -> Option<Response> {
        let mut response = self.0.get()?(request, flow)?;
        note_source(&mut response.headers, flow);
        Some(response)
    }
}

impl fmt::Debug for Stateless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stateless").field("answers", &self.0.get().is_some()).finish()
    }
}
