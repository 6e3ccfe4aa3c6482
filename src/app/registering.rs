//! Registrations under way. Hardly any takes a moment of a core, and nearly all the time of each goes into waiting for the same
//! commits: a task a core looks after many, which costs less than a task each.

use std::panic::AssertUnwindSafe;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::registrar::Registrar;
use crate::sip::message::Request;
use crate::sip::{Flow, Responder, new_tag};

/// REGISTERs that wait for a task to begin with them.
const WAITING: usize = 4096;
/// As many are begun at once.
const AT_ONCE: usize = 64;

/// A REGISTER to be answered.
struct Asked {
    request: Request,
    flow: Flow,
    responder: Responder,
}

/// The tasks. When it is dropped they take no more, and end what they have begun.
pub(super) struct Registering {
    desks: Vec<mpsc::Sender<Asked>>,
    turn: usize,
}

impl Registering {
    /// As many tasks as there are cores.
    pub(super) fn start(registrar: &Registrar) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let desks = (0..cores).map(|_| {
            let (desk, asked) = mpsc::channel(WAITING);
            tokio::spawn(look_after(asked, registrar.clone()));
            desk
        });
        Self { desks: desks.collect(), turn: 0 }
    }

    /// Has a REGISTER answered; where too many wait, with 503. Nobody waits for that.
    pub(super) async fn take(&mut self, request: Request, flow: Flow, responder: Responder) {
        self.turn = self.turn.wrapping_add(1);
        let mut asked = Asked { request, flow, responder };
        for desk in self.desks.iter().cycle().skip(self.turn % self.desks.len()).take(self.desks.len()) {
            match desk.try_send(asked) {
                Ok(()) => return,
                Err(TrySendError::Full(back) | TrySendError::Closed(back)) => asked = back,
            }
        }
        metrics::counter!("sip_overload_total").increment(1);
        let Asked { request, mut responder, .. } = asked;
        responder.respond(request.respond(503).with_header("Retry-After", "5").with_to_tag(&new_tag())).await;
    }
}

async fn look_after(mut asked: mpsc::Receiver<Asked>, registrar: Registrar) {
    let mut under_way = FuturesUnordered::new();
    let mut came = Vec::with_capacity(AT_ONCE);
    loop {
        tokio::select! {
            taken = asked.recv_many(&mut came, AT_ONCE) => match taken {
                0 => break,
                _ => under_way.extend(came.drain(..).map(|asked| answer(asked, &registrar))),
            },
            Some(()) = under_way.next() => {}
        }
    }
    while under_way.next().await.is_some() {}
}

async fn answer(asked: Asked, registrar: &Registrar) {
    let Asked { request, flow, mut responder } = asked;
    let answered = async { responder.respond(registrar.register(&request, flow).await).await };
    // What goes wrong with one is not to end the others.
    if AssertUnwindSafe(answered).catch_unwind().await.is_err() {
        tracing::error!(peer = %flow.peer, "answering a REGISTER failed; this is a fault of the program");
    }
}
