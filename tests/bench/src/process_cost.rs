//! What a process costs: CPU time in nanoseconds, memory, and how busy a core is with others.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// The two cores of a measurement.
#[derive(Clone, Copy)]
pub struct Cores {
    pub server: usize,
    pub generator: usize,
}

impl Cores {
    /// The first two cores that this process may use.
    ///
    /// # Errors
    /// When there is only one: the generator would take what the server is to get.
    pub fn choose() -> io::Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut cores = (0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false));
        match (cores.next(), cores.next()) {
            (Some(server), Some(generator)) => Ok(Self { server, generator }),
            _ => Err(io::Error::other(
                "two cores are needed: one for the server, one for the load generator",
            )),
        }
    }

    /// Keeps this thread, and threads that it starts, on the generator's core.
    pub fn pin_generator(self) -> io::Result<()> {
        let mut set = CpuSet::new();
        set.set(self.generator)?;
        Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
    }

    /// Waits until both cores have next to nothing to do, at most until `end`.
    pub fn wait_for_quiet(self, end: Instant) -> io::Result<()> {
        while Instant::now() < end {
            let earlier = (
                CoreTicks::read(self.server)?,
                CoreTicks::read(self.generator)?,
            );
            std::thread::sleep(QUIET_FOR);
            let server = CoreTicks::read(self.server)?.busy_share_since(earlier.0);
            let generator = CoreTicks::read(self.generator)?.busy_share_since(earlier.1);
            if server.max(generator) < QUIET_SHARE {
                break;
            }
        }
        Ok(())
    }
}

/// User and system time of all threads of a process, ended ones included.
pub fn cpu_time(pid: i32) -> io::Result<Duration> {
    Ok(clock_getcpuclockid(Pid::from_raw(pid))?.now()?.into())
}

/// User and system time of this process.
pub fn own_cpu_time() -> io::Result<Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into())
}

/// Memory of a process in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Resident pages, shared ones included.
    pub rss: u64,
    /// Resident pages, each divided by the number of its users.
    pub pss: u64,
}

pub fn memory(pid: i32) -> io::Result<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let bytes = |name: &str| {
        rollup
            .lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .trim()
                    .strip_suffix(" kB")?
                    .parse::<u64>()
                    .ok()
            })
            .map(|kib| kib * 1024)
            .ok_or_else(|| io::Error::other(format!("smaps_rollup has no {name}")))
    };
    Ok(Memory {
        rss: bytes("Rss:")?,
        pss: bytes("Pss:")?,
    })
}

/// Ticks that a core has spent, on anything and on something.
#[derive(Clone, Copy)]
pub struct CoreTicks {
    all: u64,
    busy: u64,
}

impl CoreTicks {
    pub fn read(core: usize) -> io::Result<Self> {
        let name = format!("cpu{core} ");
        fs::read_to_string("/proc/stat")?
            .lines()
            .find_map(|line| Self::parse(line.strip_prefix(&name)?))
            .ok_or_else(|| io::Error::other(format!("/proc/stat has no {name}")))
    }

    /// proc(5): user nice system idle iowait irq softirq steal guest guest_nice; guests are inside user and nice.
    fn parse(fields: &str) -> Option<Self> {
        let fields: Vec<u64> = fields
            .split_whitespace()
            .take(8)
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        let all = fields.iter().sum();
        let idle = fields.get(3)? + fields.get(4)?;
        Some(Self {
            all,
            busy: all - idle,
        })
    }

    /// The part of the core's time since `earlier` that was spent on something.
    pub fn busy_share_since(self, earlier: Self) -> f64 {
        (self.busy - earlier.busy) as f64 / (self.all - earlier.all).max(1) as f64
    }
}

const QUIET_FOR: Duration = Duration::from_millis(500);
const QUIET_SHARE: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_idle_and_iowait_as_idle_and_guests_once() {
        let earlier = CoreTicks::parse("10 0 10 100 0 0 0 0 5 0").unwrap();
        let later = CoreTicks::parse("30 0 20 160 10 0 0 0 25 0").unwrap();
        assert_eq!(later.busy_share_since(earlier), 0.3);
    }

    #[test]
    fn cpu_time_of_this_process_is_the_same_by_both_ways() {
        let by_pid = cpu_time(std::process::id() as i32).unwrap();
        let own = own_cpu_time().unwrap();
        assert!(
            by_pid <= own && own - by_pid < Duration::from_millis(100),
            "{by_pid:?} {own:?}"
        );
    }

    #[test]
    fn memory_of_this_process_is_shared_in_part() {
        let memory = memory(std::process::id() as i32).unwrap();
        assert!(memory.pss > 0 && memory.pss <= memory.rss);
    }
}
