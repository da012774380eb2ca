//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::catalog::{SERVERS, Server, WORKS, Work};
use crate::dialect::Shape;

pub const USAGE: &str = "\
sori-bench: Sori beside its peers, one core for the server, one for the load

  --only WORK,...          works to measure (default: all)
  --servers SERVER,...     servers to measure (default: all)
  --rounds N               rounds, of which the medians are shown (default 3)
  --seconds S              measured time of each round (default 3)
  --idle-connections N     connections of the idle works (default 1000)
  --patience S             wait up to S seconds for each measurement that other processes leave alone (default 0)
  --out FILE               JSON lines (default: target/bench/DATE.jsonl)
  --quick                  one round of one second
  --list                   the names of works and servers
";

pub struct Options {
    pub works: Vec<&'static Work>,
    pub servers: Vec<&'static Server>,
    pub rounds: usize,
    pub window: Duration,
    pub idle_connections: Option<usize>,
    /// How long a measurement may wait, or be repeated, until others leave it alone.
    pub patience: Duration,
    pub out: Option<PathBuf>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a mistake: usage or the list was asked for.
    Asked(String),
    Mistake(String),
}

impl Options {
    /// Reads the arguments after the program's name.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Refusal> {
        let mut options = Self {
            works: WORKS.iter().collect(),
            servers: SERVERS.iter().collect(),
            rounds: 3,
            window: Duration::from_secs(3),
            idle_connections: None,
            patience: Duration::ZERO,
            out: None,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| Refusal::Mistake(format!("{argument} needs a value")))
            };
            match argument.as_str() {
                "--only" => options.works = choose(&value()?, WORKS, |work| work.name)?,
                "--servers" => options.servers = choose(&value()?, SERVERS, |server| server.name)?,
                "--rounds" => options.rounds = number(&argument, &value()?)?,
                "--seconds" => options.window = seconds(&argument, &value()?)?,
                "--patience" => options.patience = seconds(&argument, &value()?)?,
                "--idle-connections" => {
                    options.idle_connections = Some(number(&argument, &value()?)?)
                }
                "--out" => options.out = Some(value()?.into()),
                "--quick" => (options.rounds, options.window) = (1, Duration::from_secs(1)),
                "--list" => return Err(Refusal::Asked(list())),
                "--help" | "-h" => return Err(Refusal::Asked(USAGE.to_owned())),
                _ => return Err(Refusal::Mistake(format!("{argument} is not an option"))),
            }
        }
        Ok(options)
    }

    /// Connections of `work`: the table's, or as asked for.
    pub fn connections(&self, work: &Work) -> usize {
        match (work.shape, self.idle_connections) {
            (Shape::Idle, Some(count)) => count,
            _ => work.connections,
        }
    }
}

fn choose<T>(
    names: &str,
    table: &'static [T],
    name_of: fn(&T) -> &'static str,
) -> Result<Vec<&'static T>, Refusal> {
    let find = |name: &str| {
        table
            .iter()
            .find(|entry| name_of(entry) == name)
            .ok_or_else(|| {
                Refusal::Mistake(format!("{name} is not one of {}", joined(table, name_of)))
            })
    };
    names.split(',').map(find).collect()
}

fn joined<T>(table: &'static [T], name_of: fn(&T) -> &'static str) -> String {
    table.iter().map(name_of).collect::<Vec<_>>().join(",")
}

fn list() -> String {
    format!(
        "works:   {}\nservers: {}\n",
        joined(WORKS, |work| work.name),
        joined(SERVERS, |server| server.name)
    )
}

fn number(argument: &str, value: &str) -> Result<usize, Refusal> {
    value
        .parse()
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| Refusal::Mistake(format!("{argument} needs a number above 0, not {value}")))
}

fn seconds(argument: &str, value: &str) -> Result<Duration, Refusal> {
    value
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| Refusal::Mistake(format!("{argument} needs a number above 0, not {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Refusal> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_arguments_everything_is_measured_three_times() {
        let options = parse("").ok().unwrap();
        assert_eq!(
            (options.works.len(), options.servers.len()),
            (WORKS.len(), SERVERS.len())
        );
        assert_eq!(
            (options.rounds, options.window),
            (3, Duration::from_secs(3))
        );
    }

    #[test]
    fn names_choose_works_and_servers_in_the_order_given() {
        let options = parse(
            "--only broadcast,echo --servers sori --rounds 5 --seconds 0.5 --idle-connections 9",
        )
        .ok()
        .unwrap();
        let works: Vec<_> = options.works.iter().map(|work| work.name).collect();
        assert_eq!(works, ["broadcast", "echo"]);
        assert_eq!(options.servers[0].name, "sori");
        assert_eq!(
            (options.rounds, options.window),
            (5, Duration::from_millis(500))
        );
        assert_eq!(options.connections(&WORKS[0]), 100);
        assert_eq!(options.connections(&WORKS[2]), 9);
    }

    #[test]
    fn mistakes_are_told_by_name() {
        for (line, told) in [
            ("--only ecco", "ecco is not one of echo,"),
            ("--fast", "--fast is not an option"),
            ("--rounds", "--rounds needs a value"),
            ("--rounds 0", "--rounds needs a number above 0, not 0"),
            ("--seconds -1", "--seconds needs a number above 0, not -1"),
        ] {
            match parse(line) {
                Err(Refusal::Mistake(text)) => assert!(text.starts_with(told), "{text}"),
                _ => panic!("{line} was taken"),
            }
        }
    }
}
