//! One measurement: a fresh server, a fleet, a warm-up, a window, its figures.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::catalog::Work;
use crate::dialect::Shape;
use crate::figures::Figures;
use crate::fleet::Fleet;
use crate::load::{Broadcast, Echo, Load, Tally};
use crate::process_cost::{self, CoreTicks, Cores};
use crate::server_process::ServerProcess;

/// What all measurements of a run have in common.
pub struct Terms<'a> {
    pub window: Duration,
    pub cores: Cores,
    /// Where servers are started.
    pub folder: &'a Path,
}

/// Measures `work` with `in_flight` messages on the way, over `connections` connections.
///
/// # Errors
/// When the server does not do the work as the protocol has it.
pub fn measure(
    server: &mut ServerProcess,
    work: &Work,
    connections: usize,
    in_flight: usize,
    terms: &Terms<'_>,
) -> io::Result<Figures> {
    let fleet = Fleet::new(server.port, work.dialect, work.shape)?;
    match work.shape {
        Shape::Echo => {
            let load = Echo::new(work.dialect, connections, in_flight);
            measure_messages(
                server,
                fleet,
                connections,
                load,
                |load| &mut load.tally,
                terms,
            )
        }
        Shape::Broadcast => {
            let load = Broadcast::new(work.dialect, connections, in_flight);
            measure_messages(
                server,
                fleet,
                connections,
                load,
                |load| &mut load.tally,
                terms,
            )
        }
        Shape::Idle => measure_idle(server, fleet, connections, terms),
    }
}

fn measure_messages<L: Load>(
    server: &ServerProcess,
    mut fleet: Fleet,
    connections: usize,
    mut load: L,
    tally: fn(&mut L) -> &mut Tally,
    terms: &Terms<'_>,
) -> io::Result<Figures> {
    fleet.open(&mut fleet.opening(), connections)?;
    fleet.drive(&mut load, Instant::now() + WARM_UP)?;
    tally(&mut load).restart();
    let start = Usage::read(server, terms.cores)?;
    fleet.drive(&mut load, start.at + terms.window)?;
    let mut figures = Usage::read(server, terms.cores)?.figures_since(start);

    let tally = tally(&mut load);
    if tally.messages == 0 {
        return Err(io::Error::other("no message arrived in the measured time"));
    }
    let messages = tally.messages as f64;
    let memory = process_cost::memory(server.pid())?;
    figures.set(
        "messages_per_second",
        messages / figures.value("window_seconds"),
    );
    figures.set("cpu_us_per_message", figures.value("cpu_us") / messages);
    figures.set(
        "generator_cpu_us_per_message",
        figures.value("generator_cpu_us") / messages,
    );
    figures.set("p50_us", tally.latency_us(0.50));
    figures.set("p99_us", tally.latency_us(0.99));
    figures.set("rss_mib", memory.rss as f64 / MIB);
    figures.set("pss_mib", memory.pss as f64 / MIB);
    Ok(figures)
}

/// Counts what `connections` more cost a server that has met its first.
fn measure_idle(
    server: &mut ServerProcess,
    mut fleet: Fleet,
    connections: usize,
    terms: &Terms<'_>,
) -> io::Result<Figures> {
    let mut opening = fleet.opening();
    fleet.open(&mut opening, FIRST_CONNECTIONS)?;
    server.collect_garbage()?;
    fleet.drive(&mut opening, Instant::now() + SETTLING)?;

    let before = process_cost::memory(server.pid())?;
    let start = Usage::read(server, terms.cores)?;
    fleet.open(&mut opening, FIRST_CONNECTIONS + connections)?;
    let mut figures = Usage::read(server, terms.cores)?.figures_since(start);
    fleet.drive(&mut opening, Instant::now() + SETTLING)?;
    let after = process_cost::memory(server.pid())?;
    server.collect_garbage()?;
    fleet.drive(&mut opening, Instant::now() + SETTLING)?;
    let collected = process_cost::memory(server.pid())?;

    let count = connections as f64;
    let kib_each = |grown: u64| (grown as f64 - before.rss as f64) / 1024.0 / count;
    figures.set(
        "connections_per_second",
        count / figures.value("window_seconds"),
    );
    figures.set("cpu_us_per_connection", figures.value("cpu_us") / count);
    figures.set(
        "generator_cpu_us_per_connection",
        figures.value("generator_cpu_us") / count,
    );
    figures.set("rss_kib_per_connection", kib_each(after.rss));
    figures.set("rss_kib_per_connection_collected", kib_each(collected.rss));
    figures.set("rss_mib", after.rss as f64 / MIB);
    figures.set("pss_mib", after.pss as f64 / MIB);
    Ok(figures)
}

/// All meters at one moment.
#[derive(Clone, Copy)]
struct Usage {
    at: Instant,
    server_cpu: Duration,
    generator_cpu: Duration,
    server_core: CoreTicks,
    generator_core: CoreTicks,
}

impl Usage {
    fn read(server: &ServerProcess, cores: Cores) -> io::Result<Self> {
        Ok(Self {
            server_core: CoreTicks::read(cores.server)?,
            generator_core: CoreTicks::read(cores.generator)?,
            generator_cpu: process_cost::own_cpu_time()?,
            server_cpu: process_cost::cpu_time(server.pid())?,
            at: Instant::now(),
        })
    }

    fn figures_since(self, start: Self) -> Figures {
        let seconds = (self.at - start.at).as_secs_f64();
        let server_cpu = (self.server_cpu - start.server_cpu).as_secs_f64();
        let generator_cpu = (self.generator_cpu - start.generator_cpu).as_secs_f64();
        let others = |core: CoreTicks, earlier: CoreTicks, ours: f64| {
            (core.busy_share_since(earlier) - ours / seconds).max(0.0)
        };
        let mut figures = Figures::default();
        figures.set("window_seconds", seconds);
        figures.set("cpu_us", server_cpu * 1e6);
        figures.set("generator_cpu_us", generator_cpu * 1e6);
        figures.set("server_busy_share", server_cpu / seconds);
        figures.set("generator_busy_share", generator_cpu / seconds);
        figures.set(
            "others_share_of_server_core",
            others(self.server_core, start.server_core, server_cpu),
        );
        figures.set(
            "others_share_of_generator_core",
            others(self.generator_core, start.generator_core, generator_cpu),
        );
        figures
    }
}

/// Time for a JavaScript engine to compile what is hot.
pub const WARM_UP: Duration = Duration::from_secs(1);
/// Connections that make a server load, compile and allocate what it needs only once.
const FIRST_CONNECTIONS: usize = 500;
/// Time for what follows an opening or a collection, in the server and in the kernel.
const SETTLING: Duration = Duration::from_millis(700);
const MIB: f64 = 1024.0 * 1024.0;
