//! What libtorch needs of the process: settings that it and the C library read before `main`, its threads, its devices.
//!
//! This crate has no unsafe code, so it neither sets variables of the running process nor loads libraries into it. It
//! starts itself anew with the right environment instead: the process stays the same one, its number and its terminal
//! too.

use std::path::{Path, PathBuf};
use std::process::Command;

use tch::{Cuda, Device};

use super::TrainError;

/// The dynamic loader's list of libraries to load first.
const PRELOAD: &str = "LD_PRELOAD";

/// What a user whose CUDA is not found can do.
const CUDA_NEEDS: &str = "CUDA needs an NVIDIA driver and all of libtorch's CUDA libraries: the torch wheel with its nvidia \
     packages, or a Python installation of torch, linked to .libtorch/torch. Where libtorch_cuda.so is not beside \
     libtorch_cpu.so, start with LD_PRELOAD=/path/to/libtorch_cuda.so. --device cpu works without";

/// Read once, when a process starts.
const SETTINGS: [(&str, &str); 3] = [
    // OpenMP threads that wait by spinning take the cores from those that work.
    ("OMP_WAIT_POLICY", "passive"),
    // Buffers of a training step are given back and taken again in every step; without these, each time to the system.
    ("MALLOC_TRIM_THRESHOLD_", "1073741824"),
    ("MALLOC_MMAP_THRESHOLD_", "1073741824"),
];

/// Starts this program anew if the environment lacks what training on `device` needs; settings that the user made stay.
/// Does nothing where that is not possible.
///
/// # Errors
/// If libtorch's CUDA library is needed and cannot be loaded, or the system refuses to start the program.
pub fn prepare_process(device: &str) -> Result<(), TrainError> {
    let refuse = |what: String| TrainError::Device { device: device.into(), what };
    let mut missing: Vec<(&str, String)> = SETTINGS
        .into_iter()
        .filter(|(name, _)| std::env::var_os(name).is_none())
        .map(|(name, value)| (name, value.to_string()))
        .collect();
    if let (Some(Device::Cuda(_)), Some(preload)) = (named(device), cuda_preload()) {
        // A library that cannot be loaded first would keep the program from starting at all.
        try_preload(&preload)
            .map_err(|reason| refuse(format!("{preload} cannot be loaded: {reason}\n{CUDA_NEEDS}")))?;
        missing.push((PRELOAD, preload));
    }
    if missing.is_empty() {
        return Ok(());
    }
    start_anew(missing).map_err(|error| refuse(format!("cannot start anew with libtorch's settings: {error}")))
}

/// Runs this program with `preload` just far enough to see whether it starts.
fn try_preload(preload: &str) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let tried = Command::new(program).arg("--version").env(PRELOAD, preload).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(unix)]
fn start_anew(environment: Vec<(&str, String)>) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    let program = std::env::current_exe()?;
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    Err(command.args(arguments).envs(environment).exec())
}

#[cfg(not(unix))]
fn start_anew(_: Vec<(&str, String)>) -> std::io::Result<()> {
    Ok(())
}

/// The device that `name` stands for, whether it is there or not.
fn named(name: &str) -> Option<Device> {
    match name {
        "cpu" => Some(Device::Cpu),
        "cuda" => Some(Device::Cuda(0)),
        _ => name.strip_prefix("cuda:")?.parse().ok().map(Device::Cuda),
    }
}

/// The device that `name` stands for: `cpu`, `cuda`, `cuda:1`.
///
/// # Errors
/// If there is no such device.
pub fn device(name: &str) -> Result<Device, TrainError> {
    let refuse = |what: String| Err(TrainError::Device { device: name.into(), what });
    match named(name) {
        None => refuse("there is no such device; say cpu, cuda or cuda:1".into()),
        Some(Device::Cuda(_)) if !Cuda::is_available() => refuse(format!("libtorch finds no CUDA.\n{CUDA_NEEDS}")),
        Some(Device::Cuda(index)) if index as i64 >= Cuda::device_count() => {
            refuse(format!("there are {} CUDA devices, counted from 0", Cuda::device_count()))
        }
        Some(device) => Ok(device),
    }
}

/// Sets how many threads libtorch computes with; 0 stands for every core.
pub fn set_threads(wanted: usize) {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if wanted == 0 { cores() } else { wanted };
    tch::set_num_threads(i32::try_from(threads).unwrap_or(1));
}

/// The version of the libtorch in use, from the file beside its libraries; "unknown" where that is not there.
pub fn torch_version() -> String {
    let version = || {
        let text = std::fs::read_to_string(libtorch_folder()?.parent()?.join("version.py")).ok()?;
        let line = text.lines().find(|line| line.starts_with("__version__"))?;
        Some(line.split(['\'', '"']).nth(1)?.to_string())
    };
    version().unwrap_or_else(|| "unknown".into())
}

/// What [`PRELOAD`] must be so that CUDA is there: nothing links against that library, so nothing else loads it.
fn cuda_preload() -> Option<String> {
    let library = libtorch_folder()?.join("libtorch_cuda.so");
    let library = library.exists().then(|| library.display().to_string())?;
    let before = std::env::var(PRELOAD).unwrap_or_default();
    if before.split([':', ' ']).any(|loaded| loaded.ends_with("libtorch_cuda.so")) {
        return None;
    }
    Some(if before.is_empty() { library } else { format!("{library}:{before}") })
}

/// The folder that this process loaded libtorch from, where the system tells (Linux).
fn libtorch_folder() -> Option<PathBuf> {
    folder_in_maps(&std::fs::read_to_string("/proc/self/maps").ok()?)
}

fn folder_in_maps(maps: &str) -> Option<PathBuf> {
    let line = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"))?;
    let path = &line[line.find('/')?..];
    Path::new(path).parent().map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_libtorch_is_found_in_the_map_of_the_process() {
        let maps = "55d0-55d1 r--p 00000000 fe:01 1 /usr/bin/vq\n\
                    7f00-7f01 r-xp 00001000 fe:01 2                  /opt/my torch/lib/libtorch_cpu.so\n";
        assert_eq!(folder_in_maps(maps), Some(PathBuf::from("/opt/my torch/lib")));
        assert_eq!(folder_in_maps("7f00-7f01 r-xp 0 0 0 [heap]\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_knows_its_libtorch() {
        tch::manual_seed(0);
        assert!(torch_version().starts_with("2."), "{}", torch_version());
    }

    #[test]
    fn devices_that_do_not_exist_are_refused_with_what_to_do() {
        assert_eq!(device("cpu").unwrap(), Device::Cpu);
        for name in ["gpu", "cuda:x", "cuda1"] {
            let message = device(name).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("cpu"), "{message}");
        }
        if !Cuda::is_available() {
            let message = device("cuda").unwrap_err().to_string();
            assert!(message.contains("LD_PRELOAD"), "{message}");
        }
    }
}
