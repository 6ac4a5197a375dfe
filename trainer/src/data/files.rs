//! Bytes of whole files: read at once, written whole or not at all.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use super::DataError;

/// Whether the user means a pipe.
pub(crate) fn is_pipe(path: &Path) -> bool {
    path == Path::new("-")
}

/// All bytes of a file, or of the standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let done = if is_pipe(path) {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        fs::read(path).map(|all| bytes = all)
    };
    done.map_err(|source| DataError::io(path, "read", source))?;
    Ok(bytes)
}

/// Puts bytes into a file, or on the standard output for `-`. A reader of the file sees the old bytes or all of the
/// new ones, whenever this is interrupted.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let done = if is_pipe(path) {
        let mut output = std::io::stdout().lock();
        output.write_all(bytes).and_then(|()| output.flush())
    } else {
        replace(path, bytes)
    };
    done.map_err(|source| DataError::io(path, "write", source))
}

/// Puts into a file, or on the standard output for `-`, what `make` writes piece by piece. A file appears whole or not at all.
pub(crate) fn write_pieces<T, E: From<DataError>>(
    path: &Path,
    make: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |source| E::from(DataError::io(path, "write", source));
    if is_pipe(path) {
        let mut output = std::io::stdout().lock();
        let made = make(&mut |piece| output.write_all(piece).map_err(failed))?;
        return output.flush().map(|()| made).map_err(failed);
    }
    if is_device(path) {
        let mut device = fs::File::create(path).map_err(failed)?;
        return make(&mut |piece| device.write_all(piece).map_err(failed));
    }
    let mut file = temporary_beside(path).map_err(failed)?;
    let made = make(&mut |piece| file.write_all(piece).map_err(failed))?;
    put_in_place(file, path).map_err(failed)?;
    Ok(made)
}

/// Puts bytes into a file, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if is_device(path) {
        return fs::write(path, bytes);
    }
    let mut file = temporary_beside(path)?;
    file.write_all(bytes)?;
    put_in_place(file, path)
}

/// Whether [`replace`] could write there, as far as can be known before there is what to write.
#[cfg(feature = "train")]
pub(crate) fn can_replace(path: &Path) -> std::io::Result<()> {
    if is_device(path) { Ok(()) } else { temporary_beside(path).map(drop) }
}

/// A device such as /dev/null is written to: a rename would put a file in its place.
fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn temporary_beside(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let problem = format!("there is no folder {}: create it first", folder.display());
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, problem));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".vq-").suffix(".part");
    // Temporary files are private by default; what is made here is as open as the user's umask leaves a new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn put_in_place(file: tempfile::NamedTempFile, path: &Path) -> std::io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn pieces_appear_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write(&path, b"old").unwrap();
        let refused: Result<(), DataError> = write_pieces(&path, |write| {
            write(b"half")?;
            Err(DataError::unsuitable("a.bin", "it stops", "go on"))
        });
        assert!(refused.is_err());
        assert_eq!(read(&path).unwrap(), b"old");
        let made: Result<u8, DataError> = write_pieces(&path, |write| {
            write(b"one ")?;
            write(b"two")?;
            Ok(7)
        });
        assert_eq!((made.unwrap(), read(&path).unwrap()), (7, b"one two".to_vec()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn says_which_file_and_what_was_tried() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(&folder.path().join("absent.csv")).unwrap_err().to_string();
        assert!(error.contains("absent.csv") && error.contains("cannot read"), "{error}");
        let error = write(&folder.path().join("no/such/folder.csv"), b"").unwrap_err().to_string();
        assert!(error.contains("folder.csv") && error.contains("cannot write"), "{error}");
    }
}
