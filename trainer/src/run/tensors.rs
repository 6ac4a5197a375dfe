//! Checkpoints as plain numbers: safetensors files that Python opens too, read and written without libtorch.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, View};

use super::{RunError, read, write_atomically};

/// The key of a checkpoint's own record in the file's metadata.
const STATE: &str = "state";

/// A tensor of 32-bit floats in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainTensor {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// The values, as many as the product of the sizes.
    pub values: Vec<f32>,
}

/// Tensors by name.
pub type NamedTensors = BTreeMap<String, PlainTensor>;

/// What a checkpoint file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorFile {
    /// The tensors.
    pub tensors: NamedTensors,
    /// A JSON text that belongs to them, such as the step they are of; empty if the file has none.
    pub state: String,
}

impl TensorFile {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// If the file cannot be read, is not a safetensors file, or holds tensors of another type than 32-bit floats.
    pub fn load(path: &Path) -> Result<Self, RunError> {
        let malformed = |what: String| RunError::Malformed { file: path.to_path_buf(), what };
        let bytes = read(path)?;
        let not_safetensors = |error| malformed(format!("not a safetensors file, or cut short: {error}"));
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(not_safetensors)?;
        let state = metadata.metadata().as_ref().and_then(|entries| entries.get(STATE)).cloned().unwrap_or_default();
        let mut tensors = NamedTensors::new();
        for (name, view) in SafeTensors::deserialize(&bytes).map_err(not_safetensors)?.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(malformed(format!("tensor `{name}` holds {:?}, not 32-bit floats", view.dtype())));
            }
            let values =
                view.data().chunks_exact(4).map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]]));
            tensors.insert(name.into(), PlainTensor { shape: view.shape().to_vec(), values: values.collect() });
        }
        Ok(Self { tensors, state })
    }

    /// Writes the checkpoint, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RunError> {
        let metadata = (!self.state.is_empty()).then(|| HashMap::from([(STATE.to_string(), self.state.clone())]));
        let bytes = safetensors::serialize(&self.tensors, metadata).map_err(|error| RunError::Malformed {
            file: path.to_path_buf(),
            what: format!("the tensors do not fit the format: {error}"),
        })?;
        write_atomically(path, &bytes)
    }
}

impl View for &PlainTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        4 * self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let tensor = PlainTensor { shape: vec![2, 3], values: vec![0.1, -0.0, f32::MIN_POSITIVE, 1e30, 7.0, -3.5] };
        let file = TensorFile {
            tensors: NamedTensors::from([
                ("encoder.layer1.weight".to_string(), tensor),
                ("empty".to_string(), PlainTensor { shape: vec![0], values: vec![] }),
            ]),
            state: r#"{"step":3}"#.into(),
        };
        file.save(&path).unwrap();
        assert_eq!(TensorFile::load(&path).unwrap(), file);
    }

    #[test]
    fn a_cut_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.safetensors");
        let tensor = PlainTensor { shape: vec![4], values: vec![1.0; 4] };
        let file = TensorFile { tensors: NamedTensors::from([("a".to_string(), tensor)]), state: String::new() };
        file.save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let message = TensorFile::load(&path).unwrap_err().to_string();
            assert!(message.contains("cut.safetensors"), "{message}");
        }
    }
}
