//! Sori beside its peers: starts each server under test on one core, drives it from another, prints what it cost.
//!
//! `catalog` has the tables of works and servers. `main` goes through them round by round, `measure` does one
//! measurement, `fleet` moves bytes for a `load`, `report` shows the figures.

#![forbid(unsafe_code)]

mod catalog;
mod dialect;
mod figures;
mod fleet;
mod load;
mod measure;
mod options;
mod process_cost;
mod report;
mod server_process;
mod websocket;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use catalog::{Server, WhenMissing, Work};
use figures::Figures;
use measure::{Terms, measure};
use options::{Options, Refusal};
use process_cost::Cores;
use report::{Round, Row};
use server_process::{ServerProcess, Start};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(Refusal::Asked(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Refusal::Mistake(text)) => {
            eprintln!("sori-bench: {text}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sori-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let folder = folder();
    let cores = Cores::choose()?;
    cores.pin_generator()?;
    let servers = available(options, cores, &folder)?;
    let terms = Terms {
        window: options.window,
        cores,
        folder: &folder,
    };

    let out = options.out.clone().unwrap_or_else(|| default_out(&folder));
    let mut file = create(&out)?;
    let mut rows = Vec::new();
    for round in 1..=options.rounds {
        for &work in &options.works {
            for &in_flight in work.in_flight {
                // Servers stand innermost: what is compared is measured close together.
                for server in servers
                    .iter()
                    .filter(|server| server.dialect == work.dialect)
                {
                    let row = measure_row(server, work, in_flight, round, options, &terms)?;
                    write_line(&mut file, &row)?;
                    rows.push(row);
                }
            }
        }
    }
    let medians = report::medians(&rows);
    for row in &medians {
        write_line(&mut file, row)?;
    }
    print!("{}", report::tables(&medians));
    println!(
        "\n{} rounds of {:?}; all rows: {}",
        options.rounds,
        options.window,
        out.display()
    );
    Ok(())
}

/// The servers that can run here and have a work to do.
fn available(options: &Options, cores: Cores, folder: &Path) -> io::Result<Vec<&'static Server>> {
    let mut servers = Vec::new();
    for &server in &options.servers {
        if options
            .works
            .iter()
            .all(|work| work.dialect != server.dialect)
        {
            continue;
        }
        match ServerProcess::start(server, cores.server, folder)? {
            Start::Listening(_) => servers.push(server),
            Start::Unavailable(reason) if server.when_missing == WhenMissing::Skip => {
                println!("skipped: {} cannot run here: {reason}", server.name);
            }
            Start::Unavailable(reason) => {
                return Err(io::Error::other(format!(
                    "{} cannot run here: {reason}\n`make bench` installs the peers and builds Sori; \
                     `--servers` measures fewer",
                    server.name
                )));
            }
        }
    }
    Ok(servers)
}

/// Measures once; with patience, when the machine is quiet, and again when others disturb it.
fn measure_row(
    server: &'static Server,
    work: &'static Work,
    in_flight: usize,
    round: usize,
    options: &Options,
    terms: &Terms<'_>,
) -> io::Result<Row> {
    let connections = options.connections(work);
    let name = format!(
        "round {round}/{}: {} {} in flight {in_flight}",
        options.rounds, server.name, work.name
    );
    let end = Instant::now() + options.patience;
    let figures = loop {
        terms.cores.wait_for_quiet(end)?;
        let figures = match ServerProcess::start(server, terms.cores.server, terms.folder)? {
            Start::Listening(mut process) => {
                measure(&mut process, work, connections, in_flight, terms)
            }
            Start::Unavailable(reason) => Err(io::Error::other(reason)),
        }
        .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        let is_repeated = report::is_disturbed(&figures) && Instant::now() < end;
        tell(&name, &figures, is_repeated);
        if !is_repeated {
            break figures;
        }
    };
    let round = Round::Number(round);
    Ok(Row {
        work: work.name,
        connections,
        in_flight,
        server: server.name,
        round,
        figures,
    })
}

fn tell(name: &str, figures: &Figures, is_repeated: bool) {
    let cost = figures
        .find("cpu_us_per_message")
        .or(figures.find("cpu_us_per_connection"))
        .unwrap_or(f64::NAN);
    let mut remarks = report::remarks(figures);
    if is_repeated {
        remarks.push("measured again".to_owned());
    }
    eprintln!("{name}: {cost:.2} µs of CPU each  {}", remarks.join("; "));
}

/// This package's folder, where the servers are.
fn folder() -> PathBuf {
    // cargo run sets it, and a checkout may have moved since it was built.
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

fn default_out(folder: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| folder.join("../../target"), PathBuf::from);
    let now = humantime::format_rfc3339_seconds(SystemTime::now())
        .to_string()
        .replace(':', "-");
    target.join("bench").join(format!("{now}.jsonl"))
}

fn create(path: &Path) -> io::Result<File> {
    let name =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(name)?;
    }
    File::create(path).map_err(name)
}

fn write_line(file: &mut File, row: &Row) -> io::Result<()> {
    writeln!(file, "{}", serde_json::to_string(row)?)
}
