//! Channels of real numbers, as tables and arrays hold them, become counts: every column on a lattice of its own.

use super::lattice::{self, Lattice};
use super::{Channel, DataError};

/// The unit of a column that has a scale but does not say its unit.
const UNKNOWN_UNIT: &str = "unit";

/// How a column's numbers were written, for what it says about their step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    /// As text, with at most so many decimals.
    Decimals(i32),
    /// In binary floating point of 32 bits.
    Single,
    /// In binary floating point of 64 bits.
    Double,
}

/// One channel of real numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    /// The unit, where the file says it.
    pub(super) unit: Option<&'a str>,
    pub(super) values: &'a [f64],
    pub(super) precision: Precision,
}

/// Puts the value before in place of every missing one, and the first one in place of those before it; what was missing is told. What
/// resolution a column has is not changed by that.
///
/// # Errors
/// If more than half of the values are missing.
pub(super) fn fill_gaps(
    file: &str,
    name: &str,
    values: &mut [f64],
    remarks: &mut Vec<String>,
) -> Result<(), DataError> {
    let gaps = Missing::of(values);
    let Some(remark) = gaps.remark(file, name)? else { return Ok(()) };
    let mut last = values.iter().copied().find(|value| value.is_finite()).unwrap_or_default();
    for value in values {
        if value.is_finite() {
            last = *value;
        } else {
            *value = last;
        }
    }
    remarks.push(remark);
    Ok(())
}

/// How many values of a column are missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Missing {
    values: usize,
    missing: usize,
    longest: usize,
    /// Missing ones in a row up to now.
    run: usize,
}

impl Missing {
    fn of(values: &[f64]) -> Self {
        let mut gaps = Self::default();
        values.iter().for_each(|value| gaps.count(*value));
        gaps
    }

    /// Counts the next value.
    pub(super) fn count(&mut self, value: f64) {
        self.values += 1;
        self.run = if value.is_finite() { 0 } else { self.run + 1 };
        self.missing += usize::from(self.run > 0);
        self.longest = self.longest.max(self.run);
    }

    /// What a user should know of it; `None` if all values are there.
    ///
    /// # Errors
    /// If more than half are missing.
    pub(super) fn remark(&self, file: &str, name: &str) -> Result<Option<String>, DataError> {
        let Self { values, missing, longest, .. } = self;
        if missing * 2 > *values {
            return Err(DataError::unsuitable(
                file,
                format!("{missing} of the {values} samples of column `{name}` are missing"),
                "leave the column out with --columns, or cut the file to where it was recorded",
            ));
        }
        Ok((*missing > 0).then(|| {
            format!(
                "column `{name}`: {missing} samples are missing, {longest} in a row at most; the value before is held"
            )
        }))
    }
}

/// The count of a value; `None` if it does not fit.
pub(super) fn count(value: f64, counts_per_unit: f64) -> Option<i32> {
    let count = (value * counts_per_unit).round();
    (count.abs() <= lattice::LARGEST_COUNT).then_some(count as i32)
}

