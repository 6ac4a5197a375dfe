//! The official wheels of torch, fetched with pip and unpacked without their Python: the part that runs on the CPU.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use zip::ZipArchive;

use super::{libtorch, python};
use crate::process::run;

/// torch itself, and the two NVIDIA libraries that its CPU half is linked against, graphics card or not.
const WHEELS: [&str; 3] = ["torch==2.11.0", "nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"];

/// What pip is to assume about the machine, so that it answers alike under every Python: no Python runs any of it.
const PLATFORM: [&str; 18] = [
    "--no-deps",
    "--only-binary=:all:",
    "--implementation",
    "cp",
    "--python-version",
    "3.12",
    "--abi",
    "cp312",
    "--abi",
    "none",
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux_2_25_x86_64",
    "--platform",
    "manylinux_2_17_x86_64",
    "--platform",
    "manylinux2014_x86_64",
];

/// Folders of which everything is kept, and starts of the names of files that are.
const KEPT: [&str; 8] = [
    "torch/include/",
    "torch/version.py",
    "torch/lib/libtorch.",
    "torch/lib/libtorch_cpu.",
    "torch/lib/libc10.",
    "torch/lib/libgomp",
    "nvidia/cu13/lib/libcudart.",
    "nvidia/cu13/lib/libcupti.",
];

/// Fetches and unpacks the wheels below `folder`, and returns the folder of torch.
///
/// What is under way lies in a folder of this process and takes its name in one step at the end, so that nothing that
/// was interrupted is ever taken for complete.
pub(crate) fn fetch(folder: &Path) -> Result<PathBuf> {
    let complete = folder.join(format!("wheels-{}", libtorch::VERSION));
    if libtorch::check(&complete.join("torch")).is_ok() {
        return Ok(complete.join("torch"));
    }
    if complete.exists() {
        // Something was taken out of it.
        fs::remove_dir_all(&complete).with_context(|| format!("cannot remove {}", complete.display()))?;
    }
    remove_leftovers(folder)?;
    let partial = folder.join(partial_name(process::id()));
    let fetched = fetch_into(&partial, &complete);
    let removed = fs::remove_dir_all(&partial).with_context(|| format!("cannot remove {}", partial.display()));
    fetched.and(removed)?;
    Ok(complete.join("torch"))
}

fn fetch_into(partial: &Path, complete: &Path) -> Result<()> {
    let (downloads, unpacked) = (partial.join("downloads"), partial.join("unpacked"));
    fs::create_dir_all(&unpacked).with_context(|| format!("cannot make {}", unpacked.display()))?;
    let mut pip = python::pip()?;
    println!("  libtorch: fetching torch {} (544 MB, then 0.5 GB in {})", libtorch::VERSION, complete.display());
    println!(
        "  It is the part for the CPU. To train on an NVIDIA GPU, stop here, `pip install torch=={}`",
        libtorch::VERSION
    );
    println!("  and run this command again: it takes the torch of your Python.");
    run(pip.args(["download", "--no-cache-dir"]).args(PLATFORM).arg("-d").arg(&downloads).args(WHEELS))?;
    unpack(&downloads, &unpacked)?;
    fs::write(unpacked.join("ORIGIN.txt"), format!("{}\n", WHEELS.join("\n")))?;
    fs::rename(&unpacked, complete).with_context(|| format!("cannot name {}", complete.display()))
}

fn partial_name(process: u32) -> String {
    format!("partial-{process}")
}

/// Removes what interrupted runs left, but not what another run is busy with.
fn remove_leftovers(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix("partial-")?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Unpacks what is kept of every wheel in `downloads`.
fn unpack(downloads: &Path, unpacked: &Path) -> Result<()> {
    let wheels: Vec<PathBuf> = fs::read_dir(downloads)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    let bar = ProgressBar::no_length()
        .with_style(ProgressStyle::with_template("  unpacking {wide_bar} {bytes}/{total_bytes}")?);
    for wheel in wheels.iter().filter(|path| path.extension() == Some(OsStr::new("whl"))) {
        unpack_wheel(wheel, unpacked, &bar).with_context(|| format!("cannot unpack {}", wheel.display()))?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn unpack_wheel(wheel: &Path, unpacked: &Path, bar: &ProgressBar) -> Result<()> {
    let mut archive = ZipArchive::new(File::open(wheel)?)?;
    let kept: Vec<usize> =
        (0..archive.len()).filter(|&index| archive.name_for_index(index).is_some_and(is_kept)).collect();
    for index in kept {
        let mut entry = archive.by_index(index)?;
        let name = entry.enclosed_name().context("an entry would land outside of the folder")?;
        bar.inc_length(entry.size());
        let path = unpacked.join(name);
        fs::create_dir_all(path.parent().unwrap_or(unpacked))?;
        let mut file = bar.wrap_write(BufWriter::with_capacity(1 << 20, File::create(&path)?));
        io::copy(&mut entry, &mut file).with_context(|| format!("{}", path.display()))?;
        file.flush().with_context(|| format!("{}", path.display()))?;
    }
    Ok(())
}

/// Headers, the CPU's libraries, and the licences of it all.
fn is_kept(name: &str) -> bool {
    let is_licence = name.contains(".dist-info/") && name.contains("/licenses/");
    !name.ends_with('/') && (is_licence || KEPT.iter().any(|start| name.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_part_is_kept() {
        for name in ["torch/lib/libtorch_cpu.so", "torch/include/ATen/ATen.h", "nvidia/cu13/lib/libcudart.so.13"] {
            assert!(is_kept(name), "{name}");
        }
        for name in
            ["torch/lib/libtorch_cuda.so", "torch/nn/init.py", "nvidia/cu13/lib/libcudart_static.a", "torch/include/"]
        {
            assert!(!is_kept(name), "{name}");
        }
        assert!(is_kept("torch-2.11.0.dist-info/licenses/LICENSE"));
        assert!(WHEELS[0].ends_with(libtorch::VERSION));
    }

    #[test]
    fn leftovers_of_dead_processes_go() {
        let folder = std::env::temp_dir().join(format!("microvq-leftovers-{}", process::id()));
        let (dead, alive) = (folder.join(partial_name(u32::MAX)), folder.join(partial_name(process::id())));
        for partial in [&dead, &alive] {
            fs::create_dir_all(partial).unwrap();
        }
        remove_leftovers(&folder).unwrap();
        assert!(!dead.exists());
        assert_eq!(alive.exists(), Path::new("/proc").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
