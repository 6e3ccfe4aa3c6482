//! The notation of `messages/*.sip`: a SIP message one can read in an editor, and what it stands for on the wire.
//!
//! Each line ends with CRLF on the wire. `\xNN` is that octet; `{N*text}` is text N times; `{sdp}` a small session
//! description; `{port}` the port of whoever sends it (also in the
//! Call-ID, so that two sendings are two calls); `{length}` the octets after the empty line that follows.

/// A session description like those of the RFC: nothing about it matters but that it is right.
const SDP: &str = "v=0\no=caller 29739 7272939 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n\
                   m=audio 49217 RTP/AVP 0 12\nm=video 3227 RTP/AVP 31\na=rtpmap:31 LPC";

/// The octets `script` stands for, sent from `port`.
pub fn octets(script: &str, port: u16) -> Vec<u8> {
    let text = repeated(&script.replace("{sdp}", SDP).replace("{port}", &port.to_string()));
    let mut octets = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("{length}") {
        let body = after.split_once("\n\n").map_or("", |(_, body)| body);
        octets.extend(unescaped(before));
        octets.extend(unescaped(body).len().to_string().into_bytes());
        rest = after;
    }
    octets.extend(unescaped(rest));
    octets
}

/// `text` with every `{N*part}` written out.
fn repeated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let times = after.split_once('}').and_then(|(inside, tail)| Some((inside.split_once('*')?, tail)));
        match times.and_then(|((count, part), tail)| Some((count.parse::<usize>().ok()?, part, tail))) {
            Some((count, part, tail)) => {
                out.push_str(&part.repeat(count));
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

/// `text` as octets, line ends and escapes done.
fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match octet {
            b'\n' => octets.extend(b"\r\n"),
            b'\\' if tail.first() == Some(&b'x') => {
                let digits = std::str::from_utf8(&tail[1..3]).expect("two digits follow \\x");
                octets.push(u8::from_str_radix(digits, 16).expect("the digits after \\x are hexadecimal"));
                rest = &tail[3..];
            }
            other => octets.push(other),
        }
    }
    octets
}
