//! What the commands send, seen by a server that loses answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::called::{command, run};

/// A request as it came: its first line and its headers.
type Heard = Vec<String>;

fn header<'a>(heard: &'a Heard, name: &str) -> Option<&'a str> {
    heard
        .iter()
        .find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

/// Knows lamps; the first line of each request and how many requests were before it say what is answered, if anything.
fn lamps(answer: impl Fn(&str, usize) -> Option<(u16, Value)> + Send + 'static) -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let request = read(&mut stream);
            let line = request[0].clone();
            tell.send(request).unwrap();
            let document = json!({ "paths": {
                "/api/v1/lamps": { "get": {}, "post": {} },
                "/api/v1/lamps/{name}": { "get": {}, "patch": {}, "delete": {} },
                "/api/v1/lamps/import": { "post": {
                    "parameters": [{ "in": "query", "name": "mode" }, { "in": "query", "name": "dry_run" }],
                    "requestBody": { "content": { "text/csv": {} } },
                } },
                "/api/v1/lamps/export": { "get": {} },
            } });
            let is_document = line.contains("openapi.json");
            let answered = if is_document { Some((200, document)) } else { answer(&line, number) };
            let Some((status, body)) = answered else { continue };
            let body = body.to_string();
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\nETag: \"7\"\r\nContent-Length: {length}\r\nConnection: close");
            let _ = write!(stream, "{head}\r\n\r\n{body}");
        }
    });
    (format!("http://{address}"), heard)
}

/// Gives no answer to the first POST.
fn forgetful() -> (String, Receiver<Heard>) {
    // The document is asked for first.
    lamps(|line, number| (!line.starts_with("POST") || number > 1).then(|| (200, json!({ "name": "hall" }))))
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

#[test]
fn an_import_is_followed_as_a_job_until_it_has_ended() {
    let job = |state: &str, done: u32, errors: Value| json!({ "id": "j1", "state": state, "done": done, "total": 2, "errors": errors });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lamps.csv");
    std::fs::write(&file, "name\nhall\ncellar\n").unwrap();
    let file = file.display().to_string();
    let import = |last: Value| {
        let (server, heard) = lamps(move |line, number| match number {
            _ if line.starts_with("POST /api/v1/lamps/import?mode=best-effort&dry_run=true ") => {
                Some((202, job("waiting", 0, json!([]))))
            }
            2 => Some((200, job("writing", 1, json!([])))),
            _ => Some((200, last.clone())),
        });
        let arguments = ["admin", "lamps", "import", &file, "--mode", "best-effort", "--dry-run"];
        (run(&mut command(&server, "tsu_x", &arguments), ""), heard.try_iter().collect::<Vec<Heard>>())
    };
    let (well, heard) = import(job("done", 2, json!([])));
    let well = well.done();
    assert!(well.err.contains("1 of 2") && well.err.contains("2 of 2") && well.out.contains("done"), "{well:?}");
    assert_eq!(header(&heard[1], "Content-Type"), Some("text/csv"));
    assert!(heard[2][0].starts_with("GET /api/v1/jobs/j1 "), "{heard:?}");
    let (badly, _) = import(job("done", 1, json!([{ "line": 3, "detail": "no such room" }])));
    assert!(badly.status == 1 && badly.out.contains("no such room"), "{badly:?}");
    assert_eq!(import(job("refused", 0, json!([]))).0.status, 1);
}

#[test]
fn an_export_goes_to_a_new_file_of_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let (server, _heard) = lamps(|_, _| Some((200, json!("name"))));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lamps.csv");
    let shown = file.display().to_string();
    let export = || run(&mut command(&server, "tsu_x", &["admin", "lamps", "export", "--output", &shown]), "");
    export().done();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "\"name\"");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(export().status, 2, "nothing is overwritten");
}
