//! What lies where in the block of line buffers, and when.
//!
//! A line has two *regions*. Its *buffer*, the history and the new rows behind it, is in use from the step that writes the rows
//! to the last one that reads them (steps are those of [`Demand`]). From then to the same step of the next hop only the history
//! is left, in its *rest*. So buffers whose steps do not meet share memory, and only histories last.
//!
//! Where regions lie is the exporter's choice. A model is sound if no two regions of different lines overlap that are in use in the
//! same step, but for a sum *in place*: the buffer of a summand that only the sum is left to read, and that needs no history, may
//! begin where the sum's new rows do.

use super::plan::{Demand, Line, MAX_LAYERS};
use super::records::{Kind, Layer, Net};

/// Most elements of a net's block.
pub const MAX_ELEMENTS: u32 = 1 << 24;

/// A part of the block, and when it is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First element.
    pub start: u32,
    /// Length in elements.
    pub elements: u32,
    /// When it is in use.
    pub steps: Steps,
}

/// The steps of a hop in which a region is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// From the first step to the last one.
    Within(u8, u8),
    /// Up to the first step and from the second one on, over the end of the hop.
    Around(u8, u8),
}

impl Steps {
    /// Whether a step is among them.
    #[must_use]
    pub const fn contains(self, step: u8) -> bool {
        match self {
            Self::Within(first, last) => first <= step && step <= last,
            Self::Around(last, first) => step <= last || first <= step,
        }
    }

    /// Whether there is a step that is among both.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Within(first, last), Self::Within(other_first, other_last)) => {
                first <= other_last && other_first <= last
            }
            (Self::Within(first, last), around) | (around, Self::Within(first, last)) => {
                around.contains(first) || around.contains(last)
            }
            (Self::Around(..), Self::Around(..)) => true,
        }
    }
}

impl Region {
    /// Whether both are in use in the same step and have an element in common.
    #[must_use]
    pub const fn collides(&self, other: &Self) -> bool {
        let apart = self.end() <= other.start || other.end() <= self.start;
        !apart && self.elements > 0 && other.elements > 0 && self.steps.meets(other.steps)
    }

    /// The first element behind it.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.start.saturating_add(self.elements)
    }
}

/// The buffer and the rest of line number `index`.
#[must_use]
pub fn regions(index: usize, line: &Line, demand: &Demand) -> [Region; 2] {
    let (written, last) = (index as u8, demand.last_step);
    let history = line.history_elements();
    let elements = history.saturating_add(line.new_elements()).saturating_add(u32::from(demand.margin));
    [
        Region { start: line.start, elements, steps: Steps::Within(written, last) },
        Region { start: line.rest, elements: history, steps: Steps::Around(written, last) },
    ]
}

/// Whether a sum may overwrite the buffer of summand number `index`: the sum is the last to read it, and nothing of it outlasts
/// the hop. `sum` is the layer of step `step`.
#[must_use]
pub fn may_be_in_place(sum: &Layer, step: usize, index: usize, demand: &Demand) -> bool {
    sum.kind == Kind::Add
        && sum.input != sum.other
        && sum.reads(index)
        && demand.history == 0
        && usize::from(demand.last_step) == step
}

/// The length of the block, or `None` where regions collide or lie beyond [`MAX_ELEMENTS`], or where a row would not start at a word.
pub fn block_elements(net: &Net, demands: &[Demand; MAX_LAYERS + 1], layer: impl Fn(usize) -> Layer) -> Option<u32> {
    let line = |index: usize| match index.checked_sub(1) {
        None => Line::of_input(net),
        Some(index) => Line::of_layer(&layer(index)),
    };
    let mut end = 0;
    for (index, demand) in demands.iter().enumerate().take(usize::from(net.count).min(MAX_LAYERS) + 1) {
        let this = line(index);
        if this.row_elements() != 1 && !this.start.is_multiple_of(2) {
            return None;
        }
        let own = regions(index, &this, demand);
        for (earlier, other_demand) in demands.iter().enumerate().take(index) {
            let other = line(earlier);
            let [buffer, rest] = regions(earlier, &other, other_demand);
            let in_place = other.start == this.start.saturating_add(this.history_elements())
                && may_be_in_place(&layer(index - 1), index, earlier, other_demand);
            let collides = own.iter().any(|own| own.collides(&rest))
                || own[1].collides(&buffer)
                || (!in_place && own[0].collides(&buffer));
            if collides {
                return None;
            }
        }
        end = own.iter().filter(|region| region.elements > 0).fold(end, |end: u32, region| end.max(region.end()));
        if end > MAX_ELEMENTS {
            return None;
        }
    }
    Some(end.next_multiple_of(4))
}
