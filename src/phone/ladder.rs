//! A SIP ladder in text: the phone at the left, the server at the right, an arrow a message.
//!
//! Pure: takes [`PhoneEvent::Sip`] and gives lines. Must not know sockets or clocks.

use std::fmt;

use super::event::{Direction, PhoneEvent};

/// Characters between the two lifelines at the least.
const NARROWEST: usize = 44;
/// Characters between the two lifelines at the most; longer summaries are cut.
const WIDEST: usize = 72;
/// The oldest rungs are dropped beyond this many.
const MOST_RUNGS: usize = 2_000;

/// The messages of one phone, in order. `Display` draws them.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    rungs: Vec<Rung>,
}

#[derive(Clone, Debug)]
struct Rung {
    direction: Direction,
    summary: String,
    at_ms: u64,
}

impl Ladder {
    /// Adds the message, if `event` is one; anything else is passed over.
    pub fn take(&mut self, event: &PhoneEvent) {
        let PhoneEvent::Sip { direction, summary, at_ms, .. } = event else { return };
        if self.rungs.len() >= MOST_RUNGS {
            self.rungs.remove(0);
        }
        // A summary is one printable line, whatever the other side wrote in it.
        let printable = summary.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.rungs.push(Rung { direction: *direction, summary: printable, at_ms: *at_ms });
    }

    /// The ladder of these events.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a PhoneEvent>) -> Self {
        let mut ladder = Self::default();
        events.into_iter().for_each(|event| ladder.take(event));
        ladder
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.rungs.iter().map(|rung| rung.summary.chars().count()).max().unwrap_or(0);
        let width = (longest + 6).clamp(NARROWEST, WIDEST);
        writeln!(f, "{:>10}  phone{:>w$}", "seconds", "server", w = width - 1)?;
        for rung in &self.rungs {
            let summary: String = rung.summary.chars().take(width - 6).collect();
            let line = "─".repeat(width.saturating_sub(summary.chars().count() + 4));
            let (seconds, millis) = (rung.at_ms / 1000, rung.at_ms % 1000);
            match rung.direction {
                Direction::Sent => writeln!(f, "{seconds:>6}.{millis:03}    │─ {summary} {line}▶│")?,
                Direction::Received => writeln!(f, "{seconds:>6}.{millis:03}    │◀{line} {summary} ─│")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(direction: Direction, summary: &str, at_ms: u64) -> PhoneEvent {
        PhoneEvent::Sip { direction, summary: summary.to_owned(), peer: "127.0.0.1:5060".to_owned(), at_ms }
    }

    #[test]
    fn a_registration_is_two_arrows() {
        let events = [
            message(Direction::Sent, "REGISTER sip:127.0.0.1", 12),
            PhoneEvent::Ringing,
            message(Direction::Received, "200 OK (REGISTER)", 1020),
        ];
        let drawn = Ladder::of(&events).to_string();
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 3, "{drawn}");
        assert!(
            lines[1].contains("0.012") && lines[1].contains("│─ REGISTER sip:127.0.0.1 ─") && lines[1].ends_with("▶│")
        );
        assert!(lines[2].contains("1.020") && lines[2].contains("│◀─") && lines[2].ends_with(" 200 OK (REGISTER) ─│"));
        assert_eq!(lines[1].chars().count(), lines[2].chars().count());
        assert_eq!(lines[0].chars().count(), lines[1].chars().count(), "{drawn}");
    }

    #[test]
    fn a_long_or_hostile_summary_keeps_its_line() {
        let events = [message(Direction::Received, &format!("200 \n\u{1b}[31m{}", "x".repeat(500)), 0)];
        let drawn = Ladder::of(&events).to_string();
        assert_eq!(drawn.lines().count(), 2);
        assert!(!drawn.contains('\u{1b}'));
        assert!(drawn.lines().all(|line| line.chars().count() < 100));
    }
}
