//! Cycles that instructions take by the tables of the cores' manuals; `docs/cycles.md` says which, and what they leave out.

use super::instruction::{Instruction, Operation};

/// What a core's manual says; memory without wait states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CycleTable {
    multiply_accumulate: u64,
    multiply_long: u64,
    divide: u64,
    /// A load of one register.
    load: u64,
    /// The same right behind another one.
    pipelined_load: u64,
    store: u64,
    /// A store to the sum of two registers.
    indexed_store: u64,
    /// What a taken branch costs.
    branch: u64,
    /// The same with a return address.
    call: u64,
    /// What loading the program counter adds.
    refill: u64,
}

/// Cortex-M4: Arm 100166, table 3-1.
pub(crate) const CORTEX_M4: CycleTable = CycleTable {
    multiply_accumulate: 1,
    multiply_long: 1,
    divide: 7,
    load: 2,
    pipelined_load: 1,
    store: 1,
    indexed_store: 2,
    branch: 3,
    call: 3,
    refill: 2,
};

/// Cortex-M3: Arm DDI 0337I, table 3-1.
pub(crate) const CORTEX_M3: CycleTable = CycleTable { multiply_accumulate: 2, multiply_long: 4, ..CORTEX_M4 };

/// Cortex-M0: Arm DDI 0432C, table 3-1, with the multiplier of one cycle.
pub(crate) const CORTEX_M0: CycleTable = CycleTable { pipelined_load: 2, store: 2, call: 4, refill: 3, ..CORTEX_M4 };

impl CycleTable {
    /// The cycles of a block whose last instruction jumps or does not.
    pub(crate) fn cycles(&self, block: &[Instruction], jumps: bool) -> u64 {
        let mut cycles = 0;
        let mut previous = Operation::Simple;
        for (index, instruction) in block.iter().enumerate() {
            let last = index + 1 == block.len();
            cycles += self.instruction(instruction, previous, last && jumps);
            previous = instruction.operation;
        }
        cycles
    }

    fn instruction(&self, instruction: &Instruction, previous: Operation, jumps: bool) -> u64 {
        let refill = if instruction.loads_pc { self.refill } else { 0 };
        match instruction.operation {
            Operation::Simple => 1,
            Operation::MultiplyAccumulate => self.multiply_accumulate,
            Operation::MultiplyLong => self.multiply_long,
            Operation::Divide => self.divide,
            Operation::Load if previous == Operation::Load => self.pipelined_load + refill,
            Operation::Load => self.load + refill,
            Operation::Store { indexed: true } if previous != Operation::Load => self.indexed_store,
            Operation::Store { .. } => self.store,
            Operation::Multiple { registers } => 1 + u64::from(registers) + refill,
            Operation::Branch { links: true } if jumps => self.call,
            Operation::Branch { .. } if jumps => self.branch,
            Operation::Branch { .. } => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(texts: &[&str]) -> Vec<Instruction> {
        texts.iter().map(|text| Instruction::read(&format!("0x0: e000 {text}")).unwrap()).collect()
    }

    #[test]
    fn loads_pipeline_and_taken_branches_refill() {
        let loads = block(&["ldr r0, [r1]", "ldrsh r2, [r3]", "str r2, [r0, r1]", "bne #0x0"]);
        assert_eq!(CORTEX_M4.cycles(&loads, false), 2 + 1 + 1 + 1);
        assert_eq!(CORTEX_M4.cycles(&loads, true), 2 + 1 + 1 + 3);
        assert_eq!(CORTEX_M0.cycles(&loads, true), 2 + 2 + 2 + 3);
    }

    #[test]
    fn cores_differ_in_their_multipliers() {
        let products = block(&["mla r4, r3, r8, r4", "smull r10, r11, r4, r0", "smlad r4, r5, r6, r4"]);
        assert_eq!(CORTEX_M3.cycles(&products, false), 2 + 4 + 1);
        assert_eq!(CORTEX_M4.cycles(&products, false), 3);
    }

    #[test]
    fn several_registers_take_one_cycle_each_and_one_more() {
        let moves = block(&["ldm r0!, {r1, r2, r3}", "ldrd r4, r5, [r6]", "pop {r4, pc}"]);
        assert_eq!(CORTEX_M4.cycles(&moves, true), 4 + 3 + 5);
    }
}
