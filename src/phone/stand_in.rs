//! A stand-in for a server, for tests: SIP on rsip, RTP and the phones' HTTP door, each doing what the test tells it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rsip::Header;
use rsip::headers::UntypedHeader;
use rsip::message::HeadersExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::digest::{Challenge, Signature};
use crate::media::g711::ulaw_encode;
use crate::vocab::Secret;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Where everybody lives.
pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A SIP server that does what the test tells it.
pub struct Server {
    sip: UdpSocket,
    rtp: UdpSocket,
    phone: Option<SocketAddr>,
}

impl Server {
    pub async fn open() -> Self {
        let bind = || UdpSocket::bind((HOME, 0));
        Self { sip: bind().await.unwrap(), rtp: bind().await.unwrap(), phone: None }
    }

    pub fn port(&self) -> u16 {
        self.sip.local_addr().unwrap().port()
    }

    pub async fn receive(&mut self) -> rsip::SipMessage {
        let mut buffer = vec![0; 65_535];
        let (length, from) = tokio::time::timeout(PATIENCE, self.sip.recv_from(&mut buffer)).await.unwrap().unwrap();
        self.phone = Some(from);
        rsip::SipMessage::try_from(&buffer[..length]).unwrap()
    }

    /// The next request, which must have that method.
    pub async fn request(&mut self, method: rsip::Method) -> rsip::Request {
        let request: rsip::Request = self.receive().await.try_into().unwrap();
        assert_eq!(request.method, method);
        request
    }

    /// The next response of that status, provisional ones passed over.
    pub async fn response(&mut self, status: u16) -> rsip::Response {
        loop {
            let response: rsip::Response = self.receive().await.try_into().unwrap();
            if response.status_code.code() == status {
                return response;
            }
            assert!(response.status_code.code() < 200, "{response}");
        }
    }

    async fn send(&self, text: String) {
        self.sip.send_to(text.as_bytes(), self.phone.unwrap()).await.unwrap();
    }

    pub async fn reply(&self, request: &rsip::Request, status: &str, headers: &[String], body: &str) {
        let phone = self.phone.unwrap();
        let mut text = format!("SIP/2.0 {status}\r\n");
        for header in request.headers.iter() {
            let tagged = status.starts_with("100") || header.to_string().contains("tag=");
            text += &match header {
                Header::Via(via) => format!(
                    "Via: {};received={}\r\n",
                    via.value().replace("rport", &format!("rport={}", phone.port())),
                    phone.ip()
                ),
                Header::To(to) if !tagged => format!("To: {};tag=srv\r\n", to.value()),
                Header::From(_) | Header::To(_) | Header::CallId(_) | Header::CSeq(_) => format!("{header}\r\n"),
                _ => continue,
            };
        }
        headers.iter().for_each(|header| text += &format!("{header}\r\n"));
        self.send(format!(
            "{text}Contact: <sip:ivr@127.0.0.1:{}>\r\nContent-Length: {}\r\n\r\n{body}",
            self.port(),
            body.len()
        ))
        .await;
    }

    /// A request of the server's own.
    pub async fn ask(&self, method: &str, call: &str, to: &str, headers: &str, body: &str) {
        let (phone, port) = (self.phone.unwrap(), self.port());
        let cseq = if method == "ACK" {
            "1 ACK".to_owned()
        } else {
            format!("{} {method}", if method == "BYE" { 2 } else { 1 })
        };
        self.send(format!(
            "{method} sip:x@{phone} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{call}{}\r\nMax-Forwards: 70\r\n\
             From: <sip:2000@127.0.0.1>;tag=srv\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n\
             Contact: <sip:ivr@127.0.0.1:{port}>\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            if matches!(method, "ACK" | "BYE") { method } else { "" },
            body.len()
        )).await;
    }

