//! The emulated boards, behind one face: what the programs on them need besides the codec.
//!
//! | board | core | target | RAM | flash |
//! |---|---|---|---|---|
//! | mps2-an386 | Cortex-M4F | `thumbv7em-none-eabihf` | 64 KiB of 4 MiB | 512 KiB of 4 MiB |
//! | mps2-an500 | Cortex-M7 | `thumbv7em-none-eabihf`, the image of mps2-an386 | 64 KiB of 4 MiB | 512 KiB of 4 MiB |
//! | mps2-an505 | Cortex-M33 | `thumbv8m.main-none-eabihf` | 64 KiB | 512 KiB |
//! | stm32vldiscovery | Cortex-M3 | `thumbv7m-none-eabi` | 8 KiB | 128 KiB |
//! | mps2-an385 | Cortex-M3 | `thumbv7m-none-eabi` and, to count, `thumbv6m-none-eabi`; with `VQ_BOARD=mps2-an385` | 64 KiB of 4 MiB | 512 KiB of 4 MiB |
//! | microbit | Cortex-M0 | `thumbv6m-none-eabi` | 16 KiB | 256 KiB |
//! | virt | RV32IMAC | `riscv32imac-unknown-none-elf` | 64 KiB of 128 MiB | 512 KiB |
//!
//! A program is `#[entry] fn main() -> !`, ends with [`exit`], and its package's `build.rs` prints
//! `cargo:rustc-link-arg-bins=-Tlink.x`. A panic and a fault end it too, with a line for the host and a failing status.
#![no_std]

pub mod arguments;
mod boards;
pub mod clock;
pub mod console;
#[cfg(target_arch = "arm")]
#[path = "cortex_m.rs"]
mod core_specific;
#[cfg(target_arch = "riscv32")]
#[path = "riscv.rs"]
mod core_specific;
mod end;
pub mod file;
pub mod meter;
pub mod stack;
pub mod trace;

pub use core_specific::entry;
pub use end::exit;
