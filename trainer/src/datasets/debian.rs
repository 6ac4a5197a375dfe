//! Files that a Debian package carries: an `ar` archive (deb(5)) whose member `data.tar.xz` holds them. Nothing is installed.

use std::io::Read;
use std::path::Path;

use lzma_rust2::XzReader;

use super::{DatasetError, malformed};

/// The archive that every mirror copies.
const ARCHIVE: &str = "http://deb.debian.org/debian/";
/// What an `ar` archive begins with.
const MAGIC: &[u8] = b"!<arch>\n";
/// Bytes of a member's header.
const HEADER: usize = 60;

/// Where a package is at home, by the folders of packages whose names begin alike.
pub(super) fn address(folders: &[(&str, &str)], package: &str) -> String {
    let folder = folders.iter().find(|(beginning, _)| package.starts_with(beginning)).map_or("", |(_, folder)| folder);
    format!("{ARCHIVE}{folder}{package}")
}

/// The files of a package that `wanted` says of their paths, without a leading `./`, in the order of their paths.
pub(super) fn files(package: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, Vec<u8>)>, DatasetError> {
    let bytes = std::fs::read(package).map_err(DatasetError::io(package, "read"))?;
    let data = member(&bytes, "data.tar.xz").map_err(malformed(package))?;
    unpack(data, wanted)
        .map_err(|error| malformed(package)(format!("holds a data.tar.xz that does not unpack: {error}")))
}

fn member<'a>(archive: &'a [u8], wanted: &str) -> Result<&'a [u8], String> {
    let mut rest = archive.strip_prefix(MAGIC).ok_or("is no Debian package")?;
    while !rest.is_empty() {
        let header = rest.get(..HEADER).ok_or("is cut in a header")?;
        let text = |from: usize, to: usize| String::from_utf8_lossy(&header[from..to]).trim_end().to_owned();
        let size: usize = text(48, 58).parse().map_err(|_| "has a member without a size")?;
        let content = rest[HEADER..].get(..size).ok_or("is cut")?;
        if text(0, 16).trim_end_matches('/') == wanted {
            return Ok(content);
        }
        // Members begin at even places.
        rest = rest.get(HEADER + size.next_multiple_of(2)..).unwrap_or_default();
    }
    Err(format!("has no {wanted}"))
}

fn unpack(data: &[u8], wanted: impl Fn(&str) -> bool) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    // To its end, where its checksums are.
    let mut unpacked = Vec::new();
    XzReader::new(data, true).read_to_end(&mut unpacked)?;
    let mut archive = tar::Archive::new(unpacked.as_slice());
    let mut files = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        if entry.header().entry_type().is_file() && wanted(&path) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.push((path, bytes));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use lzma_rust2::{XzOptions, XzWriter};

    use super::*;

    /// A package of these files.
    pub(in super::super) fn package(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, *bytes).unwrap();
        }
        let mut packer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
        packer.write_all(&tar.into_inner().unwrap()).unwrap();
        let data = packer.finish().unwrap();
        let mut archive = MAGIC.to_vec();
        for (name, content) in [("debian-binary", b"2.0\n".as_slice()), ("odd", b"x"), ("data.tar.xz", &data)] {
            archive.extend(format!("{name:<48}{:<10}`\n", content.len()).bytes());
            archive.extend(content);
            archive.resize(archive.len().next_multiple_of(2), b'\n');
        }
        archive
    }

    #[test]
    fn wanted_files_come_in_the_order_of_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.deb");
        std::fs::write(&path, package(&[("usr/b", b"two"), ("usr/c", b"three"), ("usr/a", b"one")])).unwrap();
        let found = files(&path, |path| path != "usr/c").unwrap();
        assert_eq!(found, [("usr/a".to_owned(), b"one".to_vec()), ("usr/b".to_owned(), b"two".to_vec())]);
    }

    #[test]
    fn what_is_cut_or_foreign_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.deb");
        let whole = package(&[("a", b"abc")]);
        for (bytes, reason) in [
            (&b"PK"[..], "no Debian package"),
            (&whole[..whole.len() - 4], "is cut"),
            (&whole[..90], "is cut in a header"),
            (&whole[..72], "has no data.tar.xz"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = files(&path, |_| true).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("p.deb"), "{error}");
        }
        let mut damaged = whole.clone();
        let at = damaged.len() - 30;
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).unwrap();
        assert!(files(&path, |_| true).unwrap_err().to_string().contains("does not unpack"));
    }

    #[test]
    fn packages_are_at_home_in_the_folders_of_their_sources() {
        let folders = [("a-", "pool/main/a/as/"), ("b_", "pool/main/b/b/")];
        assert_eq!(address(&folders, "b_1_all.deb"), "http://deb.debian.org/debian/pool/main/b/b/b_1_all.deb");
    }
}
