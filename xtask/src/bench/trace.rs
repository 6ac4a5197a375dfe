//! QEMU's trace of an image: what ran between the image's marks, instruction by instruction.
//!
//! `-d in_asm` writes down every block of instructions when it is translated, `-d exec,nochain` a line whenever one runs. Nothing
//! but QEMU is needed for it, built with its disassembler as distributions do.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};

use anyhow::{Result, bail, ensure};

use super::cycles::CycleTable;
use super::instruction::Instruction;

/// What makes QEMU write the trace, to its standard error.
pub(crate) const OPTIONS: [&str; 2] = ["-d", "in_asm,exec,nochain"];

/// The addresses of the functions that mark a region's begin and end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    /// `trace_begin`.
    pub(crate) begin: u32,
    /// `trace_end`.
    pub(crate) end: u32,
}

/// How often a block ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Runs {
    /// Another block than the next one in memory followed.
    jumped: u64,
    passed: u64,
}

/// A block's address and its runs.
type Region = HashMap<u32, Runs>;

/// A trace that was read to its end.
#[derive(Debug)]
pub(crate) struct Trace {
    blocks: HashMap<u32, Vec<Instruction>>,
    /// In the order in which they ran.
    regions: Vec<Region>,
}

/// What a region cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Instructions.
    pub(crate) instructions: u64,
    /// Registers that were moved from or to memory.
    pub(crate) words: u64,
    /// Cycles by the core's table.
    pub(crate) cycles: u64,
}

/// A block of a region.
#[derive(Debug)]
pub(crate) struct HotBlock<'t> {
    /// Its instructions.
    pub(crate) instructions: &'t [Instruction],
    /// How often it ran.
    pub(crate) runs: u64,
}

impl Trace {
    /// Reads a trace as it comes.
    ///
    /// # Errors
    /// There are no instructions in it.
    pub(crate) fn read(source: impl Read, marks: Marks) -> Result<Self> {
        let mut reader = Reader { marks, ..Reader::default() };
        let mut source = BufReader::with_capacity(1 << 16, source);
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line)? > 0 {
            reader.line(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
        ensure!(!reader.blocks.is_empty(), "QEMU traced no instructions: was it built without its disassembler?");
        if let Some(address) = reader.unknown {
            bail!("QEMU ran a block at {address:#010x} that it did not write down");
        }
        Ok(Self { blocks: reader.blocks, regions: reader.regions })
    }

    /// Number of regions.
    pub(crate) fn regions(&self) -> usize {
        self.regions.len()
    }

    /// What a region cost, with cycles if there is a table.
    pub(crate) fn cost(&self, region: usize, table: Option<&CycleTable>) -> Cost {
        let mut cost = Cost::default();
        for (block, runs) in self.blocks_of(region) {
            let all = runs.jumped + runs.passed;
            cost.instructions += all * block.len() as u64;
            cost.words += all * block.iter().map(|instruction| u64::from(instruction.words())).sum::<u64>();
            if let Some(table) = table {
                cost.cycles += runs.jumped * table.cycles(block, true) + runs.passed * table.cycles(block, false);
            }
        }
        cost
    }

    /// The block in which a region spent the most instructions.
    pub(crate) fn hottest(&self, region: usize) -> Option<HotBlock<'_>> {
        let blocks = self.blocks_of(region).map(|(block, runs)| (block, runs.jumped + runs.passed));
        let (instructions, runs) = blocks.max_by_key(|(block, runs)| runs * block.len() as u64)?;
        Some(HotBlock { instructions, runs })
    }

    fn blocks_of(&self, region: usize) -> impl Iterator<Item = (&[Instruction], Runs)> {
        let runs = self.regions.get(region).into_iter().flatten();
        runs.filter_map(|(address, runs)| Some((self.blocks.get(address)?.as_slice(), *runs)))
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self { begin: u32::MAX, end: u32::MAX }
    }
}

