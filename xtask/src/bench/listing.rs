//! The inner loop of a case, and its mix of instructions.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::cycles::CycleTable;
use super::measure::Counted;
use super::trace::Trace;

/// The block in which case `index` spends the most instructions, and what share of it each mnemonic has.
pub(crate) fn inner_loop(case: &Counted, trace: &Trace, index: usize, table: Option<&CycleTable>) -> String {
    let Some(block) = trace.hottest(index + 1) else { return format!("{}: nothing ran\n", case.name) };
    let all = trace.cost(index + 1, table).instructions;
    let length = block.instructions.len() as u64;
    let share = 100.0 * (block.runs * length) as f64 / all as f64;
    let mut text = format!("{}: {length} instructions, run {} times, {share:.0} % of all\n\n", case.name, block.runs);
    for instruction in block.instructions {
        let _ = writeln!(text, "  {:#010x}  {}", instruction.address, instruction.text);
    }
    let mut mix: BTreeMap<&str, u64> = BTreeMap::new();
    for instruction in block.instructions {
        *mix.entry(instruction.mnemonic()).or_default() += 1;
    }
    let mut mix: Vec<_> = mix.into_iter().collect();
    mix.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mix: Vec<String> = mix.into_iter().map(|(mnemonic, count)| format!("{count} {mnemonic}")).collect();
    let words: u32 = block.instructions.iter().map(|instruction| instruction.words()).sum();
    let _ = write!(text, "\n  {}; {words} words moved", mix.join(", "));
    if let Some(table) = table {
        let _ = write!(text, ", {} cycles by the table when it repeats", table.cycles(block.instructions, true));
    }
    text + "\n"
}
