//! Where the registers of a chain of pointwise operations lie, and how long its tiles are.

use super::tile_functions::takes_numbers;
use cornu_ir::DType;
use cornu_ir::ops::{Fused, Instr};

/// Bytes at whose multiples registers begin, and elements of which a tile holds a multiple.
pub(super) const ALIGN: usize = 64;

/// Where a register lies during a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lies {
    /// In the memory of this input, tile by tile.
    Input(usize),
    /// In the memory of this output, tile by tile.
    Output(usize),
    /// In the memory of this input, one number for all tiles.
    Number(usize),
    /// In the tile's own memory, from this byte.
    Slot(usize),
}

/// The type by which the function of an instruction is chosen: that of the first value it computes
/// with.
pub(super) fn operand_type(instr: &Instr, types: &[DType]) -> DType {
    let first = if let Instr::Select(_, a, _) = instr { Some(*a) } else { instr.reads().next() };
    types[first.expect("numbers are no functions") as usize]
}

/// For each register whether it is one f32 that only functions with a form for numbers read: it
/// needs no tile of its own.
pub(super) fn numbers_alone(op: &Fused, types: &[DType]) -> Vec<bool> {
    let n_inputs = op.inputs.len();
    let is_number = |r: usize| match r.checked_sub(n_inputs) {
        Some(i) => matches!(op.code[i], Instr::Number(..)),
        None => op.inputs[r].period == 1 && op.n > 1,
    };
    let mut alone: Vec<bool> =
        (0..types.len()).map(|r| types[r] == DType::F32 && is_number(r)).collect();
    for instr in &op.code {
        let takes = match *instr {
            Instr::Binary(f, a, b) => {
                takes_numbers(f) && !(is_number(a as usize) && is_number(b as usize))
            }
            _ => false,
        };
        if !takes {
            instr.reads().for_each(|r| alone[r as usize] = false);
        }
    }
    op.outputs.iter().for_each(|(r, _)| alone[*r as usize] = false);
    alone
}

/// Gives each register that lies nowhere yet a slot; returns how many there are.
pub(super) fn assign_slots(
    op: &Fused,
    n_inputs: usize,
    last_read: &[usize],
    lies: &mut [Option<Lies>],
) -> usize {
    let (mut free, mut n_slots): (Vec<usize>, usize) = (Vec::new(), 0);
    let mut take = |free: &mut Vec<usize>| {
        free.pop().unwrap_or_else(|| {
            n_slots += 1;
            n_slots - 1
        })
    };
    // What is filled once must keep its slot from tile to tile, so only what instructions make is
    // used again.
    for i in 0..n_inputs {
        lies[i] =
            Some(if op.reads_in_step(i) { Lies::Input(i) } else { Lies::Slot(take(&mut free)) });
    }
    for (i, instr) in op.code.iter().enumerate() {
        if matches!(instr, Instr::Number(..)) {
            lies[n_inputs + i] = Some(Lies::Slot(take(&mut Vec::new())));
        }
    }
    for (i, instr) in op.code.iter().enumerate() {
        let r = n_inputs + i;
        if lies[r].is_none() {
            lies[r] = Some(Lies::Slot(take(&mut free)));
        }
        let mut done: Vec<usize> =
            instr.reads().map(usize::from).filter(|&x| last_read[x] == i).collect();
        done.sort_unstable();
        done.dedup();
        for x in done
            .into_iter()
            .filter(|&x| x >= n_inputs && !matches!(op.code[x - n_inputs], Instr::Number(..)))
        {
            if let Some(Lies::Slot(slot)) = lies[x] {
                free.push(slot);
            }
        }
    }
    n_slots
}

/// The length of a tile: whole periods of a repeated input where that is possible.
pub(super) fn tile_of(op: &Fused, most: usize) -> usize {
    let most = most.min(op.n.next_multiple_of(ALIGN)).max(ALIGN);
    let cycle = op
        .inputs
        .iter()
        .filter(|r| r.period > 1 && r.period < op.n)
        .map(|r| r.period * r.hold)
        .find(|&c| c <= most);
    match cycle {
        Some(c) => most / c * c,
        None => most,
    }
}
