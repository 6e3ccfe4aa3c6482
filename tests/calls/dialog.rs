//! A call as one of its phones knows it (RFC 3261 section 12), by the test's own few lines.

use crate::phone::{header, headers};

/// A call, at one end.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// The call.
    pub call_id: String,
    /// The INVITE's transaction.
    pub branch: String,
    /// This end, with its tag.
    pub local: String,
    /// The other end, with its tag once it has one.
    pub remote: String,
    /// The other end's Contact.
    pub target: String,
    /// The way there.
    pub routes: Vec<String>,
    /// The last number of this end's requests.
    pub cseq: u32,
}

impl Dialog {
    /// An answer came that makes it a dialog.
    pub fn answered(&mut self, answer: &str) {
        header(answer, "To").unwrap().clone_into(&mut self.remote);
        self.target = contact(answer);
        self.routes = headers(answer, "Record-Route").into_iter().rev().map(str::to_owned).collect();
    }

    /// The call an INVITE began, at the end that answers with this tag.
    pub fn called(invite: &str, tag: &str) -> Self {
        Self {
            call_id: header(invite, "Call-ID").unwrap().to_owned(),
            branch: String::new(),
            local: format!("{};tag={tag}", header(invite, "To").unwrap()),
            remote: header(invite, "From").unwrap().to_owned(),
            target: contact(invite),
            routes: headers(invite, "Record-Route").into_iter().map(str::to_owned).collect(),
            cseq: 100,
        }
    }
}

fn contact(message: &str) -> String {
    header(message, "Contact").unwrap().split(['<', '>']).nth(1).unwrap().to_owned()
}
