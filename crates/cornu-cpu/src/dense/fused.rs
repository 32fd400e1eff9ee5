//! Chains of pointwise operations, run over tiles that stay in the first cache: one pass over
//! memory for the whole chain.

use super::tile::{Numbers, Operands, TileFn, binary_f32, takes_numbers, tile_fn};
use crate::kernel::{Call, Shape};
use cornu_ir::ops::{Fused, Instr, Reach};
use cornu_ir::{DType, Tensor};
use std::mem::MaybeUninit;

/// Bytes of all registers of a tile: most of a first cache.
const TILE_BYTES: usize = 24 * 1024;
/// Elements of a tile at most.
const MOST_TILE: usize = 1024;
/// Registers are cut at multiples of this.
const ALIGN: usize = 64;
/// Elements of a chain that are worth a thread.
const PART: usize = 1 << 15;
/// Registers of a chain at most: what the pass makes and some more.
const MOST_REGISTERS: usize = 80;

/// Where a register lies during a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lies {
    /// In the memory of this input, tile by tile.
    Input(usize),
    /// In the memory of this output, tile by tile.
    Output(usize),
    /// In the memory of this input, one number for all tiles.
    Number(usize),
    /// In the tile's own memory, from this byte.
    Slot(usize),
}

/// What fills a slot before instructions read it.
#[derive(Clone, Copy, Debug)]
enum Fill {
    /// A number, once, in every element.
    Number([u8; 8]),
    /// A number, once, in the first element.
    One([u8; 8]),
    /// The elements of an input, once: the same in every tile.
    Once(usize),
    /// The elements of an input that a tile reads, in every tile.
    EachTile(usize),
}

/// An instruction with its function and operands.
#[derive(Clone, Copy, Debug)]
struct Bound {
    run: TileFn,
    instr: Instr,
    reads: [u16; 3],
    writes: u16,
}

/// A chain ready to run.
#[derive(Debug)]
pub(crate) struct FusedKernel {
    n: usize,
    tile: usize,
    reaches: Vec<Reach>,
    /// Bytes of an element of each register.
    items: Vec<usize>,
    lies: Vec<Lies>,
    fills: Vec<(u16, Fill)>,
    code: Vec<Bound>,
    /// Registers copied to outputs after a tile.
    copies: Vec<(u16, usize)>,
    slot_bytes: usize,
}

impl FusedKernel {
    /// `over[k]` are the inputs that output `k` is written over; `wanted[k]` whether something
    /// reads it. A chain with more registers than fit has no kernel.
    pub(crate) fn new(
        op: &Fused,
        ins: &[&Shape],
        over: &[Vec<usize>],
        wanted: &[bool],
    ) -> Option<FusedKernel> {
        let types = op.register_types(&ins.iter().map(|s| s.dtype).collect::<Vec<_>>());
        let n_inputs = ins.len();
        let n_registers = types.len();
        if n_registers > MOST_REGISTERS {
            return None;
        }
        let items: Vec<usize> = types.iter().map(|t| t.size_bytes()).collect();
        let mut lies: Vec<Option<Lies>> = vec![None; n_registers];
        let mut last_read = vec![0usize; n_registers];
        for (i, instr) in op.code.iter().enumerate() {
            instr.reads().for_each(|r| last_read[r as usize] = i);
        }
        // Outputs are written in place unless an input there is still to be read.
        let mut copies = Vec::new();
        for (k, (r, _)) in op.outputs.iter().enumerate().filter(|(k, _)| wanted[*k]) {
            let made = (*r as usize).checked_sub(n_inputs);
            let free = made.is_some_and(|made| {
                !matches!(op.code[made], Instr::Number(..))
                    && over[k].iter().all(|&input| last_read[input] < made)
            });
            if free && lies[*r as usize].is_none() {
                lies[*r as usize] = Some(Lies::Output(k));
            } else {
                copies.push((*r, k));
                last_read[*r as usize] = op.code.len();
            }
        }
        // Everything else gets a slot; a slot is used again when its last reader has run.
        let n_slots = assign_slots(op, n_inputs, &last_read, &mut lies);
        let item = items.iter().copied().max().unwrap_or(8);
        let most = (TILE_BYTES / (n_slots.max(1) * item)).clamp(ALIGN, MOST_TILE) / ALIGN * ALIGN;
        let tile = tile_of(op, most);
        // Slots stand apart by an odd number of cache lines: no two meet in the low bits of their
        // addresses.
        let slot = ((tile * item).div_ceil(ALIGN) | 1) * ALIGN;
        for l in lies.iter_mut().flatten() {
            if let Lies::Slot(i) = l {
                *i *= slot;
            }
        }
        let alone = numbers_alone(op, &types);
        let mut fills = Vec::new();
        for (i, reach) in op.inputs.iter().enumerate().filter(|(i, _)| !op.reads_in_step(*i)) {
            if alone[i] {
                lies[i] = Some(Lies::Number(i));
                continue;
            }
            let once = reach.period == 1 || tile.is_multiple_of(reach.period * reach.hold);
            fills.push((i as u16, if once { Fill::Once(i) } else { Fill::EachTile(i) }));
        }
        let mut code = Vec::new();
        for (i, instr) in op.code.iter().enumerate() {
            let r = (n_inputs + i) as u16;
            if let Instr::Number(t, x) = *instr {
                fills.push((
                    r,
                    if alone[r as usize] {
                        Fill::One(bytes_of(t, x))
                    } else {
                        Fill::Number(bytes_of(t, x))
                    },
                ));
                continue;
            }
            let mut reads = [0; 3];
            instr.reads().zip(&mut reads).for_each(|(from, to)| *to = from);
            let run = match *instr {
                Instr::Binary(f, a, _) if alone[a as usize] => binary_f32(f, Numbers::First),
                Instr::Binary(f, _, b) if alone[b as usize] => binary_f32(f, Numbers::Second),
                _ => tile_fn(instr, operand_type(instr, &types)),
            };
            code.push(Bound { run, instr: *instr, reads, writes: r });
        }
        let lies = lies.into_iter().map(|l| l.unwrap_or(Lies::Slot(0))).collect();
        Some(FusedKernel {
            n: op.n,
            tile,
            reaches: op.inputs.clone(),
            items,
            lies,
            fills,
            code,
            copies,
            slot_bytes: n_slots.max(1) * slot,
        })
    }

