//! Chooses the board and puts its memory map where the linker looks.

use std::path::PathBuf;
use std::{env, fs, process};

/// A board's name, the memory map in `memory/`, and what the targets it can run start with.
struct Board {
    name: &'static str,
    memory: &'static str,
    targets: &'static [&'static str],
}

/// The first one that can run a target is that target's, unless VQ_BOARD names another.
const BOARDS: [Board; 6] = [
    Board { name: "mps2-an386", memory: "mps2.x", targets: &["thumbv7em"] },
    Board { name: "mps2-an505", memory: "mps2-an505.x", targets: &["thumbv8m"] },
    Board { name: "stm32vldiscovery", memory: "stm32vldiscovery.x", targets: &["thumbv7m"] },
    Board { name: "microbit", memory: "microbit.x", targets: &["thumbv6m"] },
    Board { name: "virt", memory: "virt.x", targets: &["riscv32"] },
    Board { name: "mps2-an385", memory: "mps2.x", targets: &["thumbv7m", "thumbv6m"] },
];

fn main() {
    if let Err(problem) = place_memory_map() {
        eprintln!("{problem}");
        process::exit(1);
    }
}

fn place_memory_map() -> Result<(), String> {
    let names = BOARDS.map(|board| board.name);
    println!("cargo:rustc-check-cfg=cfg(board, values(\"{}\"))", names.join("\", \""));
    println!("cargo:rerun-if-env-changed=VQ_BOARD");
    println!("cargo:rerun-if-changed=memory");
    let target = env::var("TARGET").map_err(|_| "cargo did not set TARGET")?;
    let runs = |board: &&Board| board.targets.iter().any(|prefix| target.starts_with(prefix));
    let board = match env::var("VQ_BOARD").ok().filter(|name| !name.is_empty()) {
        Some(name) => BOARDS
            .iter()
            .find(|board| board.name == name)
            .ok_or_else(|| format!("VQ_BOARD is {name}; the boards are {}", names.join(", ")))
            .and_then(|board| {
                runs(&board).then_some(board).ok_or_else(|| format!("VQ_BOARD is {name}, which does not run {target}"))
            })?,
        None => BOARDS.iter().find(runs).ok_or_else(|| format!("no emulated board runs {target}"))?,
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    let map = format!("memory/{}", board.memory);
    fs::copy(&map, out.join("memory.x")).map_err(|error| format!("cannot copy {map}: {error}"))?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-cfg=board=\"{}\"", board.name);
    Ok(())
}
