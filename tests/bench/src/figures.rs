//! Figures: named numbers of a measurement, the unit in the name, and their medians.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Figures(BTreeMap<&'static str, f64>);

impl Figures {
    pub fn set(&mut self, name: &'static str, value: f64) {
        self.0.insert(name, value);
    }

    pub fn find(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// The figure `name`, which this measurement has.
    ///
    /// # Panics
    /// When it has not.
    pub fn value(&self, name: &str) -> f64 {
        self.0[name]
    }

    /// Each figure's median by itself.
    pub fn medians(rounds: &[Self]) -> Self {
        let names = rounds.iter().flat_map(|round| round.0.keys().copied());
        let median_of = |name| median(rounds.iter().filter_map(|round| round.find(name)).collect());
        Self(names.map(|name| (name, median_of(name))).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / 2.0
    } else {
        values[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_figure_by_figure() {
        let round = |cpu, memory| Figures([("cpu_us", cpu), ("rss_mib", memory)].into());
        let rounds = [round(3.0, 10.0), round(1.0, 30.0), round(2.0, 20.0)];
        assert_eq!(Figures::medians(&rounds), round(2.0, 20.0));
        assert_eq!(Figures::medians(&rounds[..2]), round(2.0, 20.0));
    }
}
