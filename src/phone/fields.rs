//! Readers for the inside of header values: URIs, parameters, lists.
//!
//! By hand and small, because rsip 0.4's typed headers fail on IPv6 literals, quoted parameters and comma-listed contacts.

/// Splits at `separator` outside quoted strings and angle brackets.
pub fn split_outside(value: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped, mut bracketed) = (Vec::new(), 0, false, false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            c if c == separator && !quoted && !bracketed => {
                parts.push(value.get(start..at).unwrap_or_default().trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(value.get(start..).unwrap_or_default().trim());
    parts
}

/// The value of a header parameter (after the URI's closing bracket), unquoted; empty for a flag.
pub fn param(value: &str, name: &str) -> Option<String> {
    split_outside(value, ';').into_iter().skip(1).find_map(|piece| {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| unquote(value.trim()))
    })
}

/// A quoted string's content, or the text itself where it isn't quoted.
pub fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return text.to_owned() };
    let mut plain = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    plain
}

/// The URI of a name-addr or addr-spec (RFC 3261 section 20.10).
pub fn uri(value: &str) -> &str {
    // A display name may hold anything, `<` included, while it is quoted.
    let after_name = match value.trim_start().strip_prefix('"') {
        Some(rest) => end_of_quote(rest),
        None => value,
    };
    match after_name.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(rest, |(uri, _)| uri).trim(),
        None => after_name.split(';').next().unwrap_or_default().trim(),
    }
}

fn end_of_quote(rest: &str) -> &str {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return rest.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    rest
}

/// The user part of a `sip:` URI; empty if it has none.
pub fn user(uri: &str) -> &str {
    let (_, rest) = uri.split_once(':').unwrap_or(("", uri));
    match rest.rsplit_once('@') {
        Some((user, _)) => user.split([':', ';']).next().unwrap_or_default(),
        None => "",
    }
}

/// Host and port of a `sip:` URI, the port 5060 where none is written. Square brackets are taken off an IPv6 literal.
pub fn host_port(uri: &str) -> Option<(String, u16)> {
    let (_, rest) = uri.split_once(':')?;
    let after_user = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let authority = after_user.split([';', '?', '>']).next()?.trim();
    split_host_port(authority)
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; the port 5060 where none is written.
pub fn split_host_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            // A bare IPv6 address has more than one colon and no port.
            Some((_, after)) if after.contains(':') => (authority, None),
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map_or(Some(5060), |digits| digits.parse().ok())?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_found_behind_display_names() {
        for (value, expected) in [
            ("<sip:2000@127.0.0.1:5060>;tag=a", "sip:2000@127.0.0.1:5060"),
            ("sip:2000@host;tag=a", "sip:2000@host"),
            ("\"a <b> \\\" c\" <sip:x@[::1]:5070;transport=tcp>;tag=9", "sip:x@[::1]:5070;transport=tcp"),
        ] {
            assert_eq!(uri(value), expected);
        }
    }

    #[test]
    fn parameters_inside_the_brackets_are_not_the_headers() {
        let contact = "\"x;expires=9\" <sip:1@h;expires=1>;+sip.instance=\"<urn:uuid:1>\";expires=60";
        assert_eq!(param(contact, "expires").as_deref(), Some("60"));
        assert_eq!(param(contact, "+sip.instance").as_deref(), Some("<urn:uuid:1>"));
        assert_eq!(param("SIP/2.0/UDP h;rport;branch=z", "rport").as_deref(), Some(""));
        assert_eq!(param("sip:1@h", "tag"), None);
    }

    #[test]
    fn hosts_and_ports_of_both_families() {
        assert_eq!(host_port("sip:1@10.0.0.1:5070;transport=tcp"), Some(("10.0.0.1".to_owned(), 5070)));
        assert_eq!(host_port("sip:[::1]:5071"), Some(("::1".to_owned(), 5071)));
        assert_eq!(split_host_port("2001:db8::1"), Some(("2001:db8::1".to_owned(), 5060)));
        assert_eq!(host_port("sip:1@host:port"), None);
        assert_eq!(user("sip:2000;x=1@host"), "2000");
        assert_eq!(user("sip:host"), "");
    }

    #[test]
    fn lists_split_outside_quotes_and_brackets() {
        assert_eq!(split_outside("<sip:a,b@h>, \"x, y\" <sip:c@h>", ',').len(), 2);
    }
}
