//! What layers should take at most, per multiply-accumulate, and the table of what they do take.

use anyhow::{Context, Result};

use super::committed::{CommittedCount, LAYERS, committed_counts};
use super::targets::by_name;
use crate::project::Project;

/// Cases with one goal.
struct Goal {
    what: &'static str,
    cases: &'static [&'static str],
    /// The most instructions per multiply-accumulate on M4, M3, M0 and RV32; none is set where it is infinite.
    most: [f64; 4],
    /// Whether the table shows instructions of the whole case.
    whole: bool,
}

const fn goal(what: &'static str, cases: &'static [&'static str], most: [f64; 4]) -> Goal {
    Goal { what, cases, most, whole: false }
}

const NONE: f64 = f64::INFINITY;
const TARGETS: [&str; 4] = ["m4", "m3", "m0", "rv32"];

const GOALS: [Goal; 9] = [
    goal(
        "convolution and transposed bodies",
        &[
            "conv-16-32-k5-s2",
            "conv-32-32-k3",
            "conv-32-64-k4-s2",
            "conv-64-16-k1",
            "transposed-64-32-k4-s2",
            "transposed-32-16-k4-s2",
        ],
        [1.12, 2.1, 4.4, 3.0],
    ),
    goal(
        "the same, one output position",
        &[
            "conv-16-32-k5-s2@1",
            "conv-32-32-k3@1",
            "conv-32-64-k4-s2@1",
            "conv-64-16-k1@1",
            "transposed-64-32-k4-s2@1",
            "transposed-32-16-k4-s2@1",
        ],
        [1.32, 2.5, 4.4, NONE],
    ),
    goal("first layer, one input channel", &["conv-1-16-k7-s2"], [2.0, 3.5, 8.0, NONE]),
    goal("last layer, one output channel, transposed", &["transposed-16-1-k4-s2"], [1.7, 3.0, 6.5, NONE]),
    goal("depthwise k5", &["depthwise-32-k5"], [2.6, 4.0, 9.0, NONE]),
    goal("fully connected 256 → 64", &["fully-connected-256-64"], [1.25, 2.4, 4.2, NONE]),
    goal("GRU, 64 × 64", &["gru-matrix-64-64"], [1.25, 2.4, 4.2, NONE]),
    goal("GRU, 16 → 64", &["gru-matrix-16-64"], [1.25, 2.4, 4.2, NONE]),
    Goal {
        what: "nearest of 256 × 16, per search",
        cases: &["nearest-256-16"],
        // 3 800, 10 500 and 18 000 a search of 4 096.
        most: [0.9277, 2.5634, 4.3945, NONE],
        whole: true,
    },
];

/// The table of `firmware/kernels/README.md`: what is committed beside the goals, bold where one is missed.
///
/// # Errors
/// A count is missing.
pub(crate) fn table(project: &Project) -> Result<String> {
    let mut counts = Vec::new();
    for name in TARGETS {
        let target = by_name(name).map_err(anyhow::Error::msg)?;
        counts.push(committed_counts(project, LAYERS, &target)?);
    }
    let mut text =
        "| | M4 | goal | M3 | goal | M0 | goal | RV32 | goal |\n|---|---|---|---|---|---|---|---|---|\n".to_owned();
    for goal in &GOALS {
        text += &format!("| {} |", goal.what);
        for (counts, most) in counts.iter().zip(goal.most) {
            text += &goal.cells(counts, most)?;
        }
        text.push('\n');
    }
    Ok(text)
}

impl Goal {
    /// What the committed cases take, and the goal.
    fn cells(&self, counts: &[CommittedCount], most: f64) -> Result<String> {
        let found = self.cases.iter().map(|case| {
            counts.iter().find(|count| count.case == *case).with_context(|| format!("there is no count of {case}"))
        });
        let found = found.collect::<Result<Vec<_>>>()?;
        let macs = found.iter().map(|count| count.macs).fold(1.0, f64::max);
        let number = |per_mac: f64| {
            if self.whole { format!("{:.0}", per_mac * macs) } else { format!("{per_mac:.2}") }
        };
        let ratios = || found.iter().map(|count| count.instructions / count.macs.max(1.0));
        let (low, high) = (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max));
        let (low_text, high_text) = (number(low), number(high));
        let range = if low_text == high_text { high_text } else { format!("{low_text}–{high_text}") };
        let range = if high > most { format!("**{range}**") } else { range };
        let goal = if most.is_finite() { number(most) } else { "–".to_owned() };
        Ok(format!(" {range} | {goal} |"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_reaches_the_goals_but_one() {
        let table = table(&Project::new()).unwrap();
        let missed: Vec<&str> = table.lines().filter(|line| line.contains("**")).collect();
        assert!(missed.len() == 1 && missed[0].starts_with("| GRU, 16 → 64 |"), "{table}");
    }

    #[test]
    fn a_row_is_a_range_of_what_its_cases_take() {
        let count = |case: &str, instructions| CommittedCount { case: case.into(), instructions, macs: 100.0 };
        let counts = [count("a", 104.0), count("b", 111.0)];
        let cells = |most| goal("", &["a", "b"], [NONE; 4]).cells(&counts, most).unwrap();
        assert_eq!(cells(1.12), " 1.04–1.11 | 1.12 |");
        assert_eq!(cells(1.1), " **1.04–1.11** | 1.10 |");
        assert_eq!(cells(NONE), " 1.04–1.11 | – |");
        let whole = Goal { whole: true, ..goal("", &["b"], [NONE; 4]) };
        assert_eq!(whole.cells(&counts, 1.2).unwrap(), " 111 | 120 |");
        assert!(goal("", &["c"], [NONE; 4]).cells(&counts, 1.0).is_err());
    }
}
