//! What a sample should take at most with each rung of the priors, and the table of what it does take.

use anyhow::{Context, Result};

use super::committed::{CODEC, CommittedCount, committed_counts};
use super::targets::by_name;
use crate::project::Project;

/// Columns of the table.
const TARGETS: [&str; 5] = ["m4", "m33", "m3", "m0", "rv32"];

/// Cases, what they are, and the most instructions per sample on M4 and on M0, where a goal is set.
const CASES: [(&str, &str, Option<[f64; 2]>); 24] = [
    ("prior-tables-codes-sample", "range coder and tables", None),
    ("prior-linear-codes-sample", "range coder and linear prior", None),
    ("prior-small-codes-sample", "range coder and small prior", Some([700.0, 2_800.0])),
    ("prior-standard-codes-sample", "range coder and standard prior", Some([2_300.0, 9_000.0])),
    ("prior-following-codes-sample", "range coder and standard prior, whose scales follow", None),
    ("demo-codes-sample", "range coder and tables, the demo's shapes", None),
    ("indices-small-codes-sample", "range coder and small prior of indices, the demo's shapes", None),
    ("indices-standard-codes-sample", "range coder and standard prior of indices, the demo's shapes", None),
    ("prior-tables-encode-sample", "encoding, lapped transform, tables", None),
    ("prior-standard-encode-sample", "encoding, lapped transform, standard prior", None),
    ("prior-standard-decode-sample", "decoding, lapped transform, standard prior", None),
    ("predictor-adaptive-encode-sample", "lossless encoding, adaptive predictor", None),
    ("predictor-small-encode-sample", "lossless encoding, small predictor", None),
    ("predictor-standard-encode-sample", "lossless encoding, standard predictor", None),
    ("predictor-standard-decode-sample", "lossless decoding, standard predictor", None),
    ("demo-encode-sample", "encoding, the demo's shapes", None),
    ("demo-decode-sample", "decoding, the demo's shapes", None),
    ("indices-standard-encode-sample", "encoding, the demo's shapes, standard prior of indices", None),
    ("demo-encode-poll", "longest poll of an encoder, the demo's shapes", None),
    ("demo-decode-poll", "longest poll of a decoder, the demo's shapes", None),
    ("prior-standard-encode-poll", "longest poll of an encoder, standard prior", None),
    ("prior-standard-encode-budget-poll", "the same, which keeps a budget of bits", None),
    ("predictor-standard-encode-poll", "longest poll of an encoder, standard predictor", None),
    ("predictor-standard-decode-poll", "longest poll of a decoder, standard predictor", None),
];

/// The table of `docs/priors.md`: what is committed, bold where a goal is missed, the goal behind it.
///
/// # Errors
/// A count is missing.
pub(crate) fn table(project: &Project) -> Result<String> {
    let mut counts = Vec::new();
    for name in TARGETS {
        let target = by_name(name).map_err(anyhow::Error::msg)?;
        counts.push((name, committed_counts(project, CODEC, &target)?));
    }
    let cores = TARGETS.map(|name| by_name(name).map(|target| target.board.core).unwrap_or(name));
    let mut text =
        format!("| instructions per sample, or of one poll | {} |\n|---|---|---|---|---|---|\n", cores.join(" | "));
    for (case, what, goals) in CASES {
        let cells = counts.iter().map(|(target, counts)| cell(case, goals, target, counts));
        text += &format!("| {what} | {} |\n", cells.collect::<Result<Vec<_>>>()?.join(" | "));
    }
    Ok(text)
}

fn cell(case: &str, goals: Option<[f64; 2]>, target: &str, counts: &[CommittedCount]) -> Result<String> {
    let count = counts.iter().find(|count| count.case == case);
    let count = count.with_context(|| format!("there is no count of {case} on {target}"))?.instructions;
    let goal = match target {
        "m4" => goals.map(|[m4, _]| m4),
        "m0" => goals.map(|[_, m0]| m0),
        _ => None,
    };
    Ok(match goal {
        Some(goal) if count > goal => format!("**{count:.0}** (goal {goal:.0})"),
        Some(goal) => format!("{count:.0} (goal {goal:.0})"),
        None => format!("{count:.0}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_stands_beside_what_it_is_for() {
        let counts = [CommittedCount { case: "a".into(), instructions: 710.4, macs: 0.0 }];
        let told = |goals, target| cell("a", goals, target, &counts).unwrap();
        assert_eq!(told(Some([700.0, 800.0]), "m4"), "**710** (goal 700)");
        assert_eq!(told(Some([700.0, 800.0]), "m0"), "710 (goal 800)");
        assert_eq!(told(Some([700.0, 800.0]), "m3"), "710");
        assert!(cell("b", None, "m4", &counts).is_err());
    }
}
