//! Reads what NumPy pickles: numbers, texts, lists, dictionaries and arrays of them, in protocol 2. Nothing that a file names is executed.
//!
//! The instructions are those of Python's `pickletools`; an object that no set here holds is an error.

use std::collections::HashMap;
use std::rc::Rc;

/// A value of a pickle.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dictionary(Vec<(Value, Value)>),
    /// Module and name, which stand for themselves.
    Global(String),
    /// An array's type as NumPy abbreviates it, such as `f8`.
    Type(Rc<str>),
    /// A NumPy array.
    Array(Array),
}

/// A NumPy array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    /// Lengths of its axes.
    pub(super) shape: Vec<usize>,
    /// Whether its first axis changes fastest in the content, and not its last.
    pub(super) column_major: bool,
    /// Type of its elements, as [`Value::Type`] tells it.
    kind: Rc<str>,
    /// Bytes, or a list of objects.
    pub(super) content: Box<Value>,
}

impl Array {
    /// Bytes of an array of numbers of one type, little-endian.
    pub(super) fn bytes(&self, kind: &str) -> Result<&[u8], String> {
        match &*self.content {
            Value::Bytes(bytes) if &*self.kind == kind => Ok(bytes),
            _ => Err(format!("holds an array of `{}` where `{kind}` was expected", self.kind)),
        }
    }
}

impl Value {
    /// The value of a dictionary's key.
    pub(super) fn get(&self, key: &str) -> Result<&Value, String> {
        let Self::Dictionary(pairs) = self else { return Err("holds no dictionary".into()) };
        let found = pairs.iter().find(|(name, _)| matches!(name, Self::Text(text) if &**text == key));
        found.map(|(_, value)| value).ok_or_else(|| format!("has no `{key}`"))
    }

    /// A list's values.
    pub(super) fn list(&self) -> Result<&[Value], String> {
        match self {
            Self::List(values) => Ok(values),
            _ => Err("holds something else where a list was expected".into()),
        }
    }

    /// An array.
    pub(super) fn array(&self) -> Result<&Array, String> {
        match self {
            Self::Array(array) => Ok(array),
            _ => Err("holds something else where an array was expected".into()),
        }
    }
}

/// Reads a pickle.
///
/// # Errors
/// In words that go on after the file's name.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    Machine { bytes, at: 0, stack: Vec::new(), marks: Vec::new(), memory: HashMap::new() }.run()
}

/// The stack machine that a pickle is a program of.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memory: HashMap<usize, Value>,
}

