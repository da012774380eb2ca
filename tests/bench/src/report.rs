//! The report: rows as JSON lines for machines and as tables for people.

use std::fmt::Write as _;

use serde::Serialize;

use crate::catalog::{self, Work};
use crate::dialect::Shape;
use crate::figures::Figures;

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub work: &'static str,
    pub connections: usize,
    pub in_flight: usize,
    pub server: &'static str,
    pub round: Round,
    #[serde(flatten)]
    pub figures: Figures,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Round {
    Number(usize),
    Named(&'static str),
}

impl Round {
    pub const MEDIAN: Self = Self::Named("median");
}

/// One median row for each work, number in flight and server, in the order in which they were first measured.
/// Rounds disturbed by others count only where there is no other.
/// Rows whose peer was measured too get `*_ratio_to_peer`: below 1 is cheaper than the peer.
pub fn medians(rows: &[Row]) -> Vec<Row> {
    let key = |row: &Row| (row.work, row.in_flight, row.server);
    let mut medians: Vec<Row> = Vec::new();
    for row in rows {
        if medians.iter().all(|median| key(median) != key(row)) {
            let rounds: Vec<Figures> = rows
                .iter()
                .filter(|other| key(other) == key(row))
                .map(|other| other.figures.clone())
                .collect();
            medians.push(Row {
                round: Round::MEDIAN,
                figures: medians_of_quiet(&rounds),
                ..row.clone()
            });
        }
    }
    let peers = medians.clone();
    for row in &mut medians {
        let name = catalog::peer(row.server);
        let peer = peers.iter().find(|peer| {
            let is_same_work = (peer.work, peer.in_flight) == (row.work, row.in_flight);
            is_same_work && Some(peer.server) == name
        });
        for (ratio, figure) in RATIOS {
            let of_peer = peer
                .and_then(|peer| peer.figures.find(figure))
                .filter(|&value| value > 0.0);
            if let (Some(own), Some(of_peer)) = (row.figures.find(figure), of_peer) {
                row.figures.set(ratio, own / of_peer);
            }
        }
    }
    medians
}

fn medians_of_quiet(rounds: &[Figures]) -> Figures {
    let quiet: Vec<Figures> = rounds
        .iter()
        .filter(|round| !is_disturbed(round))
        .cloned()
        .collect();
    let counted = if quiet.is_empty() { rounds } else { &quiet };
    let mut medians = Figures::medians(counted);
    medians.set("rounds", rounds.len() as f64);
    medians.set("rounds_counted", counted.len() as f64);
    medians
}

/// Tables of median rows: what sends messages, then what only opens connections.
pub fn tables(medians: &[Row]) -> String {
    let mut text = String::new();
    for (title, columns, is_idle) in [
        (
            "Messages (CPU of all threads of the server's process)",
            MESSAGE_COLUMNS,
            false,
        ),
        ("Connections that say nothing", CONNECTION_COLUMNS, true),
    ] {
        let rows: Vec<&Row> = medians
            .iter()
            .filter(|row| is_idle == has_shape(row, Shape::Idle))
            .collect();
        if !rows.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{title}\n{}", table(&rows, columns));
        }
    }
    text
}

fn table(rows: &[&Row], columns: &[Column]) -> String {
    let mut cells = vec![
        ["work", "conns", "in flight", "server"]
            .into_iter()
            .chain(columns.iter().map(|column| column.title))
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    for row in rows {
        let names = [
            row.work.into(),
            row.connections.to_string(),
            row.in_flight.to_string(),
            row.server.into(),
        ];
        let values = columns.iter().map(|column| column.show(&row.figures));
        cells.push(names.into_iter().chain(values).collect());
    }
    let width = |column: usize| {
        cells
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len() + 4).map(width).collect();
    let mut text = String::new();
    for (index, line) in cells.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(text, "{cell:<width$}"),
                3 => write!(text, "  {cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        if let Some(row) = index.checked_sub(1).map(|index| rows[index]) {
            for remark in remarks(&row.figures) {
                let _ = write!(text, "  ! {remark}");
            }
        }
        text.push('\n');
    }
    text
}

/// What makes a row's figures worth less.
pub fn remarks(figures: &Figures) -> Vec<String> {
    let figure = |name| figures.find(name).unwrap_or(0.0);
    let mut remarks = Vec::new();
    let generator = figure("generator_busy_share");
    if generator > GENERATOR_LIMIT {
        remarks.push(format!(
            "generator {:.0} % busy: it may be what limits the rate",
            generator * 100.0
        ));
    }
    for (name, core) in OTHERS
        .into_iter()
        .filter(|(name, _)| figure(name) > OTHERS_LIMIT)
    {
        remarks.push(format!(
            "others took {:.0} % of the {core}'s core",
            figure(name) * 100.0
        ));
    }
    let (rounds, counted) = (figure("rounds"), figure("rounds_counted"));
    if counted < rounds {
        remarks.push(format!("{counted} of {rounds} rounds undisturbed"));
    }
    remarks
}

/// Whether other processes took so much of a core that the figures are theirs too.
pub fn is_disturbed(figures: &Figures) -> bool {
    OTHERS
        .iter()
        .any(|(name, _)| figures.find(name).is_some_and(|share| share > OTHERS_LIMIT))
}

fn has_shape(row: &Row, shape: Shape) -> bool {
    work_of(row).is_some_and(|work| work.shape == shape)
}

fn work_of(row: &Row) -> Option<&'static Work> {
    catalog::WORKS.iter().find(|work| work.name == row.work)
}

