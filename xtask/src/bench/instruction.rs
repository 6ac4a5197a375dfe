//! One instruction as QEMU disassembles it, and what matters of it for words and cycles.

/// What kind of work an instruction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Anything that the other kinds are not: arithmetic, shifts, saturation, the dual multiplications of the DSP cores.
    Simple,
    /// A sum and a product of 32 bits.
    MultiplyAccumulate,
    /// A product of 64 bits.
    MultiplyLong,
    /// A division.
    Divide,
    /// One register from memory, a word or less of it.
    Load,
    /// One register to memory; `indexed` by another register.
    Store {
        /// Whether the address is the sum of two registers.
        indexed: bool,
    },
    /// Several registers from or to memory.
    Multiple {
        /// How many.
        registers: u32,
    },
    /// A jump, whether it is taken or not.
    Branch {
        /// Whether it leaves a return address.
        links: bool,
    },
}

/// An instruction of a translated block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// Where it lies.
    pub(crate) address: u32,
    /// Its length in bytes.
    pub(crate) bytes: u32,
    /// Mnemonic and operands.
    pub(crate) text: String,
    /// Its kind.
    pub(crate) operation: Operation,
    /// Whether it loads the program counter.
    pub(crate) loads_pc: bool,
}

impl Instruction {
    /// Reads a line such as `0x000004c8:  fb2c 6704  smlad    r7, ip, r4, r6` or
    /// `0x80000010:  f1402573          csrrs                   a0,mhartid,zero`.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let (address, rest) = line.strip_prefix("0x")?.split_once(':')?;
        let address = u32::from_str_radix(address, 16).ok()?;
        let mut rest = rest.trim_start();
        let mut bytes = 0;
        // Code comes in groups of two or four bytes; a long Arm instruction has two groups.
        while let Some((group, after)) = rest.split_once(' ') {
            let is_code = matches!(group.len(), 4 | 8) && u32::from_str_radix(group, 16).is_ok();
            let is_second = bytes == 2;
            if !is_code || bytes == 4 || (is_second && group.len() != 4) {
                break;
            }
            bytes += group.len() as u32 / 2;
            rest = after.trim_start();
        }
        let text = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        if bytes == 0 || text.is_empty() {
            return None;
        }
        let (operation, loads_pc) = classify(&text);
        Some(Self { address, bytes, text, operation, loads_pc })
    }

    /// Registers that it moves from or to memory.
    pub(crate) fn words(&self) -> u32 {
        match self.operation {
            Operation::Load | Operation::Store { .. } => 1,
            Operation::Multiple { registers } => registers,
            _ => 0,
        }
    }

    /// The mnemonic.
    pub(crate) fn mnemonic(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }
}