    /// Lets a REGISTER through as a strict registrar: challenged, answer checked, 423 below 90 s.
    pub async fn registered(&mut self, number: &str, password: &str) {
        let first = self.request(rsip::Method::Register).await;
        assert!(first.authorization_header().is_none());
        let challenge = |algorithm| {
            format!("WWW-Authenticate: Digest realm=\"t\", nonce=\"n{number}\", qop=\"auth\", algorithm={algorithm}")
        };
        self.reply(&first, "401 Unauthorized", &[challenge("SHA-256"), challenge("MD5")], "").await;
        let short = self.request(rsip::Method::Register).await;
        self.check_answer(&short, number, password, 1);
        self.reply(&short, "423 Interval Too Brief", &["Min-Expires: 90".to_owned()], "").await;
        let third = self.request(rsip::Method::Register).await;
        self.check_answer(&third, number, password, 2);
        assert_eq!(third.expires_header().unwrap().value(), "90");
        assert_eq!(third.from_header().unwrap().uri().unwrap().user(), Some(number));
        assert_eq!(third.call_id_header().unwrap(), first.call_id_header().unwrap());
        let contact = third.contact_header().unwrap().value().to_owned();
        self.reply(&third, "200 OK", &[format!("Contact: {contact};expires=90")], "").await;
    }

    fn check_answer(&self, request: &rsip::Request, number: &str, password: &str, count: u32) {
        let answer = request.authorization_header().unwrap().value();
        let cnonce = answer.split("cnonce=\"").nth(1).unwrap().split('"').next().unwrap();
        let challenge = format!("Digest realm=\"t\", nonce=\"n{number}\", qop=\"auth\", algorithm=SHA-256");
        let password = Secret::from(password.to_owned());
        let uri = request.uri.to_string();
        let signature = Signature {
            username: number,
            password: &password,
            method: "REGISTER",
            uri: &uri,
            cnonce,
            nonce_count: count,
        };
        assert_eq!(answer, Challenge::parse(&challenge).unwrap().answer(&signature));
    }

    pub fn sdp(&self) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 96\r\n\
             a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n"
        )
    }

    /// Sends sound as PCMU, faster than real time but in the pace of 2 ms a packet.
    pub async fn play(&self, sound: &[i16], to: SocketAddr) {
        for (at, piece) in sound.chunks(160).enumerate() {
            let mut packet = vec![0x80, 0];
            packet.extend((at as u16).to_be_bytes());
            packet.extend((at as u32 * 160).to_be_bytes());
            packet.extend([0, 0, 0, 9]);
            packet.extend(piece.iter().map(|sample| ulaw_encode(*sample)));
            self.rtp.send_to(&packet, to).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The keys that arrive as events of payload type 96, up to `#`.
    pub async fn keys(&self) -> Vec<u8> {
        let (mut keys, mut last, mut buffer) = (Vec::new(), None, vec![0; 2048]);
        while keys.last() != Some(&11) {
            let (length, _) = tokio::time::timeout(PATIENCE, self.rtp.recv_from(&mut buffer)).await.unwrap().unwrap();
            let packet = &buffer[..length];
            if packet[1] & 0x7f == 96
                && packet[13] & 0x80 != 0
                && last.replace(packet[4..8].to_vec()) != Some(packet[4..8].to_vec())
            {
                keys.push(packet[12]);
            }
        }
        keys
    }
}

/// Where the phone said it receives RTP.
pub fn audio_of(body: &[u8]) -> SocketAddr {
    super::sdp::RemoteAudio::parse(body).unwrap().address
}

/// Serves configurations over HTTP; gives its URL and the requests it got.
pub async fn configuration_door(sip_port: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((HOME, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (own_url, requests) = (url.clone(), asked.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 4096];
            let length = stream.read(&mut buffer).await.unwrap();
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let number = if request.starts_with("GET /private/") { "2001" } else { "4001" };
            let body = format!(
                "; for {number}\nvoip/line/0/enabled=1\nvoip/line/0/id={number}\nvoip/line/0/auth_name={number}\nvoip/line/0/auth_password=pw{number}\n\
                 voip/signalling/sip/use_proxy=1\nvoip/signalling/sip/proxy_address=127.0.0.1\nvoip/signalling/sip/proxy_port={sip_port}\n\
                 voip/signalling/sip/proxy_timeout=60\nprovisioning/configuration/url={own_url}/private/\n"
            );
            requests.lock().unwrap().push(request);
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}
