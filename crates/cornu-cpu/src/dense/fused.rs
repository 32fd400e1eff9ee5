//! Chains of pointwise operations, run over tiles that stay in the first cache: one pass over
//! memory for the whole chain.

use super::chain_layout::{ALIGN, Lies, assign_slots, numbers_alone, operand_type, tile_of};
use super::eval::eval;
use super::scalar::scalar_bytes;
use super::tile::{Operands, TileFn};
use super::tile_functions::{Numbers, binary_f32, tile_fn};
use crate::call::{Call, Shape};
use crate::kernel::{Kernel, Request};
use cornu_ir::graph::Node;
use cornu_ir::ops::{Fused, Instr, Reach};
use cornu_ir::plan::{Place, Plan};
use cornu_ir::{Op, ValueId};
use std::mem::MaybeUninit;

/// Bytes of all registers of a tile: most of a first cache.
const TILE_BYTES: usize = 24 * 1024;
/// Elements of a tile at most.
const MOST_TILE: usize = 1024;
/// Elements of a chain that are worth a thread.
const PART: usize = 1 << 15;
/// Registers of a chain at most: what the pass makes and some more.
const MOST_REGISTERS: usize = 80;

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

/// A chain of pointwise operations, in one pass over memory; by `eval` if its registers are too
/// many.
#[derive(Debug)]
pub(crate) struct FusedKernel {
    chain: Option<Chain>,
}

impl Kernel for FusedKernel {
    fn choose(request: &Request<'_>) -> Option<Self> {
        matches!(request.op(), Op::Fused(_)).then_some(FusedKernel { chain: None })
    }

    fn place(&mut self, plan: &Plan, node: &Node) {
        let Op::Fused(op) = &node.op else { unreachable!("chosen for a chain") };
        let ins: Vec<Shape> = node.ins.iter().map(|v| Shape::of(plan.graph.spec(*v))).collect();
        let place = |v: &ValueId| plan.places[v.0 as usize];
        let over: Vec<Vec<usize>> = (node.outs.iter())
            .map(|o| (0..ins.len()).filter(|&i| plan.shares(*o, node.ins[i])).collect())
            .collect();
        let wanted: Vec<bool> = node.outs.iter().map(|o| place(o) != Place::Nowhere).collect();
        self.chain = Chain::new(op, &ins.iter().collect::<Vec<_>>(), &over, &wanted);
        assert!(
            self.chain.is_some() || over.iter().all(Vec::is_empty),
            "a chain too long for its kernel is written to memory of its own"
        );
    }

    unsafe fn run(&self, call: &mut Call<'_>) {
        // SAFETY: `Kernel::run` asks that addresses hold values of their shapes and that outputs
        // lie over no input but those that `place` was told of; without a chain there are none.
        unsafe {
            match &self.chain {
                Some(chain) => chain.run(call),
                None => eval(call),
            }
        }
    }
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
struct Chain {
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

impl Chain {
    /// `over[k]` are the inputs that output `k` is written over; `wanted[k]` whether something
    /// reads it. A chain with more registers than fit has no kernel.
    fn new(op: &Fused, ins: &[&Shape], over: &[Vec<usize>], wanted: &[bool]) -> Option<Chain> {
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
                        Fill::One(scalar_bytes(t, x))
                    } else {
                        Fill::Number(scalar_bytes(t, x))
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
        Some(Chain {
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
    unsafe fn run(&self, call: &Call<'_>) {
        match call.threads {
            Some(threads) if self.n >= 2 * PART => {
                let call = Shared(call);
                let part = PART / self.tile * self.tile;
                threads.parts(self.n, part, |start, end| {
                    // SAFETY: the call is as this function asks; parts start at whole tiles and
                    // don't overlap.
                    unsafe { self.range(call.get(), start, end) }
                });
            }
            // SAFETY: the call is as this function asks; the range is the whole chain.
            _ => unsafe { self.range(call, 0, self.n) },
        }
    }

    /// The elements `start..end`; `start` is a multiple of the tile.
    ///
    /// # Safety
    /// The call is as [`Chain::run`] asks; `start` is a multiple of the tile, `start <= end <=
    /// self.n`, and nothing else writes these elements of the outputs meanwhile.
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
    ///
    /// # Safety
    /// The input of the call holds the elements of its shape; `to` is writable for `n` elements of
    /// register `r`'s size, apart from the input.
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

/// Writes a number, whose element stands at the start of `x`, `n` times.
///
/// # Safety
/// `to` is aligned and writable for `n` elements of `item` bytes (1, 4 or 8).
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
///
/// # Safety
/// `from` holds `period` elements of T, `to` is writable for `n`, apart from `from`; both are
/// aligned; hold and period are at least 1.
unsafe fn spread<T: Copy>(from: *const u8, to: *mut u8, reach: Reach, s: usize, n: usize) {
    let (from, to) = (from.cast::<T>(), to.cast::<T>());
    let Reach { hold, period } = reach;
    let mut i = 0;
    // SAFETY: positions lie below the period, and i + run at most n.
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