const CONDITIONS: [&str; 16] =
    ["eq", "ne", "hs", "cs", "lo", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"];

/// Jumps of RISC-V; those of Arm are `b`, alone or with a condition, and the few below.
const RISC_V_BRANCHES: [&str; 21] = [
    "beq", "bne", "blt", "bge", "bltu", "bgeu", "beqz", "bnez", "blez", "bgez", "bltz", "bgtz", "bgt", "ble", "bgtu",
    "bleu", "j", "jr", "ret", "jal", "jalr",
];

fn classify(text: &str) -> (Operation, bool) {
    let (mnemonic, operands) = text.split_once(' ').unwrap_or((text, ""));
    let name = mnemonic.strip_suffix(".w").unwrap_or(mnemonic);
    let to_pc = operands == "pc" || operands.starts_with("pc,");
    let in_list = |register: &str| operands.split(['{', '}', ',', ' ']).any(|word| word == register);
    if ["ldm", "stm", "push", "pop"].iter().any(|start| name.starts_with(start)) {
        let list = operands.split_once('{').map_or("", |(_, list)| list);
        let registers = list.trim_end_matches('}').split(',').filter(|word| !word.trim().is_empty()).count() as u32;
        let loads = name.starts_with("ldm") || name.starts_with("pop");
        return (Operation::Multiple { registers }, loads && in_list("pc"));
    }
    if name.starts_with("ldrd") || name.starts_with("strd") {
        return (Operation::Multiple { registers: 2 }, false);
    }
    if name.starts_with("ldr") || ["lb", "lh", "lw", "lbu", "lhu"].contains(&name) {
        return (Operation::Load, to_pc);
    }
    if name.starts_with("str") || ["sb", "sh", "sw"].contains(&name) {
        let inside = operands.split_once('[').map_or("", |(_, address)| address);
        let indexed = inside.split_once(',').is_some_and(|(_, index)| !index.trim_start().starts_with('#'));
        return (Operation::Store { indexed }, false);
    }
    let is_arm_branch = name == "b" || name.strip_prefix('b').is_some_and(|rest| CONDITIONS.contains(&rest));
    let links = matches!(name, "bl" | "blx" | "jal" | "jalr");
    let other_branch = links || name.starts_with("bx") || matches!(name, "cbz" | "cbnz" | "tbb" | "tbh");
    if is_arm_branch || other_branch || RISC_V_BRANCHES.contains(&name) || (to_pc && name.starts_with("mov")) {
        return (Operation::Branch { links }, false);
    }
    let operation = match name {
        _ if name.starts_with("mla") || name.starts_with("mls") => Operation::MultiplyAccumulate,
        "smull" | "umull" | "smlal" | "umlal" | "umaal" => Operation::MultiplyLong,
        _ if name.starts_with("sdiv") || name.starts_with("udiv") => Operation::Divide,
        _ => Operation::Simple,
    };
    (operation, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Instruction {
        Instruction::read(line).unwrap()
    }

    #[test]
    fn lines_of_arm_and_risc_v_are_read() {
        let smlad = read("0x000004c8:  fb2c 6704  smlad    r7, ip, r4, r6");
        assert_eq!((smlad.address, smlad.bytes, smlad.text.as_str()), (0x4c8, 4, "smlad r7, ip, r4, r6"));
        assert_eq!((smlad.operation, smlad.words(), smlad.mnemonic()), (Operation::Simple, 0, "smlad"));
        assert_eq!(read("0x00003b90:  466f       mov      r7, sp").bytes, 2);
        let load = read("0x0000100c:  0202a583          lw                      a1,32(t0)");
        assert_eq!((load.bytes, load.operation), (4, Operation::Load));
        assert_eq!(read("0x80000004:  8082              ret").operation, Operation::Branch { links: false });
        assert_eq!(Instruction::read("Trace 0: 0x7fc4f8000100 [00800408/00000400/00000110/ff000200] Reset"), None);
    }

    #[test]
    fn registers_moved_are_counted() {
        assert_eq!(read("0x0:  e8be 000f  ldm.w    lr!, {r0, r1, r2, r3}").words(), 4);
        assert_eq!(read("0x0:  e9d0 2300  ldrd     r2, r3, [r0]").words(), 2);
        assert_eq!(read("0x0:  b580       push     {r7, lr}").words(), 2);
        assert_eq!(read("0x0:  f850 3001  ldr.w    r3, [r0, r1]").words(), 1);
        let pop = read("0x0:  bd80       pop      {r7, pc}");
        assert_eq!((pop.words(), pop.loads_pc), (2, true));
        assert!(read("0x0:  f8dd f00c  ldr.w    pc, [sp, #0xc]").loads_pc);
    }

    #[test]
    fn kinds_are_told_apart_by_their_names() {
        let kind = |text: &str| classify(text).0;
        assert_eq!(kind("bic r0, r2, #0x1f"), Operation::Simple);
        assert_eq!(kind("blt #0x10"), Operation::Branch { links: false });
        assert_eq!(kind("bl #0x10"), Operation::Branch { links: true });
        assert_eq!(kind("mla r4, r3, r8, r6"), Operation::MultiplyAccumulate);
        assert_eq!(kind("smlabb r4, r3, r8, r6"), Operation::Simple);
        assert_eq!(kind("smull r10, r11, r4, r0"), Operation::MultiplyLong);
        assert_eq!(kind("str r4, [r0, r2]"), Operation::Store { indexed: true });
        assert_eq!(kind("strh r4, [r2], #2"), Operation::Store { indexed: false });
    }
}
