//! Digits in SIP INFO bodies (`application/dtmf-relay` and `application/dtmf`). Pure; must not know SIP messages.

use super::digit::Digit;

/// The longest body looked at, in octets: these are two short lines.
const MAX_BODY: usize = 256;

/// The digit an INFO body carries; `None` if the type is another, the body is malformed, or the signal is no digit (hook flash).
///
/// `content_type` may have parameters and any case. `application/dtmf-relay` is `Signal=5` with an optional `Duration=`;
/// `application/dtmf` is the digit alone. Both exist with event codes 10 and 11 for `*` and `#`.
pub fn digit_of_info(content_type: &str, body: &[u8]) -> Option<Digit> {
    let text = std::str::from_utf8(body.get(..MAX_BODY.min(body.len()))?).ok()?;
    let media_type = content_type.split(';').next()?.trim();
    if media_type.eq_ignore_ascii_case("application/dtmf-relay") {
        text.lines().find_map(signal_of_line).and_then(digit_of_signal)
    } else if media_type.eq_ignore_ascii_case("application/dtmf") {
        // Some senders put the relay format under the short type.
        let signal = text.lines().find_map(signal_of_line).unwrap_or_else(|| text.trim());
        digit_of_signal(signal)
    } else {
        None
    }
}

fn signal_of_line(line: &str) -> Option<&str> {
    let (name, value) = line.split_once(['=', ':'])?;
    name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
}

fn digit_of_signal(signal: &str) -> Option<Digit> {
    let mut chars = signal.chars();
    match (chars.next()?, chars.next()) {
        (key, None) => Digit::from_char(key),
        _ => signal.parse().ok().and_then(Digit::from_event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(content_type: &str, body: &str) -> Option<char> {
        digit_of_info(content_type, body.as_bytes()).map(Digit::as_char)
    }

    #[test]
    fn both_bodies_are_read_as_phones_write_them() {
        assert_eq!(key("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(key("Application/DTMF-Relay; charset=utf-8", "signal= *\nduration=100"), Some('*'));
        assert_eq!(key("application/dtmf-relay", "Duration=250\r\nSignal=#"), Some('#'));
        assert_eq!(key("application/dtmf-relay", "Signal: 11\r\n"), Some('#'));
        assert_eq!(key("application/dtmf", "7"), Some('7'));
        assert_eq!(key("application/dtmf", " d\r\n"), Some('D'));
        assert_eq!(key("application/dtmf", "10"), Some('*'));
        assert_eq!(key("application/dtmf", "Signal=3\r\nDuration=200"), Some('3'));
    }

    #[test]
    fn anything_else_is_no_digit() {
        assert_eq!(key("application/sdp", "5"), None);
        for body in ["", "Signal=", "Signal=16", "Signal=hf", "Signal=55x", "Sig=5"] {
            assert_eq!(key("application/dtmf-relay", body), None, "{body}");
        }
        assert_eq!(digit_of_info("application/dtmf", &[0xFF, 0xFE]), None);
        assert_eq!(key("application/dtmf", &"5".repeat(10_000)), None);
    }
}
