//! The figures: one JSON line for programs, a table for people. Must not know how they were taken.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::media::Measured;
use crate::meter::percentile;
use crate::plan::Shape;

/// All that was measured.
#[derive(Debug)]
pub struct Report {
    /// Processor and cores.
    pub machine: String,
    /// Calls asked for.
    pub calls: usize,
    /// The calls' shape.
    pub shape: Shape,
    /// Seconds of the window.
    pub window: f64,
    /// What the callers heard.
    pub heard: Measured,
    /// CPU-seconds of the server in the window, and by thread.
    pub server_cpu: f64,
    /// The same by the threads' names.
    pub server_threads: BTreeMap<String, f64>,
    /// CPU-seconds of this program in the window.
    pub own_cpu: f64,
    /// CPU-seconds of the whole machine in the window.
    pub machine_cpu: f64,
    /// Claims decided in the window.
    pub claims: f64,
    /// CPU-seconds of one claim's hash.
    pub claim_cpu: f64,
    /// Resident bytes of the server: before the phones registered, before the first call, at the end of the window, at most.
    pub resident: [u64; 4],
    /// Keys pressed over all, and those the server counted.
    pub keyed: u64,
    /// Keys the server counted.
    pub counted: f64,
    /// Calls answered over all.
    pub answered: u64,
    /// Calls the server ended.
    pub ended_by_server: u64,
    /// Requests refused, by the status; 0 for those never answered.
    pub failed: BTreeMap<u16, u64>,
    /// Requests sent again.
    pub repeated: u64,
    /// Warnings and errors in the server's log.
    pub complaints: usize,
    /// The server's soft limit on open files.
    pub open_files: String,
}

impl Report {
    fn call_minutes(&self) -> f64 {
        self.heard.totals.seconds / 60.0
    }

    fn cpu_per_call_minute(&self) -> f64 {
        self.server_cpu / self.call_minutes()
    }

    fn cpu_per_call_minute_without_claims(&self) -> f64 {
        (self.server_cpu - self.claims * self.claim_cpu).max(0.0) / self.call_minutes()
    }

    fn lost(&self) -> u64 {
        self.heard.totals.expected.saturating_sub(self.heard.totals.received)
    }

    fn long_gaps_percent(&self) -> f64 {
        let totals = &self.heard.totals;
        100.0 * totals.long_gaps as f64 / totals.gaps.max(1) as f64
    }

    fn late(&self, share: f64) -> f64 {
        percentile(&self.heard.totals.lateness, share)
    }

    fn kb_per_call(&self) -> f64 {
        let [_, before, during, _] = self.resident;
        during.saturating_sub(before) as f64 / 1000.0 / self.calls.max(1) as f64
    }

    fn at_once(&self) -> f64 {
        self.heard.totals.seconds / self.window
    }

    /// One line of JSON.
    pub fn json(&self) -> Value {
        let totals = &self.heard.totals;
        let threads = self.server_threads.iter().map(|(name, cpu)| (name.clone(), json!(rounded(*cpu, 2))));
        let failed = self.failed.iter().map(|(status, count)| (status.to_string(), json!(count)));
        json!({
            "machine": self.machine,
            "shape": format!("{:?}", self.shape).to_lowercase(),
            "calls": self.calls,
            "calls_at_once": rounded(self.at_once(), 1),
            "window_s": rounded(self.window, 2),
            "media": {
                "streams": totals.streams,
                "packets": totals.received,
                "lost": self.lost(),
                "streams_with_loss": totals.streams_with_loss,
                "disordered": totals.disordered,
                "silent_streams": self.heard.silent,
                "gaps": totals.gaps,
                "gaps_over_40_ms_percent": rounded(self.long_gaps_percent(), 4),
                "worst_stream_gaps_over_40_ms_percent": rounded(totals.worst_stream_percent, 2),
                "longest_gap_ms": totals.longest_gap as f64 / 1e3,
                "late_p50_ms": self.late(0.5),
                "late_p99_ms": self.late(0.99),
                "late_p999_ms": self.late(0.999),
                "late_max_ms": self.late(1.0),
            },
            "digits": { "keyed": self.keyed, "counted": self.counted },
            "signalling": {
                "calls_answered": self.answered,
                "calls_ended_by_server": self.ended_by_server,
                "requests_failed_by_status": failed.collect::<serde_json::Map<_, _>>(),
                "requests_repeated": self.repeated,
            },
            "server": {
                "cpu_s": rounded(self.server_cpu, 2),
                "cpu_s_by_thread": threads.collect::<serde_json::Map<_, _>>(),
                "cpu_s_per_call_minute": rounded(self.cpu_per_call_minute(), 4),
                "cpu_s_per_call_minute_without_claims": rounded(self.cpu_per_call_minute_without_claims(), 4),
                "claims": self.claims,
                "cpu_s_per_claim": rounded(self.claim_cpu, 4),
                "kb_at_start": self.resident[0] / 1000,
                "kb_before_calls": self.resident[1] / 1000,
                "kb_in_calls": self.resident[2] / 1000,
                "kb_most": self.resident[3] / 1000,
                "kb_per_call": rounded(self.kb_per_call(), 1),
                "complaints": self.complaints,
                "open_files": self.open_files,
            },
            "generator": {
                "cpu_s": rounded(self.own_cpu, 2),
                "others_cpu_s": rounded(self.others_cpu(), 2),
                "sent": self.heard.sent,
                "unsent": self.heard.unsent,
                "longest_look_ms": rounded(self.heard.longest_look_ms, 1),
                "longest_delay_ms": rounded(self.heard.longest_delay_ms, 1),
            },
        })
    }

