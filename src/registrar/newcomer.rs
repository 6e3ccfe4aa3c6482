//! A phone that just registers: somebody answered the challenge with a name, and no phone of that name showed itself.
//!
//! Auto-registration may let it in, and has to say clearly why not. What is said rests on where the asker is and on what the
//! name looks like, not on whether it is taken; but whoever is let in sees that theirs was free.

use std::sync::Arc;
use std::time::Instant;

use super::admission::{Candidate, Refusal, is_admissible};
use super::authentication::Unproven;
use super::line_status::Reason;
use super::{Registrar, RegistrarError, RegistrarEvent};
use crate::directory::Account;
use crate::sip::Flow;
use crate::sip::message::{Request, Response};
use crate::vocab::UnixMillis;

impl Registrar {
    /// Lets a phone in that takes no configuration, or says why not.
    pub(super) async fn admit(
        &self,
        request: &Request,
        who: &Unproven,
        flow: Flow,
    ) -> Result<Result<Arc<Account>, Response>, RegistrarError> {
        let origin = self.origin(request, flow);
        let refuse = || Ok(Err(self.refuse(request, flow, &who.name)));
        if !is_admissible(&who.name) {
            if !who.is_taken {
                tracing::info!(peer = %origin.peer, "a name that could be a number lets no phone in: give it one with letters");
            }
            return refuse();
        }
        let (source, now) = (origin.ip().to_canonical(), UnixMillis::now());
        match self.auto_registration.knock(source, Instant::now()) {
            Ok(()) => {}
            Err(Refusal::Off) => return refuse(),
            Err(Refusal::Network) => {
                return Ok(Err(self.refuse_for(request, flow, &who.name, Reason::WrongNetwork)));
            }
            Err(refusal) => return Ok(Err(self.refused(request, flow, &who.name, refusal))),
        }
        if who.is_taken {
            return match self.auto_registration.has_room(source, now).await? {
                Ok(()) => refuse(),
                Err(refusal) => Ok(Err(self.refused(request, flow, &who.name, refusal))),
            };
        }
        let candidate = Candidate {
            mac: None,
            vendor: "generic".to_owned(),
            model: request.headers.get("User-Agent").map(|agent| agent.chars().take(128).collect()),
            auth_name: who.name.clone(),
            sealed_secret: None,
            algorithms: "MD5".to_owned(),
            token_hash: None,
            transport: origin.transport,
            source,
        };
        let admission = match self.auto_registration.admit(&candidate, now).await? {
            Ok(admission) => admission,
            Err(refusal) => return Ok(Err(self.refused(request, flow, &who.name, refusal))),
        };
        self.news.tell(RegistrarEvent::Admitted { phone: admission.phone });
        match self.directory.accounts().of(admission.phone) {
            Some(account) => Ok(Ok(account)),
            None => Ok(Err(request.respond(500))),
        }
    }
    /// A refusal somebody has to act on: the reason phrase and a Warning (RFC 3261 section 20.43) say what.
    fn refused(&self, request: &Request, flow: Flow, name: &str, refusal: Refusal) -> Response {
        tracing::warn!(peer = %self.origin(request, flow).peer, reason = refusal.phrase(), "a new phone was not let in");
        self.note_unproven(request, flow, name, Reason::NotAdmitted);
        let warning = format!("399 {} \"{}\"", flow.local, refusal.phrase());
        request.respond(403).with_reason(refusal.phrase()).with_header("Warning", &warning)
    }
}
