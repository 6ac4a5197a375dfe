//! What an image takes of the chip, read from the linked file.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::elf::{SHF_ALLOC, SHF_WRITE, SHT_NOBITS};
use object::read::elf::ElfFile32;
use object::{Endianness, Object, ObjectSection, SectionFlags};

/// Bytes of flash and of static RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Code, constants, the model, and the starting values of variables.
    pub(crate) flash: u64,
    /// Variables. The stack is what is left.
    pub(crate) ram: u64,
}

impl Display for Sizes {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "flash {} bytes (model included), static RAM {} bytes", self.flash, self.ram)
    }
}

/// Reads the sizes of a linked image.
pub(crate) fn sizes(image: &Path) -> Result<Sizes> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    sizes_in(&bytes).with_context(|| format!("{} is no image for a 32-bit core", image.display()))
}

/// The sizes of the sections of these names in a linked image; 0 of one that it does not have.
pub(crate) fn sections<const COUNT: usize>(image: &Path, names: [&str; COUNT]) -> Result<[u64; COUNT]> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let file = ElfFile32::<Endianness>::parse(bytes.as_slice())
        .with_context(|| format!("{} is no image for a 32-bit core", image.display()))?;
    Ok(names.map(|name| file.section_by_name(name).map_or(0, |section| section.size())))
}

fn sizes_in(bytes: &[u8]) -> Result<Sizes> {
    let file = ElfFile32::<Endianness>::parse(bytes)?;
    let mut sizes = Sizes { flash: 0, ram: 0 };
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
        if sh_flags & u64::from(SHF_ALLOC) == 0 {
            continue;
        }
        let has_contents = section.elf_section_header().sh_type.get(file.endian()) != SHT_NOBITS;
        if has_contents {
            sizes.flash += section.size();
        }
        if sh_flags & u64::from(SHF_WRITE) != 0 {
            sizes.ram += section.size();
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 32-bit little-endian ELF with these sections: type, flags, size. No contents: only headers are read.
    fn elf(sections: &[(u32, u32, u32)]) -> Vec<u8> {
        const HEADER: usize = 52;
        let mut bytes = vec![0; HEADER];
        bytes[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
        bytes[16] = 2; // an executable
        bytes[18] = 40; // for Arm
        bytes[20] = 1;
        bytes[32] = HEADER as u8; // section headers follow
        bytes[40] = HEADER as u8;
        bytes[46] = 40; // bytes per section header
        bytes[48] = 2 + sections.len() as u8;
        bytes[50] = 1; // the first section after none has the names
        bytes.extend([0; 40]);
        for (kind, flags, size) in [(object::elf::SHT_STRTAB, 0, 0)].iter().chain(sections) {
            for word in [0, *kind, *flags, 0, 0, *size, 0, 0, 4, 0] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    }

    #[test]
    fn text_and_data_are_flash_and_data_and_bss_are_ram() {
        const CONTENTS: u32 = object::elf::SHT_PROGBITS;
        let text = (CONTENTS, SHF_ALLOC, 1000);
        let data = (CONTENTS, SHF_ALLOC | SHF_WRITE, 20);
        let bss = (SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 300);
        let debug = (CONTENTS, 0, 70_000);
        assert_eq!(sizes_in(&elf(&[text, data, bss, debug])).unwrap(), Sizes { flash: 1020, ram: 320 });
        assert!(sizes_in(b"#!/bin/sh").is_err());
    }
}
