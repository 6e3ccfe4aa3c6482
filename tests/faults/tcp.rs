//! TCP that fails under a request of the server's: whoever asked is told at once.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tsunagu::sip::message::{Method, Request, RequestUri};
use tsunagu::sip::{Endpoint, EndpointConfig, SipError, Transport};

fn options(peer: SocketAddr) -> Request {
    let uri: RequestUri = format!("sip:phone@{peer};transport=tcp").parse().unwrap();
    let mut request = Request::new(Method::Options, uri);
    for (name, value) in [
        ("From", "<sip:server@127.0.0.1>;tag=1"),
        ("To", "<sip:phone@127.0.0.1>"),
        ("Call-ID", "tcp"),
        ("CSeq", "1 OPTIONS"),
        ("Max-Forwards", "70"),
    ] {
        request.headers.set(name, value);
    }
    request
}

async fn endpoint() -> Endpoint {
    let config = EndpointConfig {
        tcp: vec!["127.0.0.1:0".parse().unwrap()],
        transactions: 100,
        connections: 100,
        connections_per_address: 100,
        ..EndpointConfig::default()
    };
    Endpoint::start(config, mpsc::channel(16).0).await.unwrap()
}

async fn ask(endpoint: &Endpoint, peer: SocketAddr) -> Result<u16, SipError> {
    let flow = endpoint.flow_to(Transport::Tcp, peer).unwrap();
    let mut exchange = endpoint.send(options(peer), flow).await.unwrap();
    Ok(exchange.answer().await?.status)
}

async fn request_on(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_request_to_where_nobody_listens_fails_as_not_sent_and_the_next_one_is_free_to_succeed() {
    let endpoint = endpoint().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = listener.local_addr().unwrap();
    drop(listener);
    for _ in 0..3 {
        let failed = ask(&endpoint, peer).await;
        assert!(matches!(failed, Err(SipError::Transport(whom)) if whom == peer), "{failed:?}");
    }
    let listener = TcpListener::bind(peer).await.unwrap();
    let phone = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = request_on(&mut stream).await;
        let echoed = request.lines().filter(|line| {
            ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|name| line.starts_with(&format!("{name}: ")))
        });
        let echoed: String = echoed.map(|line| format!("{line}\r\n")).collect();
        let answer = format!("SIP/2.0 200 OK\r\n{echoed}Content-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    };
    let (answer, _stream) = tokio::join!(ask(&endpoint, peer), phone);
    assert_eq!(answer.unwrap(), 200);
}

#[tokio::test]
async fn a_connection_that_breaks_before_anything_was_heard_fails_the_request() {
    let endpoint = endpoint().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = listener.local_addr().unwrap();
    let phone = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request_on(&mut stream).await;
        // A reset, as of a phone that lost its power and is back.
        stream.set_zero_linger().unwrap();
    };
    let (answer, ()) = tokio::join!(ask(&endpoint, peer), phone);
    assert!(matches!(answer, Err(SipError::Transport(whom)) if whom == peer), "{answer:?}");
}
