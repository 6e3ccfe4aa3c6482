//! The phones that are calling, so that somebody else can call their conversations off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::vocab::{CallId, PhoneId};

/// The phones that are calling.
#[derive(Clone, Debug, Default)]
pub(super) struct Callers(Arc<Mutex<HashMap<CallId, Conversation>>>);

#[derive(Debug)]
struct Conversation {
    phone: PhoneId,
    call_off: watch::Sender<bool>,
}

/// A phone is among them until this is dropped.
#[derive(Debug)]
pub(super) struct Calling {
    callers: Callers,
    call: CallId,
}

/// Turns true when a call's conversation is called off.
pub(super) type CallOff = watch::Receiver<bool>;

impl Callers {
    /// A phone calls.
    pub(super) fn enter(&self, call: CallId, phone: PhoneId) -> (Calling, CallOff) {
        let (call_off, called_off) = watch::channel(false);
        self.lock().insert(call, Conversation { phone, call_off });
        (Calling { callers: self.clone(), call }, called_off)
    }

    /// Calls the conversations of a phone off.
    pub(super) fn call_off(&self, phone: PhoneId) {
        for conversation in self.lock().values().filter(|conversation| conversation.phone == phone) {
            conversation.call_off.send_replace(true);
        }
    }

    /// True if the phone is calling.
    pub(super) fn has(&self, phone: PhoneId) -> bool {
        self.lock().values().any(|conversation| conversation.phone == phone)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, Conversation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.callers.lock().remove(&self.call);
    }
}

/// Waits until the conversation is called off.
pub(super) async fn called_off(call_off: &mut CallOff) {
    if call_off.wait_for(|called_off| *called_off).await.is_err() {
        std::future::pending::<()>().await;
    }
}
