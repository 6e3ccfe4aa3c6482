//! Which of several final answers the caller hears (RFC 3261 section 16.7, step 6). Pure.

use crate::sip::message::Response;

/// The better of two final answers to one request, neither of them a 2xx. Of two challenges, one that has both.
pub(super) fn better(one: Response, other: Response) -> Response {
    if let (401 | 407, 401 | 407) = (one.status, other.status) {
        return both_challenges(one, &other);
    }
    if rank(other.status) < rank(one.status) { other } else { one }
}

/// What is passed on of an answer that was best: a proxy's overload is not the caller's.
pub(super) fn as_passed_on(mut response: Response) -> Response {
    if response.status == 503 {
        response.status = 500;
        response.headers.remove("Retry-After");
    }
    response
}

/// The lower, the better: 6xx decides, then the lowest class; of 4xx what the caller can do something about comes first, and what
/// says least comes last.
fn rank(status: u16) -> u16 {
    match status {
        600.. => 0,
        300..400 => 10,
        401 | 407 => 20,
        415 | 420 | 484 | 488 => 21,
        // Nobody is there, or nobody knows: less than what somebody said who was.
        480 => 23,
        404 => 24,
        408 | 410 | 430 | 481 | 482 | 487 => 25,
        400..500 => 22,
        503 => 31,
        _ => 30,
    }
}

fn both_challenges(mut one: Response, other: &Response) -> Response {
    for name in ["WWW-Authenticate", "Proxy-Authenticate"] {
        for value in other.headers.all(name) {
            one.headers.push(name, value);
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Method, Request};

    fn answer(status: u16) -> Response {
        Request::new(Method::Invite, "sip:a@b".parse().unwrap()).respond(status)
    }

    fn best(statuses: &[u16]) -> u16 {
        let mut answers = statuses.iter().map(|status| answer(*status));
        let first = answers.next().unwrap();
        answers.fold(first, better).status
    }

    #[test]
    fn the_best_answer_is_the_one_section_16_7_chooses() {
        for (statuses, wanted) in [
            (&[486, 603][..], 603),
            (&[486, 302], 302),
            (&[500, 486], 486),
            (&[480, 486], 486),
            (&[486, 420], 420),
            (&[480, 404], 480),
            (&[408, 480], 480),
            (&[487, 404], 404),
            (&[503, 500], 500),
            (&[486, 401], 401),
        ] {
            assert_eq!(best(statuses), wanted, "{statuses:?}");
            let reversed: Vec<u16> = statuses.iter().rev().copied().collect();
            assert_eq!(best(&reversed), wanted, "{reversed:?}");
        }
    }

    #[test]
    fn challenges_are_put_together_and_an_overload_is_not_passed_on() {
        let one = answer(401).with_header("WWW-Authenticate", "Digest realm=\"a\"");
        let other = answer(407).with_header("Proxy-Authenticate", "Digest realm=\"b\"");
        let both = better(one, other);
        assert!(both.headers.contains("WWW-Authenticate") && both.headers.contains("Proxy-Authenticate"));
        let passed = as_passed_on(answer(503).with_header("Retry-After", "9"));
        assert_eq!((passed.status, passed.headers.contains("Retry-After")), (500, false));
    }
}