    /// The table.
    pub fn table(&self) -> String {
        let totals = &self.heard.totals;
        let mut text = String::new();
        let mut row = |what: &str, value: String, wanted: &str| {
            let _ = writeln!(text, "{what:<44} {value:>14}   {wanted}");
        };
        row("", "measured".to_owned(), "wanted");
        row("calls at once", format!("{:.1}", self.at_once()), &format!("{}", self.calls));
        row("packets", totals.received.to_string(), "");
        row("packets lost", self.lost().to_string(), "0");
        row("callers who hear nothing at the end", self.heard.silent.to_string(), "0");
        row("gaps over 40 ms", format!("{:.3} %", self.long_gaps_percent()), "under 1 %");
        row("longest gap", format!("{:.1} ms", totals.longest_gap as f64 / 1e3), "");
        row("lateness, half of the packets within", format!("{:.1} ms", self.late(0.5)), "");
        row("lateness, 99 % within", format!("{:.1} ms", self.late(0.99)), "");
        row("lateness, 99.9 % within", format!("{:.1} ms", self.late(0.999)), "60 ms");
        row("lateness, the greatest", format!("{:.1} ms", self.late(1.0)), "");
        row("digits keyed", self.keyed.to_string(), "");
        row("digits counted by the server", format!("{}", self.counted), &self.keyed.to_string());
        row("requests refused or unanswered", self.failed.values().sum::<u64>().to_string(), "0");
        row("requests sent again", self.repeated.to_string(), "");
        row("server, CPU-seconds", format!("{:.2}", self.server_cpu), "");
        row("  a call-minute", format!("{:.4}", self.cpu_per_call_minute()), "0.02 at most");
        let without = format!("{:.4}", self.cpu_per_call_minute_without_claims());
        row(&format!("  without {} claims of {:.1} ms", self.claims, self.claim_cpu * 1e3), without, "");
        for (name, seconds) in self.server_threads.iter().filter(|(_, seconds)| **seconds >= 0.01) {
            row(&format!("  threads \"{name}\""), format!("{seconds:.2}"), "");
        }
        row("server, memory a call", format!("{:.1} kB", self.kb_per_call()), "40 kB at most");
        row("server, memory before calls", format!("{} kB", self.resident[1] / 1000), "");
        row("warnings and errors in its log", self.complaints.to_string(), "");
        row("this generator, CPU-seconds", format!("{:.2}", self.own_cpu), "");
        row("  its longest look away", format!("{:.1} ms", self.heard.longest_look_ms), "");
        let capacity = format!("of {:.0}", self.capacity());
        row("others on this machine, CPU-seconds", format!("{:.2}", self.others_cpu()), &capacity);
        text
    }

    fn others_cpu(&self) -> f64 {
        (self.machine_cpu - self.own_cpu - self.server_cpu).max(0.0)
    }

    fn capacity(&self) -> f64 {
        std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64) * self.window
    }
}

fn rounded(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}