    /// # Safety
    /// The call is of the chain; its addresses hold values of their shapes; outputs lie over no
    /// input but those said, and over no other output.
    pub(crate) unsafe fn run(&self, call: &Call<'_>) {
        match call.threads {
            Some(threads) if self.n >= 2 * PART => {
                let call = Shared(call);
                let part = PART / self.tile * self.tile;
                threads.parts(self.n, part, |start, end| {
                    // SAFETY: the caller's promise; parts start at whole tiles and don't overlap.
                    unsafe { self.range(call.get(), start, end) }
                });
            }
            // SAFETY: the caller's promise.
            _ => unsafe { self.range(call, 0, self.n) },
        }
    }

    /// The elements `start..end`; `start` is a multiple of the tile.
    unsafe fn range(&self, call: &Call<'_>, start: usize, end: usize) {
        #[repr(align(64))]
        struct Slots(MaybeUninit<[u8; SLOT_ROOM]>);
        let mut room = Slots(MaybeUninit::uninit());
        debug_assert!(self.slot_bytes <= SLOT_ROOM);
        let slots = room.0.as_mut_ptr().cast::<u8>();
        let mut at = [std::ptr::null_mut::<u8>(); MOST_REGISTERS];
        for (r, lies) in self.lies.iter().enumerate() {
            at[r] = match *lies {
                Lies::Input(i) => call.in_address(i).cast_mut().wrapping_add(start * self.items[r]),
                Lies::Output(k) => call.out_address(k).wrapping_add(start * self.items[r]),
                Lies::Number(i) => call.in_address(i).cast_mut(),
                Lies::Slot(byte) => slots.wrapping_add(byte),
            };
        }
        let first = self.tile.min(end - start);
        // SAFETY: slots have room for a tile; inputs and outputs for the elements of the range.
        unsafe {
            for &(r, fill) in &self.fills {
                match fill {
                    Fill::One(x) => fill_number(at[r as usize], x, self.items[r as usize], 1),
                    Fill::Number(x) => {
                        fill_number(at[r as usize], x, self.items[r as usize], first)
                    }
                    Fill::Once(i) => self.fill(call, i, r, at[r as usize], start, first),
                    Fill::EachTile(_) => {}
                }
            }
            let mut s = start;
            while s < end {
                let n = self.tile.min(end - s);
                for &(r, fill) in &self.fills {
                    if let Fill::EachTile(i) = fill {
                        self.fill(call, i, r, at[r as usize], s, n);
                    }
                }
                for b in &self.code {
                    let [x, y, z] = b.reads;
                    (b.run)(
                        &b.instr,
                        Operands {
                            a: at[x as usize],
                            b: at[y as usize],
                            c: at[z as usize],
                            out: at[b.writes as usize],
                            n,
                        },
                    );
                }
                for &(r, k) in &self.copies {
                    let item = self.items[r as usize];
                    std::ptr::copy(
                        at[r as usize].cast_const(),
                        call.out_address(k).add(s * item),
                        n * item,
                    );
                }
                for (r, lies) in self.lies.iter().enumerate() {
                    if matches!(lies, Lies::Input(_) | Lies::Output(_)) {
                        at[r] = at[r].wrapping_add(n * self.items[r]);
                    }
                }
                s += n;
            }
        }
    }

