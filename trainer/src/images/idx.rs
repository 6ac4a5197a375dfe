//! IDX files, the format of MNIST: a magic number that tells type and dimensions, the sizes, the bytes; gzipped or not.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::{ImageError, ImageSet, ImageShape};

/// What files of bytes in three dimensions begin with.
const MAGIC: [u8; 4] = [0, 0, 8, 3];
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes before the pixels: the magic number and three sizes.
const HEADER: usize = 16;
/// The most that a file may unpack to: more than any set that fits a workstation, less than a bomb.
const MOST_BYTES: u64 = 1 << 34;

/// A file's name without `.gz`, in lower case.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.strip_suffix(".gz").unwrap_or(&name).to_owned()
}

/// Whether a path is named as IDX files of images are.
pub(super) fn is_idx(path: &Path) -> bool {
    let name = name(path);
    name.ends_with("idx3-ubyte") || name.ends_with(".idx3") || name.ends_with(".idx")
}

/// Whether an IDX file is named as one of images to test with.
pub(super) fn is_test(path: &Path) -> bool {
    let name = name(path);
    name.starts_with("t10k") || name.starts_with("test")
}

/// The images of files, one after the other.
pub(super) fn open(paths: &[PathBuf]) -> Result<ImageSet, ImageError> {
    let mut all: Option<ImageSet> = None;
    for path in paths {
        let set = read(path)?;
        all = Some(match all {
            None => set,
            Some(mut all) => {
                if set.shape != all.shape {
                    let what = format!("its images are {}, those of {} are {}", set.shape, all.names[0], all.shape);
                    return Err(malformed(path, what));
                }
                all.pixels.extend(set.pixels);
                all.names.extend(set.names);
                all
            }
        });
    }
    all.ok_or_else(|| malformed(Path::new("-"), "no file was named".into()))
}

fn read(path: &Path) -> Result<ImageSet, ImageError> {
    let bytes = std::fs::read(path).map_err(ImageError::io(path, "read"))?;
    let bytes = if bytes.starts_with(&GZIP) { unpack(path, &bytes)? } else { bytes };
    if !bytes.starts_with(&MAGIC) || bytes.len() < HEADER {
        return Err(malformed(
            path,
            "not an IDX file of images (bytes in three dimensions); is it one of labels?".into(),
        ));
    }
    let size = |index: usize| {
        let at = 4 + 4 * index;
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
    };
    let [count, height, width] = [size(0), size(1), size(2)];
    let wanted = count.checked_mul(height).and_then(|product| product.checked_mul(width));
    if wanted != Some(bytes.len() - HEADER) || count == 0 || height == 0 || width == 0 {
        let held = bytes.len() - HEADER;
        let what = format!(
            "its header says {count} images of {height} by {width}, and it holds {held} pixels: it is cut or damaged"
        );
        return Err(malformed(path, what));
    }
    let label = path.display();
    Ok(ImageSet {
        shape: ImageShape { channels: 1, height, width },
        pixels: bytes[HEADER..].to_vec(),
        names: (0..count).map(|index| format!("{label} image {index}")).collect(),
    })
}

fn unpack(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut unpacked = Vec::new();
    let mut reader = GzDecoder::new(bytes).take(MOST_BYTES);
    match reader.read_to_end(&mut unpacked) {
        Ok(_) => Ok(unpacked),
        Err(error) => Err(malformed(path, format!("cannot unpack it: {error}; fetch it again"))),
    }
}

fn malformed(path: &Path, what: String) -> ImageError {
    ImageError::Malformed { path: path.to_owned(), what }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    const TWO: [u8; 24] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];

    #[test]
    fn packed_and_plain_files_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&TWO).unwrap();
        let packed = file(folder.path(), "a-idx3-ubyte.gz", &packer.finish().unwrap());
        let plain = file(folder.path(), "a-idx3-ubyte", &TWO);
        let [packed, plain] = [packed, plain].map(|path| open(&[path]).unwrap());
        assert_eq!(packed.pixels, plain.pixels);
        assert_eq!((plain.len(), plain.image(1)), (2, &[5u8, 6, 7, 8][..]));
    }

    #[test]
    fn cut_files_and_labels_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refuse = |bytes: &[u8]| open(&[file(folder.path(), "a.idx", bytes)]).unwrap_err().to_string();
        for length in 0..HEADER {
            assert!(refuse(&TWO[..length]).contains("not an IDX file"));
        }
        assert!(refuse(&TWO[..23]).contains("holds 7 pixels"));
        assert!(refuse(&[0, 0, 8, 1, 0, 0, 0, 2, 1, 2]).contains("labels"));
        let huge = [&[0, 0, 8, 3], &[0xff; 12][..]].concat();
        assert!(refuse(&huge).contains("cut or damaged"));
    }
}