impl Machine<'_> {
    fn run(mut self) -> Result<Value, String> {
        loop {
            let place = self.at;
            match self.take(1)?[0] {
                b'.' => return self.pop(),
                instruction => self.step(instruction).map_err(|what| format!("{what} (byte {place})"))?,
            }
        }
    }

    fn step(&mut self, instruction: u8) -> Result<(), String> {
        let value = match instruction {
            0x80 => return self.take(1).map(drop),
            b'(' => {
                self.marks.push(self.stack.len());
                return Ok(());
            }
            b'q' | b'r' => {
                let place = self.number(if instruction == b'q' { 1 } else { 4 })?;
                let top = self.stack.last().cloned().ok_or("ends too early")?;
                self.memory.insert(place, top);
                return Ok(());
            }
            b'h' | b'j' => {
                let place = self.number(if instruction == b'h' { 1 } else { 4 })?;
                self.memory.get(&place).cloned().ok_or("uses a value that it does not hold")?
            }
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(self.number(1)? as i64),
            b'M' => Value::Int(self.number(2)? as i64),
            b'J' => Value::Int(i64::from(self.number(4)? as u32 as i32)),
            b'X' => {
                let length = self.number(4)?;
                Value::Text(std::str::from_utf8(self.take(length)?).map_err(|_| "holds a broken text")?.into())
            }
            b'c' => Value::Global(format!("{} {}", self.line()?, self.line()?)),
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dictionary(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            0x85..=0x87 => Value::Tuple(self.last(usize::from(instruction - 0x84))?),
            b't' => Value::Tuple(self.marked()?),
            b'a' => {
                let value = self.pop()?;
                return self.append(vec![value]);
            }
            b'e' => {
                let values = self.marked()?;
                return self.append(values);
            }
            b'u' => return self.set_items(),
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            other => return Err(format!("holds the instruction {other:#04x}, which none of these sets has")),
        };
        self.stack.push(value);
        Ok(())
    }

    fn append(&mut self, values: Vec<Value>) -> Result<(), String> {
        match self.stack.last_mut() {
            Some(Value::List(list)) => list.extend(values),
            _ => return Err("appends to something that is no list".into()),
        }
        Ok(())
    }

    fn set_items(&mut self) -> Result<(), String> {
        let mut values = self.marked()?.into_iter();
        let Some(Value::Dictionary(pairs)) = self.stack.last_mut() else {
            return Err("has items of no dictionary".into());
        };
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            pairs.push((key, value));
        }
        Ok(())
    }

    /// A call of one of the three functions that NumPy's arrays are made with.
    fn reduce(&mut self) -> Result<Value, String> {
        let arguments = self.pop()?;
        let (Value::Global(name), Value::Tuple(arguments)) = (self.pop()?, arguments) else {
            return Err("calls something that is no function".into());
        };
        match (name.as_str(), arguments.as_slice()) {
            ("_codecs encode", [Value::Text(text), Value::Text(encoding)]) if &**encoding == "latin1" => {
                let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
                Ok(Value::Bytes(bytes.map_err(|_| "holds a broken text")?.into()))
            }
            ("numpy dtype", [Value::Text(kind), ..]) => Ok(Value::Type(kind.clone())),
            ("numpy.core.multiarray _reconstruct", _) => {
                let (shape, kind, content) = (Vec::new(), "".into(), Box::new(Value::None));
                Ok(Value::Array(Array { shape, column_major: false, kind, content }))
            }
            _ => Err(format!("calls `{name}`, which none of these sets needs")),
        }
    }

    /// The state of an array or of a type.
    fn build(&mut self) -> Result<Value, String> {
        let Value::Tuple(state) = self.pop()? else { return Err("holds an object of an unknown kind".into()) };
        match (self.pop()?, state.as_slice()) {
            (Value::Type(kind), [_, Value::Text(order), ..]) if matches!(&**order, "<" | "|") => Ok(Value::Type(kind)),
            (Value::Array(..), [_, Value::Tuple(shape), Value::Type(kind), Value::Bool(column_major), content]) => {
                let length = |value: &Value| match value {
                    Value::Int(length) => usize::try_from(*length).map_err(|_| "holds an array of a negative length"),
                    _ => Err("holds an array without a shape"),
                };
                let shape: Result<Vec<usize>, &str> = shape.iter().map(length).collect();
                let (kind, content) = (kind.clone(), Box::new(content.clone()));
                Ok(Value::Array(Array { shape: shape?, column_major: *column_major, kind, content }))
            }
            _ => Err("holds an object of an unknown kind".into()),
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let taken = self.bytes[self.at..].get(..count).ok_or("ends too early")?;
        self.at += count;
        Ok(taken)
    }

    fn number(&mut self, bytes: usize) -> Result<usize, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn line(&mut self) -> Result<String, String> {
        let length = self.bytes[self.at..].iter().position(|byte| *byte == b'\n').ok_or("ends too early")?;
        let line = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "ends too early".into())
    }

    fn last(&mut self, count: usize) -> Result<Vec<Value>, String> {
        let from = self.stack.len().checked_sub(count).ok_or("ends too early")?;
        Ok(self.stack.split_off(from))
    }

    fn marked(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or("ends too early")?;
        Ok(self.stack.split_off(mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_nothing_is_called() {
        let read_text = |text: &[u8]| read(text);
        let expected =
            Value::Dictionary(vec![(Value::Text("a".into()), Value::List(vec![Value::Int(1), Value::None]))]);
        assert_eq!(read_text(b"\x80\x02}(X\x01\0\0\0a](K\x01Neu."), Ok(expected));
        let error = read_text(b"\x80\x02cos\nsystem\nX\x01\0\0\0a\x85R.").unwrap_err();
        assert!(error.contains("calls `os system`"), "{error}");
    }

    #[test]
    fn what_is_cut_or_foreign_is_refused() {
        let whole = b"\x80\x02}(X\x01\0\0\0a](K\x01Neu.";
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
        assert!(read(b"\x80\x02\x95.").unwrap_err().contains("0x95"));
        assert!(read(b"h\x07.").unwrap_err().contains("does not hold"));
    }
}