    /// Writes what elements `s..s + n` of the chain read of an input.
    unsafe fn fill(&self, call: &Call<'_>, input: usize, r: u16, to: *mut u8, s: usize, n: usize) {
        let from = call.in_address(input);
        // SAFETY: the reach stays in the input; the slot has room for n elements.
        unsafe {
            match self.items[r as usize] {
                1 => spread::<u8>(from, to, self.reaches[input], s, n),
                4 => spread::<u32>(from, to, self.reaches[input], s, n),
                _ => spread::<u64>(from, to, self.reaches[input], s, n),
            }
        }
    }
}

/// Bytes of stack that the registers of a tile may take.
const SLOT_ROOM: usize = MOST_REGISTERS * 9 * ALIGN;

/// A call that parts of one chain share.
struct Shared<'a, 'b>(&'a Call<'b>);

// SAFETY: the parts write elements of their own; everything else is read.
unsafe impl Sync for Shared<'_, '_> {}
// SAFETY: as above.
unsafe impl Send for Shared<'_, '_> {}

impl<'a, 'b> Shared<'a, 'b> {
    fn get(&self) -> &'a Call<'b> {
        self.0
    }
}

/// The type by which the function of an instruction is chosen: that of the first value it computes
/// with.
fn operand_type(instr: &Instr, types: &[DType]) -> DType {
    let first = if let Instr::Select(_, a, _) = instr { Some(*a) } else { instr.reads().next() };
    types[first.expect("numbers are no functions") as usize]
}

/// For each register whether it is one f32 that only functions with a form for numbers read: it
/// needs no tile of its own.
fn numbers_alone(op: &Fused, types: &[DType]) -> Vec<bool> {
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
fn assign_slots(
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
fn tile_of(op: &Fused, most: usize) -> usize {
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

fn bytes_of(dtype: DType, x: f64) -> [u8; 8] {
    let value = Tensor::scalar_of(dtype, x);
    let mut bytes = [0; 8];
    // SAFETY: one element of the type, at most eight bytes.
    unsafe {
        std::ptr::copy_nonoverlapping(
            crate::memory::address(&value.view()),
            bytes.as_mut_ptr(),
            dtype.size_bytes(),
        )
    };
    bytes
}

unsafe fn fill_number(to: *mut u8, x: [u8; 8], item: usize, n: usize) {
    // SAFETY: the slot has room for n elements, of which `x` starts with one.
    unsafe {
        match item {
            1 => std::slice::from_raw_parts_mut(to, n).fill(x[0]),
            4 => std::slice::from_raw_parts_mut(to.cast::<u32>(), n)
                .fill(x.as_ptr().cast::<u32>().read_unaligned()),
            _ => std::slice::from_raw_parts_mut(to.cast::<u64>(), n).fill(u64::from_ne_bytes(x)),
        }
    }
}

/// `to[i] = from[(s + i) / hold % period]` for `n` elements, in runs.
unsafe fn spread<T: Copy>(from: *const u8, to: *mut u8, reach: Reach, s: usize, n: usize) {
    let (from, to) = (from.cast::<T>(), to.cast::<T>());
    let Reach { hold, period } = reach;
    let mut i = 0;
    // SAFETY: the caller's promise.
    unsafe {
        if hold == 1 {
            while i < n {
                let at = (s + i) % period;
                let run = (period - at).min(n - i);
                std::ptr::copy_nonoverlapping(from.add(at), to.add(i), run);
                i += run;
            }
        } else {
            while i < n {
                let run = (hold - (s + i) % hold).min(n - i);
                std::slice::from_raw_parts_mut(to.add(i), run)
                    .fill(*from.add((s + i) / hold % period));
                i += run;
            }
        }
    }
}
