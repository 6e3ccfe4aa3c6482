//! The calls that are up, by their dialogs: how a request finds its call. Must not know what a call does with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::sip::Responder;
use crate::sip::dialog::DialogId;
use crate::sip::message::Request;

/// Requests that may wait for one call.
const INBOX: usize = 32;

/// Something for a call that is up.
pub(super) enum ForCall {
    Request(Request, Responder),
    Acknowledged(Request),
}

/// All dialogs of calls.
#[derive(Clone, Default)]
pub(super) struct Dialogs(Arc<Mutex<HashMap<DialogId, mpsc::Sender<ForCall>>>>);

/// A dialog's entry; gone when dropped.
pub(super) struct Entry {
    dialogs: Dialogs,
    id: DialogId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.dialogs.lock().remove(&self.id);
    }
}

impl Dialogs {
    /// From now on, what arrives in this dialog comes out of the receiver, as long as the entry is kept.
    pub(super) fn enter(&self, id: DialogId) -> (Entry, mpsc::Receiver<ForCall>) {
        let (sender, inbox) = mpsc::channel(INBOX);
        self.lock().insert(id.clone(), sender);
        (Entry { dialogs: self.clone(), id }, inbox)
    }

    /// Hands an ACK to its call. One for nobody, or for a call with too much waiting, is dropped: its 2xx comes again.
    pub(super) fn acknowledge(&self, ack: Request) {
        if let Some(call) = self.of(&ack) {
            let _ = call.try_send(ForCall::Acknowledged(ack));
        }
    }

    /// Hands a request to its call. It is answered 481 if there is none, and 503 if that has too much waiting.
    pub(super) async fn deliver(&self, request: Request, mut responder: Responder) {
        let Some(call) = self.of(&request) else { return responder.respond(request.respond(481)).await };
        if let Err(TrySendError::Full(ForCall::Request(request, mut responder))) =
            call.try_send(ForCall::Request(request, responder))
        {
            responder.respond(request.respond(503).with_header("Retry-After", "1")).await;
        }
    }

    fn of(&self, request: &Request) -> Option<mpsc::Sender<ForCall>> {
        DialogId::of_request(request).and_then(|id| self.lock().get(&id).cloned())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DialogId, mpsc::Sender<ForCall>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