impl Column<'_> {
    /// The channel's counts, and what they mean: in steps of `lsb`, or of the step that the data show. `place` names the frame of
    /// an index for the user.
    ///
    /// # Errors
    /// If no step can be found, `lsb` is none, or a count does not fit.
    pub(super) fn counts(
        &self,
        file: &str,
        lsb: Option<f64>,
        unit: Option<&str>,
        place: impl Fn(usize) -> String,
        remarks: &mut Vec<String>,
    ) -> Result<(Vec<i32>, Channel), DataError> {
        let channel = self.channel(file, lsb, unit, remarks)?;
        let count = |(index, value): (usize, &f64)| {
            count(*value, channel.counts_per_unit)
                .ok_or_else(|| self.too_many_steps(file, &place(index), *value, &channel))
        };
        let counts = self.values.iter().enumerate().map(count).collect::<Result<Vec<i32>, DataError>>()?;
        Ok((counts, channel))
    }

    /// What counts of the column mean: in steps of `lsb`, or of the step that the values show.
    ///
    /// # Errors
    /// If no step can be found, or `lsb` is none.
    pub(super) fn channel(
        &self,
        file: &str,
        lsb: Option<f64>,
        unit: Option<&str>,
        remarks: &mut Vec<String>,
    ) -> Result<Channel, DataError> {
        let Lattice { counts_per_unit, source_bits } = match lsb {
            Some(lsb) => self.given_lattice(file, lsb)?,
            None => self.found_lattice(file, remarks)?,
        };
        let unknown = if counts_per_unit == 1.0 { Channel::COUNTS } else { UNKNOWN_UNIT };
        let unit = self.unit.or(unit).unwrap_or(unknown).to_owned();
        Ok(Channel { name: self.name.to_owned(), unit, counts_per_unit, offset: 0, source_bits })
    }

    /// That a value at `place` has no [`count`].
    pub(super) fn too_many_steps(&self, file: &str, place: &str, value: f64, channel: &Channel) -> DataError {
        let steps = (value * channel.counts_per_unit).round();
        DataError::malformed(
            file,
            format!("{place}, column `{}`", self.name),
            format!(
                "{value} is {steps} steps of {}; a sample may be {} at most",
                1.0 / channel.counts_per_unit,
                lattice::LARGEST_COUNT
            ),
            "give a larger --lsb, or take the constant part out of the column",
        )
    }

    fn given_lattice(&self, file: &str, lsb: f64) -> Result<Lattice, DataError> {
        if !(lsb > 0.0 && lsb.is_finite()) {
            return Err(DataError::unsuitable(file, format!("--lsb {lsb} is no step"), "give a positive number"));
        }
        // 1/0.005 is 200 and a little less than 200 in floating point, whatever the shorter one is nearer to.
        let inverse = 1.0 / lsb;
        let counts_per_unit =
            if (inverse - inverse.round()).abs() < 1e-9 * inverse { inverse.round() } else { inverse };
        let counts = self.values.iter().map(|value| (value * counts_per_unit).round());
        let (least, greatest) = counts.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), count| {
            (least.min(count), greatest.max(count))
        });
        Ok(Lattice { counts_per_unit, source_bits: Some(lattice::bits(greatest - least)) })
    }

    fn found_lattice(&self, file: &str, remarks: &mut Vec<String>) -> Result<Lattice, DataError> {
        let found = match self.precision {
            Precision::Decimals(decimals) => lattice::find(self.values, decimals),
            Precision::Single => lattice::find_binary(self.values, true),
            Precision::Double => lattice::find_binary(self.values, false),
        };
        let name = self.name;
        let lattice = found.ok_or_else(|| {
            DataError::malformed(
                file,
                format!("column `{name}`"),
                format!("every value is {}, so no step can be found", self.values.first().copied().unwrap_or_default()),
                "give --lsb VALUE, or leave the column out with --columns",
            )
        })?;
        let step = 1.0 / lattice.counts_per_unit;
        if let Some((place, value)) = swallowing(self.values, step) {
            return Err(DataError::malformed(
                file,
                format!("column `{name}`, sample {}", place + 1),
                format!(
                    "{value} is so far from all others that no step fits both: in steps of {step} what nearly all of the column does would be lost"
                ),
                "take it out (an empty cell with --fill-gaps is held over), or give the step with --lsb",
            ));
        }
        remarks.push(match lattice.source_bits {
            Some(bits) => format!("column `{name}`: the finest step in the data is {step}; {bits} bits"),
            None => format!("column `{name}`: the values lie on no common step; read in steps of {step}"),
        });
        Ok(lattice)
    }
}

/// The sample farthest from the middle, and its place, if it alone makes a step so coarse that nearly all samples, which differ, become one count.
fn swallowing(values: &[f64], step: f64) -> Option<(usize, f64)> {
    let mut ordered = values.to_vec();
    let mut at = |percent: usize| {
        let place = values.len() * percent / 100;
        (place < values.len()).then(|| *ordered.select_nth_unstable_by(place, f64::total_cmp).1)
    };
    let (low, middle, high) = (at(1)?, at(50)?, at(99)?);
    let spread = high - low;
    let is_lost = spread > 0.0 && spread < step;
    let farthest = |a: &(usize, &f64), b: &(usize, &f64)| (a.1 - middle).abs().total_cmp(&(b.1 - middle).abs());
    let (place, value) = values.iter().enumerate().filter(|_| is_lost).max_by(farthest)?;
    Some((place, *value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_beyond_all_others_does_not_choose_the_step() {
        let mut values: Vec<f64> = (0..2000).map(|t| f64::from(t * 37 % 101) - 50.0).collect();
        assert_eq!(swallowing(&values, 1.0), None);
        values[777] = 1e30;
        assert_eq!(swallowing(&values, 1e21), Some((777, 1e30)));
        let column = Column { name: "x", unit: None, values: &values, precision: Precision::Decimals(0) };
        let error = column.channel("f", None, None, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("`x`, sample 778") && error.contains("--fill-gaps"), "{error}");
        // Rare pulses on a line that is still are a signal, and so is a converter of two bits.
        let pulses: Vec<f64> = (0..2000).map(|t| if t % 500 == 3 { 900.0 } else { 0.0 }).collect();
        assert_eq!(swallowing(&pulses, 900.0), None);
        let coarse: Vec<f64> = (0..2000).map(|t| f64::from(t % 4)).collect();
        assert_eq!(swallowing(&coarse, 1.0), None);
    }

    #[test]
    fn gaps_hold_the_value_before_and_are_counted() {
        let nan = f64::NAN;
        let mut values = [nan, 2.0, nan, nan, 3.0, f64::INFINITY, 4.0, 5.0];
        let mut remarks = Vec::new();
        fill_gaps("f", "a", &mut values, &mut remarks).unwrap();
        assert_eq!(values, [2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0, 5.0]);
        assert!(remarks[0].contains("`a`: 4 samples are missing, 2 in a row"), "{remarks:?}");
        let error = fill_gaps("f", "a", &mut [nan, nan, 1.0], &mut remarks).unwrap_err().to_string();
        assert!(error.contains("2 of the 3 samples") && error.contains("--columns"), "{error}");
        fill_gaps("f", "a", &mut [1.0, 2.0], &mut remarks).unwrap();
        assert_eq!(remarks.len(), 1);
    }
}
