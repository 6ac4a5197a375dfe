//! Where things lie in the project.

use std::env;
use std::path::{Path, PathBuf};

/// The project's folders.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// `LIBTORCH` as the user exported it, if so.
    pub(crate) exported_libtorch: Option<PathBuf>,
}

impl Project {
    /// The project that this xtask belongs to.
    pub(crate) fn new() -> Self {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().unwrap_or(Path::new(".")).to_path_buf();
        // `cargo run` sets LIBTORCH from .cargo/config.toml unless it is exported: that value is not the user's.
        let exported_libtorch =
            env::var_os("LIBTORCH").map(PathBuf::from).filter(|exported| *exported != own_libtorch(&root));
        Self { root, exported_libtorch }
    }

    /// Where .cargo/config.toml says that libtorch is.
    pub(crate) fn libtorch(&self) -> PathBuf {
        own_libtorch(&self.root)
    }

    /// The firmware's workspace.
    pub(crate) fn firmware(&self) -> PathBuf {
        self.root.join("firmware")
    }

    /// The models that ship, and their cards.
    pub(crate) fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// The folder into which `cargo build` puts programs: this one is there itself.
    pub(crate) fn programs(&self) -> PathBuf {
        let this = env::current_exe().ok();
        let folder = this.as_deref().and_then(Path::parent);
        folder.map_or_else(|| self.root.join("target").join("debug"), Path::to_path_buf)
    }

    /// A folder for what this program writes down or works on, inside cargo's target folder.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join("target").join("xtask")
    }

    /// `path` as the user would write it in the project's folder.
    pub(crate) fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

fn own_libtorch(root: &Path) -> PathBuf {
    root.join(".libtorch").join("torch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace_and_the_firmware() {
        let project = Project::new();
        assert!(project.root.join(".cargo/config.toml").is_file());
        assert!(project.firmware().join("Cargo.toml").is_file());
        assert_eq!(project.relative(&project.libtorch()), Path::new(".libtorch/torch"));
    }

    #[test]
    fn the_cargo_configuration_names_the_same_libtorch() {
        let config = std::fs::read_to_string(Project::new().root.join(".cargo/config.toml")).unwrap();
        assert!(config.contains("LIBTORCH = { value = \".libtorch/torch\", relative = true }"));
    }
}
