//! How long callers wait while the service restarts: somebody calls every five milliseconds, through restarts and beside two
//! hundred calls in the conversation. Every call must be answered; how long that took is printed and judged by nobody here.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tsunagu::phone::SipTransport;

use crate::bare_call::BareCall;
use crate::caller::{Handset, generic};
use crate::{place, server};

/// Calls in the conversation meanwhile.
const CALLS: usize = 200;
/// Restarts in a row.
const RESTARTS: usize = 10;
/// The time between two callers.
const EVERY: Duration = Duration::from_millis(5);
/// After which an INVITE is sent again (RFC 3261 section 17.1.1.2, T1).
const AGAIN: Duration = Duration::from_millis(500);
/// Callers who are answered between two restarts.
const BETWEEN: usize = 60;

/// A call that was made.
#[derive(Clone, Copy)]
struct Made {
    at: Instant,
    answered: Option<(Instant, u16)>,
}

/// Somebody who calls again and again from one socket.
struct Caller {
    socket: UdpSocket,
    server: SocketAddr,
    calls: Mutex<HashMap<u32, Made>>,
    answered: AtomicUsize,
    /// No further call is to be made.
    is_done: AtomicBool,
    /// No further call is made.
    is_over: AtomicBool,
}

impl Caller {
    fn new(server: SocketAddr) -> Arc<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (calls, answered) = (Mutex::default(), AtomicUsize::default());
        Arc::new(Self {
            socket,
            server,
            calls,
            answered,
            is_done: AtomicBool::default(),
            is_over: AtomicBool::default(),
        })
    }

    fn send(&self, method: &str, call: u32, cseq: u32, to: &str, body: &str) {
        let (own, server) = (self.socket.local_addr().unwrap(), self.server);
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} sip:2000@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:crowd@{server}>;tag=gap{call}\r\nTo: {to}\r\nCall-ID: gap-{call}@{own}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:crowd@{own}>\r\n{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = self.socket.send(text.as_bytes());
    }

    fn invite(&self, call: u32) {
        let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
        self.send("INVITE", call, 1, &format!("<sip:2000@{}>", self.server), offer);
    }

    /// Calls until it is done, at its own pace, whatever the answers do.
    fn call(&self) {
        let start = Instant::now();
        for call in 0_u32.. {
            if self.is_done.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep((start + EVERY * call).saturating_duration_since(Instant::now()));
            self.calls.lock().unwrap().insert(call, Made { at: Instant::now(), answered: None });
            self.invite(call);
            if call.is_multiple_of(100) {
                self.insist();
            }
        }
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Sends those again that were not answered for long.
    fn insist(&self) {
        let unanswered: Vec<u32> = {
            let calls = self.calls.lock().unwrap();
            let is_late = |made: &Made| made.answered.is_none() && made.at.elapsed() > AGAIN;
            calls.iter().filter(|(_, made)| is_late(made)).map(|(call, _)| *call).collect()
        };
        unanswered.into_iter().for_each(|call| self.invite(call));
    }

    /// Takes answers; whoever is answered hangs up.
    fn listen(&self) {
        let mut buffer = [0; 4096];
        while !self.is_over.load(Ordering::Relaxed) || self.unanswered() > 0 {
            let Ok(length) = self.socket.recv(&mut buffer) else {
                if self.is_over.load(Ordering::Relaxed)
                    && self.calls.lock().unwrap().values().all(|it| it.at.elapsed() > 10 * AGAIN)
                {
                    return;
                }
                self.insist();
                continue;
            };
            let text = String::from_utf8_lossy(&buffer[..length]);
            let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let status: u16 = text.get(8..11).and_then(|status| status.parse().ok()).unwrap_or(0);
            let call = header("Call-ID: gap-").split('@').next().and_then(|call| call.parse::<u32>().ok());
            let (Some(call), true, true) = (call, status >= 200, header("CSeq: ").ends_with("INVITE")) else {
                continue;
            };
            let to = header("To: ");
            self.send("ACK", call, 1, to, "");
            if let Some(made) = self.calls.lock().unwrap().get_mut(&call)
                && made.answered.is_none()
            {
                made.answered = Some((Instant::now(), status));
                self.answered.fetch_add(1, Ordering::Relaxed);
                self.send("BYE", call, 2, to, "");
            }
        }
    }

    fn unanswered(&self) -> usize {
        self.calls.lock().unwrap().values().filter(|made| made.answered.is_none()).count()
    }

    /// Waits until so many more were answered.
    fn wait(&self, more: usize) {
        let wanted = self.answered.load(Ordering::Relaxed) + more;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.answered.load(Ordering::Relaxed) < wanted {
            assert!(Instant::now() < deadline, "callers are not answered any more");
            std::thread::sleep(EVERY);
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_that_comes_while_the_service_restarts_is_answered() {
    let server = server("route_point.ports = 2000\ncalls = { rtp_first_port = 24000, rtp_last_port = 26999 }\n");
    let _phone = Handset::plug_in(generic(&place(&server), "crowd", SipTransport::Udp)).await.unwrap();
    let sip = server.sip;
    tokio::task::spawn_blocking(move || {
        let crowd: Vec<BareCall> = (0..CALLS).map(|_| BareCall::place(sip, "crowd").unwrap()).collect();
        let caller = Caller::new(sip);
        let restarts = std::thread::scope(|scope| {
            scope.spawn(|| caller.listen());
            scope.spawn(|| caller.call());
            caller.wait(4 * BETWEEN);
            let restarts: Vec<(Instant, Instant)> = (0..RESTARTS)
                .map(|restart| {
                    let begun = Instant::now();
                    let saved =
                        server.api_patch("/self-provisioning?apply=restart-now", &json!({ "ports": 2000 + restart }));
                    assert_eq!((saved.status, &saved.json()["restarted"]), (200, &json!(true)));
                    let done = Instant::now();
                    caller.wait(BETWEEN);
                    (begun, done)
                })
                .collect();
            caller.is_done.store(true, Ordering::Relaxed);
            restarts
        });
        report(&caller, &restarts);
        assert!(crowd.iter().all(|call| call.press("1").is_ok()));
        crowd.into_iter().for_each(BareCall::hang_up);
    })
    .await
    .unwrap();
}

/// None may have been refused or lost. The rest is figures.
fn report(caller: &Caller, restarts: &[(Instant, Instant)]) {
    let calls = caller.calls.lock().unwrap();
    let lost: Vec<u32> = calls.iter().filter(|(_, made)| made.answered.is_none()).map(|(call, _)| *call).collect();
    assert!(lost.is_empty(), "not answered: {lost:?}");
    let refused: Vec<u16> =
        calls.values().filter_map(|made| made.answered).map(|(_, status)| status).filter(|it| *it != 200).collect();
    assert!(refused.is_empty(), "refused: {refused:?}");
    let (mut usual, mut meanwhile) = (Vec::new(), Vec::new());
    for made in calls.values() {
        let Some((answered, _)) = made.answered else { continue };
        let touches = |(begun, done): &(Instant, Instant)| made.at <= *done && answered >= *begun;
        let waited = answered.duration_since(made.at);
        if restarts.iter().any(touches) { &mut meanwhile } else { &mut usual }.push(waited);
    }
    usual.sort_unstable();
    meanwhile.sort_unstable();
    let at = |waits: &[Duration], share: usize| {
        waits.get((waits.len().max(1) - 1) * share / 1000).copied().unwrap_or_default()
    };
    let (median, longest) = (at(&usual, 500), at(&meanwhile, 1000));
    eprintln!(
        "restart gap: {} calls, {} of them while one of {} restarts was under way, beside {CALLS} conversations.\n\
         answered otherwise: half within {:.1} ms, 99 % within {:.1} ms, the last after {:.1} ms.\n\
         answered meanwhile: half within {:.1} ms, 99 % within {:.1} ms, the last after {:.1} ms.\n\
         the gap: {:.1} ms longer than usual.",
        calls.len(),
        meanwhile.len(),
        restarts.len(),
        millis(median),
        millis(at(&usual, 990)),
        millis(at(&usual, 1000)),
        millis(at(&meanwhile, 500)),
        millis(at(&meanwhile, 990)),
        millis(longest),
        millis(longest.saturating_sub(median)),
    );
    assert!(meanwhile.len() >= restarts.len(), "nobody called while it restarted");
}
