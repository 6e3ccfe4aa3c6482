//! The phone's own check of a NOTIFY: some makes, or phones set to, obey only who shows their line's password.

use super::agent::Agent;
use super::digest::{Algorithm, Challenge, Signature};
use super::message::{Message, Start};

/// The refusal of a request whose sender has not shown the line's password; nothing where they have.
pub fn refusal(agent: &Agent, request: &Message) -> Option<Message> {
    let challenge = Challenge {
        realm: "phone".to_owned(),
        nonce: agent.nonce.clone(),
        algorithm: Algorithm::Md5,
        qop_auth: true,
        opaque: None,
        stale: false,
    };
    if is_signed(agent, request, &challenge).unwrap_or(false) {
        return None;
    }
    let mut response = agent.response(request, 401, "Unauthorized");
    response.push("WWW-Authenticate", challenge.write());
    Some(response)
}

fn is_signed(agent: &Agent, request: &Message, challenge: &Challenge) -> Option<bool> {
    let (account, _) = agent.account().ok()?;
    let Start::Request { method, uri } = &request.start else { return None };
    let signature = Signature {
        username: &account.auth_name,
        password: account.password.as_ref()?,
        method,
        uri,
        cnonce: "",
        nonce_count: 1,
    };
    Some(challenge.is_answered(request.header("Authorization")?, signature))
}
