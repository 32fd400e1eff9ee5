//! A chain of pointwise operations while it is collected, before it becomes a [`Fused`].

use crate::ops::{Fused, Instr, Reach};
use crate::spec::DType;
use crate::var::ValueId;

/// Operations of a chain at most.
const MOST_CODE: usize = 48;
/// Inputs of a chain at most.
const MOST_INPUTS: usize = 24;

/// Registers at and above this number are operations, below it inputs.
const FIRST_CODE: u16 = 1 << 15;

/// A chain being collected. Its registers are numbered apart for inputs and operations until it is
/// closed.
#[derive(Default)]
pub(super) struct Chain {
    /// Elements of each register.
    pub(super) n: usize,
    inputs: Vec<(ValueId, Reach)>,
    code: Vec<Instr>,
    /// For each operation: the old value it makes (`None` for a number) and how often the chain
    /// reads it.
    made: Vec<(Option<ValueId>, u32)>,
    /// Whether operations can still be added.
    pub(super) is_open: bool,
    joined: Option<(usize, u16)>,
}

/// What a closed chain gives out.
pub(super) struct Given {
    /// The old values, in the order of the outputs.
    pub(super) values: Vec<ValueId>,
    /// For each operation, the output that gives out its result.
    output_of: Vec<Option<usize>>,
}

impl Given {
    /// The output that gives out a register of the chain.
    pub(super) fn output_of(&self, register: u16) -> Option<usize> {
        self.output_of[(register - FIRST_CODE) as usize]
    }
}

impl Chain {
    /// An empty chain over `n` elements.
    pub(super) fn new(n: usize) -> Chain {
        Chain { n, is_open: true, ..Chain::default() }
    }

    /// What is left of a chain that chain `into` took in, whose registers moved by `shift` there.
    pub(super) fn gone(n: usize, into: usize, shift: u16) -> Chain {
        Chain { n, joined: Some((into, shift)), ..Chain::default() }
    }

    /// The chain that took this one in, and how far its registers moved.
    pub(super) fn joined(&self) -> Option<(usize, u16)> {
        self.joined
    }

    /// Appends an operation that makes an old value; returns its register.
    pub(super) fn push(&mut self, instr: Instr, value: Option<ValueId>) -> u16 {
        self.code.push(instr);
        self.made.push((value, 0));
        FIRST_CODE + (self.code.len() - 1) as u16
    }

    /// Counts one more read of an operation's register by the chain itself.
    pub(super) fn read(&mut self, register: u16) {
        self.made[(register - FIRST_CODE) as usize].1 += 1;
    }

    /// The register of a number.
    pub(super) fn number(&mut self, dtype: DType, x: f64) -> u16 {
        let same = |i: &Instr| match i {
            Instr::Number(d, y) => *d == dtype && y.to_bits() == x.to_bits(),
            _ => false,
        };
        match self.code.iter().position(same) {
            Some(i) => FIRST_CODE + i as u16,
            None => self.push(Instr::Number(dtype, x), None),
        }
    }

    /// The register of an input.
    pub(super) fn input(&mut self, value: ValueId, reach: Reach) -> u16 {
        let at = self.inputs.iter().position(|i| *i == (value, reach)).unwrap_or_else(|| {
            self.inputs.push((value, reach));
            self.inputs.len() - 1
        });
        at as u16
    }

    /// Whether so many operations and inputs more have room.
    pub(super) fn fits(&self, n_code: usize, n_inputs: usize) -> bool {
        self.code.len() + n_code <= MOST_CODE && self.inputs.len() + n_inputs <= MOST_INPUTS
    }

    /// Whether the operations and inputs of another chain have room, and some of a node beside
    /// them.
    pub(super) fn fits_chain(&self, other: &Chain) -> bool {
        self.fits(other.code.len() + 4, other.inputs.len())
    }

    /// Puts the operations of another chain behind its own; returns how far their registers moved.
    pub(super) fn take_in(&mut self, from: Chain) -> u16 {
        let shift = self.code.len() as u16;
        let places: Vec<u16> = from.inputs.into_iter().map(|(v, r)| self.input(v, r)).collect();
        let place = |r: u16| if r >= FIRST_CODE { r + shift } else { places[r as usize] };
        self.code.extend(from.code.iter().map(|i| renumbered(i, place)));
        self.made.extend(from.made);
        shift
    }

    /// The chain as one operation, the new values that it reads and the old ones that it gives out:
    /// each that is read more often, by `uses`, than the chain itself reads it. `dims` tells the
    /// dims of an old value.
    pub(super) fn close(
        self,
        uses: &[u32],
        dims: impl Fn(ValueId) -> Vec<usize>,
    ) -> (Fused, Vec<ValueId>, Given) {
        let n_inputs = self.inputs.len() as u16;
        let place = |r: u16| if r >= FIRST_CODE { r - FIRST_CODE + n_inputs } else { r };
        let (mut outputs, mut values, mut output_of) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (value, inside)) in self.made.iter().enumerate() {
            let read_outside = value.filter(|v| uses[v.0 as usize] > *inside);
            output_of.push(read_outside.map(|_| outputs.len()));
            if let Some(v) = read_outside {
                outputs.push((i as u16 + n_inputs, dims(v)));
                values.push(v);
            }
        }
        let op = Fused {
            n: self.n,
            inputs: self.inputs.iter().map(|i| i.1).collect(),
            code: self.code.iter().map(|i| renumbered(i, place)).collect(),
            outputs,
        };
        let inputs = self.inputs.into_iter().map(|i| i.0).collect();
        (op, inputs, Given { values, output_of })
    }
}

/// An operation whose registers have other numbers.
fn renumbered(i: &Instr, place: impl Fn(u16) -> u16) -> Instr {
    match *i {
        Instr::Number(..) => *i,
        Instr::Unary(f, a) => Instr::Unary(f, place(a)),
        Instr::Binary(f, a, b) => Instr::Binary(f, place(a), place(b)),
        Instr::Compare(f, a, b) => Instr::Compare(f, place(a), place(b)),
        Instr::Select(c, a, b) => Instr::Select(place(c), place(a), place(b)),
        Instr::Cast(t, a) => Instr::Cast(t, place(a)),
    }
}