#[derive(Debug, Default)]
struct Reader {
    marks: Marks,
    blocks: HashMap<u32, Vec<Instruction>>,
    /// The block that is being written down.
    listing: Vec<Instruction>,
    regions: Vec<Region>,
    /// Inside a region: the block that ran last, if one has.
    inside: Option<Option<u32>>,
    /// A block that ran without having been written down.
    unknown: Option<u32>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(instruction) = Instruction::read(line) {
            self.listing.push(instruction);
            return;
        }
        if let Some(first) = self.listing.first() {
            self.blocks.insert(first.address, std::mem::take(&mut self.listing));
        }
        if let Some(address) = executed(line) {
            self.run(address);
        }
    }

    fn run(&mut self, address: u32) {
        if address == self.marks.begin {
            self.regions.push(Region::new());
            self.inside = Some(None);
            return;
        }
        let Some(previous) = self.inside else { return };
        if let (Some(previous), Some(region)) = (previous, self.regions.last_mut()) {
            let block = self.blocks.get(&previous).and_then(|block| block.last());
            let next = block.map(|last| last.address + last.bytes);
            let runs = region.entry(previous).or_default();
            if next == Some(address) { runs.passed += 1 } else { runs.jumped += 1 }
        }
        self.inside = (address != self.marks.end).then_some(Some(address));
        if !self.blocks.contains_key(&address) {
            self.unknown = Some(address);
        }
    }
}

/// The address in `Trace 0: 0x7fc4f8000100 [00800408/00000400/00000110/ff000200] Reset`.
fn executed(line: &str) -> Option<u32> {
    let (_, state) = line.strip_prefix("Trace ")?.split_once('[')?;
    u32::from_str_radix(state.split('/').nth(1)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::cycles::CORTEX_M4;
    use super::*;

    const TRACE: &str = "\
----------------
IN: trace_begin
0x00000100:  4770       bx       lr

Trace 0: 0x7f00 [0/00000100/0/0] trace_begin
----------------
IN: work
0x00000010:  6800       ldr      r0, [r0]
0x00000012:  d1fd       bne      #0x10

Trace 0: 0x7f01 [0/00000010/0/0] work
Trace 0: 0x7f01 [0/00000010/0/0] work
Trace 0: 0x7f01 [0/00000010/0/0] work
----------------
IN: work
0x00000014:  bd80       pop      {r7, pc}

Trace 0: 0x7f02 [0/00000014/0/0] work
Trace 0: 0x7f03 [0/00000200/0/0] trace_end
Trace 0: 0x7f01 [0/00000010/0/0] work
";

    #[test]
    fn what_ran_between_the_marks_is_counted() {
        let trace = Trace::read(TRACE.as_bytes(), Marks { begin: 0x100, end: 0x200 });
        assert!(trace.unwrap_err().to_string().contains("0x00000200"));
        let listed = TRACE.replace(
            "IN: work\n0x00000014",
            "IN: trace_end\n0x00000200:  4770       bx       lr\n\nIN: work\n0x00000014",
        );
        let trace = Trace::read(listed.as_bytes(), Marks { begin: 0x100, end: 0x200 }).unwrap();
        assert_eq!(trace.regions(), 1);
        let cost = trace.cost(0, Some(&CORTEX_M4));
        // Three loads, two branches taken and one not, a pop of two registers.
        assert_eq!(cost, Cost { instructions: 7, words: 5, cycles: 3 * 2 + 2 * 3 + 1 + 5 });
        let hot = trace.hottest(0).unwrap();
        assert_eq!((hot.runs, hot.instructions.len()), (3, 2));
    }

    #[test]
    fn a_trace_without_instructions_is_refused() {
        let error = Trace::read("OBJD-T: 0147\n".as_bytes(), Marks::default()).unwrap_err().to_string();
        assert!(error.contains("disassembler"), "{error}");
    }
}
