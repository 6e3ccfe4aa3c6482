//! What the kernel says of a process and of the machine. Must not know what they do.

use std::collections::BTreeMap;
use std::fs;

/// CPU-seconds a process has used, its threads together.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(seconds)
}

/// The threads alive now, by their ids, with names and CPU-seconds.
pub fn threads(pid: u32) -> BTreeMap<u32, (String, f64)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let found = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let (id, rest) = stat.split_once(" (")?;
        let (name, _) = rest.rsplit_once(')')?;
        Some((id.parse().ok()?, (name.to_owned(), ticks(&stat).map_or(0.0, seconds))))
    });
    found.collect()
}

/// What the threads used from one moment to another, by their names without numbers. Threads that ended are not in it.
pub fn used_by_name(
    before: &BTreeMap<u32, (String, f64)>,
    after: &BTreeMap<u32, (String, f64)>,
) -> BTreeMap<String, f64> {
    let mut used = BTreeMap::new();
    for (id, (name, cpu)) in after {
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        *used.entry(name.to_owned()).or_insert(0.0) += cpu - before.get(id).map_or(0.0, |(_, cpu)| *cpu);
    }
    used
}

/// Resident memory in bytes: without what the kernel keeps for its sockets.
pub fn resident(pid: u32) -> Option<u64> {
    status_kb(pid, "VmRSS:")
}

/// The most it has been.
pub fn most_resident(pid: u32) -> Option<u64> {
    status_kb(pid, "VmHWM:")
}

/// The soft limit on open files.
pub fn open_file_limit(pid: u32) -> Option<String> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_ascii_whitespace().nth(3).map(str::to_owned)
}

/// CPU-seconds this machine has been busy, all its cores and processes together.
pub fn machine_busy_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> =
        stat.lines().next()?.split_ascii_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    let busy = [0, 1, 2, 5, 6, 7].iter().filter_map(|n| fields.get(*n)).sum::<u64>();
    Some(seconds(busy))
}

/// The processor's name and the number of cores.
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}", name.unwrap_or("an unknown processor"))
}

/// User and system time in a `stat` line, in clock ticks.
fn ticks(stat: &str) -> Option<u64> {
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn status_kb(pid: u32, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(value.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 40 2 0 0 20";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn this_process_has_time_and_memory() {
        let own = std::process::id();
        assert!(cpu_seconds(own).is_some() && machine_busy_seconds().is_some());
        assert!(resident(own).unwrap() <= most_resident(own).unwrap());
        assert!(open_file_limit(own).is_some());
    }
}