struct Column {
    title: &'static str,
    figure: &'static str,
    /// 100 for shares shown as percents.
    scale: f64,
    decimals: usize,
}

impl Column {
    const fn new(title: &'static str, figure: &'static str, decimals: usize) -> Self {
        Self {
            title,
            figure,
            scale: 1.0,
            decimals,
        }
    }

    const fn percent(title: &'static str, figure: &'static str) -> Self {
        Self {
            title,
            figure,
            scale: 100.0,
            decimals: 0,
        }
    }

    fn show(&self, figures: &Figures) -> String {
        let show = |value: f64| format!("{:.*}", self.decimals, value * self.scale);
        figures
            .find(self.figure)
            .map_or_else(|| "-".to_owned(), show)
    }
}

const MESSAGE_COLUMNS: &[Column] = &[
    Column::new("msg/s", "messages_per_second", 0),
    Column::new("CPU µs/msg", "cpu_us_per_message", 2),
    Column::new("to peer", "cpu_ratio_to_peer", 3),
    Column::new("p50 µs", "p50_us", 0),
    Column::new("p99 µs", "p99_us", 0),
    Column::new("RSS MiB", "rss_mib", 1),
    Column::new("PSS MiB", "pss_mib", 1),
    Column::percent("busy %", "server_busy_share"),
    Column::percent("gen busy %", "generator_busy_share"),
    Column::new("gen µs/msg", "generator_cpu_us_per_message", 2),
];

const CONNECTION_COLUMNS: &[Column] = &[
    Column::new("conn/s", "connections_per_second", 0),
    Column::new("CPU µs/conn", "cpu_us_per_connection", 1),
    Column::new("to peer", "connection_cpu_ratio_to_peer", 3),
    Column::new("KiB/conn", "rss_kib_per_connection", 1),
    Column::new("KiB/conn collected", "rss_kib_per_connection_collected", 1),
    Column::new("to peer", "memory_ratio_to_peer", 3),
    Column::new("RSS MiB", "rss_mib", 1),
    Column::percent("gen busy %", "generator_busy_share"),
];

const RATIOS: [(&str, &str); 3] = [
    ("cpu_ratio_to_peer", "cpu_us_per_message"),
    ("connection_cpu_ratio_to_peer", "cpu_us_per_connection"),
    ("memory_ratio_to_peer", "rss_kib_per_connection_collected"),
];

const OTHERS: [(&str, &str); 2] = [
    ("others_share_of_server_core", "server"),
    ("others_share_of_generator_core", "generator"),
];
/// The meters tick every 10 ms, and the kernel's own threads count as others.
const OTHERS_LIMIT: f64 = 0.10;
const GENERATOR_LIMIT: f64 = 0.90;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(server: &'static str, round: usize, cpu: f64) -> Row {
        let mut figures = Figures::default();
        figures.set("cpu_us_per_message", cpu);
        figures.set("generator_busy_share", 0.95);
        Row {
            work: "echo",
            connections: 100,
            in_flight: 1,
            server,
            round: Round::Number(round),
            figures,
        }
    }

    #[test]
    fn medians_stand_in_the_order_measured_with_their_ratio_to_the_peer() {
        let rows = [
            row("sori", 1, 1.0),
            row("socket.io", 1, 10.0),
            row("sori", 2, 3.0),
            row("socket.io", 2, 30.0),
            row("sori", 3, 2.0),
            row("socket.io", 3, 20.0),
        ];
        let medians = medians(&rows);
        let seen: Vec<_> = medians
            .iter()
            .map(|row| {
                (
                    row.server,
                    row.figures.value("cpu_us_per_message"),
                    row.figures.value("cpu_ratio_to_peer"),
                )
            })
            .collect();
        assert_eq!(seen, [("sori", 2.0, 0.1), ("socket.io", 20.0, 1.0)]);
        assert!(medians.iter().all(|row| row.round == Round::MEDIAN));
    }

    #[test]
    fn disturbed_rounds_count_only_where_there_is_no_other() {
        let mut disturbed = row("sori", 1, 9.0);
        disturbed.figures.set("others_share_of_server_core", 0.5);
        let alone = medians(&[disturbed.clone()]);
        assert_eq!(alone[0].figures.value("cpu_us_per_message"), 9.0);
        assert!(
            remarks(&alone[0].figures)
                .contains(&"others took 50 % of the server's core".to_owned())
        );

        let beside = medians(&[disturbed, row("sori", 2, 1.0)]);
        assert_eq!(beside[0].figures.value("cpu_us_per_message"), 1.0);
        assert!(remarks(&beside[0].figures).contains(&"1 of 2 rounds undisturbed".to_owned()));
    }

    #[test]
    fn a_row_without_its_peer_has_no_ratio() {
        assert_eq!(
            medians(&[row("sori", 1, 1.0)])[0]
                .figures
                .find("cpu_ratio_to_peer"),
            None
        );
    }

    #[test]
    fn a_line_of_json_has_all_names_on_one_level() {
        let line = serde_json::to_value(row("sori", 2, 1.5)).unwrap();
        let expected = serde_json::json!({
            "work": "echo", "connections": 100, "in_flight": 1, "server": "sori", "round": 2,
            "cpu_us_per_message": 1.5, "generator_busy_share": 0.95,
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_busy_generator_is_told_in_the_row() {
        let text = tables(&medians(&[row("sori", 1, 1.0)]));
        assert!(
            text.lines()
                .any(|line| line.starts_with("echo") && line.contains("generator 95 % busy")),
            "{text}"
        );
    }
}
