//! SIP messages as a plain phone reads and writes them, independently of the server's parser. Pure; must not know calls.

use md5::{Digest, Md5};

/// A message received: as much of it as a plain phone looks at.
#[derive(Debug)]
pub struct Message<'a> {
    start: &'a str,
    head: &'a str,
    /// What follows the empty line.
    pub body: &'a str,
}

impl<'a> Message<'a> {
    /// Reads a datagram; `None` for what is no text.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(datagram).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (start, head) = head.split_once("\r\n")?;
        Some(Self { start, head, body })
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&'a str> {
        let (method, rest) = self.start.split_once(' ')?;
        rest.ends_with("SIP/2.0").then_some(method)
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers(name).next()
    }

    /// Every header of this name.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.head.split("\r\n").filter_map(move |line| {
            let (found, value) = line.split_once(':')?;
            found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The number and the method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &'a str)> {
        let (number, method) = self.header("CSeq")?.split_once(' ')?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// The URI of Contact, without brackets.
    pub fn contact(&self) -> Option<&'a str> {
        self.header("Contact")?.split_once('<')?.1.split_once('>').map(|(uri, _)| uri)
    }

    /// An answer to this request.
    pub fn answer(&self, status: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.headers(name) {
                text += &format!("{name}: {value}\r\n");
            }
        }
        text + "Content-Length: 0\r\n\r\n"
    }
}

/// The port of the audio a session description names.
pub fn audio_port(body: &str) -> Option<u16> {
    body.lines().find_map(|line| line.strip_prefix("m=audio "))?.split(' ').next()?.parse().ok()
}

/// The Authorization that answers a challenge, by MD5 and with qop=auth.
pub fn authorization(challenge: &str, name: &str, password: &str, method: &str, uri: &str) -> Option<String> {
    let parameter = |key: &str| -> Option<&str> {
        let (_, rest) = challenge.split_once(&format!("{key}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    let (realm, nonce) = (parameter("realm")?, parameter("nonce")?);
    let (cnonce, count) = ("0badcafe", "00000001");
    let ha1 = md5(&format!("{name}:{realm}:{password}"));
    let ha2 = md5(&format!("{method}:{uri}"));
    let response = md5(&format!("{ha1}:{nonce}:{count}:{cnonce}:auth:{ha2}"));
    Some(format!(
        "Digest username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=MD5, cnonce=\"{cnonce}\", nc={count}, qop=auth"
    ))
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_and_a_request_are_told_apart_and_read() {
        let text = b"SIP/2.0 200 OK\r\nCSeq: 2 INVITE\r\nContact: <sip:2000@127.0.0.1:5060;transport=udp>\r\n\r\n\
            v=0\r\nm=audio 20000 RTP/AVP 0 101\r\n";
        let response = Message::parse(text).unwrap();
        assert_eq!((response.status(), response.method()), (Some(200), None));
        assert_eq!(response.cseq(), Some((2, "INVITE")));
        assert_eq!(response.contact(), Some("sip:2000@127.0.0.1:5060;transport=udp"));
        assert_eq!(audio_port(response.body), Some(20_000));
        let bye = Message::parse(b"BYE sip:a@b SIP/2.0\r\nVia: one\r\nVia: two\r\nCSeq: 1 BYE\r\n\r\n").unwrap();
        assert_eq!((bye.status(), bye.method()), (None, Some("BYE")));
        let answer = bye.answer("200 OK");
        assert!(answer.starts_with("SIP/2.0 200 OK\r\nVia: one\r\nVia: two\r\n"), "{answer}");
    }

    #[test]
    fn a_challenge_is_answered_as_rfc_2617_computes_it() {
        assert_eq!(md5("Mufasa:testrealm@host.com:Circle Of Life"), "939e7578ed9e3c518a452acee763bce9");
        let answer =
            authorization("Digest realm=\"tsunagu\", nonce=\"n1\", qop=\"auth\"", "p", "s", "REGISTER", "sip:h");
        let answer = answer.unwrap();
        assert!(answer.contains("nonce=\"n1\"") && answer.contains("realm=\"tsunagu\""), "{answer}");
        assert_eq!(authorization("Digest realm=\"tsunagu\"", "p", "s", "REGISTER", "sip:h"), None);
    }
}
