//! What the commands send, seen by a server that loses answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;

use crate::called::{command, run};

/// A request as it came: its first line and its headers.
type Heard = Vec<String>;

fn header<'a>(heard: &'a Heard, name: &str) -> Option<&'a str> {
    heard
        .iter()
        .find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

/// Knows lamps, and gives no answer to the first POST.
fn forgetful() -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        let mut posts = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read(&mut stream);
            let line = request[0].clone();
            tell.send(request).unwrap();
            let lamps = json!({ "paths": { "/api/v1/lamps": { "get": {}, "post": {} }, "/api/v1/lamps/{name}": { "get": {}, "patch": {}, "delete": {} } } });
            let body = if line.contains("openapi.json") { lamps } else { json!({ "name": "hall" }) };
            if line.starts_with("POST") {
                posts += 1;
                if posts == 1 {
                    continue;
                }
            }
            let body = body.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nETag: \"7\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (format!("http://{address}"), heard)
}

fn read(stream: &mut TcpStream) -> Heard {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let length = header(&lines, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_end(&mut Vec::new()).unwrap();
    lines
}

#[test]
fn an_addition_whose_answer_was_lost_is_sent_again_under_the_same_key() {
    let (server, heard) = forgetful();
    run(&mut command(&server, "tsu_x", &["admin", "lamps", "add", "name=hall"]), "").done();
    let posts: Vec<Heard> = heard.try_iter().filter(|request| request[0].starts_with("POST")).collect();
    assert_eq!(posts.len(), 2);
    let keys: Vec<&str> = posts.iter().map(|post| header(post, "Idempotency-Key").unwrap()).collect();
    assert!(keys[0] == keys[1] && keys[0].len() >= 16, "{keys:?}");
}

#[test]
fn a_change_and_a_deletion_are_of_the_version_that_was_read() {
    let (server, heard) = forgetful();
    run(&mut command(&server, "tsu_x", &["admin", "lamps", "change", "a/b", "watts=60", "--lang", "ja"]), "").done();
    run(&mut command(&server, "tsu_x", &["admin", "lamps", "delete", "hall"]), "").done();
    let heard: Vec<Heard> = heard.try_iter().collect();
    let patch = heard.iter().find(|request| request[0].starts_with("PATCH")).unwrap();
    assert!(patch[0].starts_with("PATCH /api/v1/lamps/a%2Fb "), "{patch:?}");
    assert_eq!((header(patch, "If-Match"), header(patch, "Accept-Language")), (Some("\"7\""), Some("ja")));
    assert_eq!(header(patch, "Content-Type"), Some("application/merge-patch+json"));
    let delete = heard.iter().find(|request| request[0].starts_with("DELETE")).unwrap();
    assert_eq!(header(delete, "If-Match"), Some("\"7\""));
}
