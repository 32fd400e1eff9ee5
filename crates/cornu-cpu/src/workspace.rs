//! The memory that programs work in.

use crate::memory::Block;

/// Memory of programs that run one after another: as large as the largest of them asks for. A
/// program keeps nothing in it between runs but zeros in tables. Programs that run at the same time
/// need one each.
#[derive(Debug, Default)]
pub struct Workspace {
    arenas: Vec<Block>,
    tables: Vec<Block>,
}

impl Workspace {
    /// The `i`-th arena, of at least `bytes` bytes with any contents. It stays where it is until
    /// more is asked for.
    pub(crate) fn arena(&mut self, i: usize, bytes: usize) -> *mut u8 {
        at_least(&mut self.arenas, i, bytes)
    }

    /// The `i`-th table, of at least `bytes` bytes, all zero: whoever adds to it clears it again.
    pub(crate) fn table(&mut self, i: usize, bytes: usize) -> *mut u8 {
        at_least(&mut self.tables, i, bytes)
    }

    /// Bytes of all of it.
    pub fn bytes(&self) -> usize {
        self.arenas.iter().chain(&self.tables).map(Block::bytes).sum()
    }
}

/// The first byte of the `i`-th block, replaced by zeros if it is too small.
fn at_least(blocks: &mut Vec<Block>, i: usize, bytes: usize) -> *mut u8 {
    while blocks.len() <= i {
        blocks.push(Block::new(0));
    }
    if blocks[i].bytes() < bytes {
        blocks[i] = Block::new(bytes);
    }
    blocks[i].start()
}

#[cfg(test)]
mod tests {
    use super::Workspace;

    #[test]
    fn a_block_moves_only_to_grow() {
        let mut w = Workspace::default();
        let first = w.arena(1, 1000);
        assert_eq!(w.arena(1, 10), first);
        w.table(0, 64);
        assert_eq!((w.arena(1, 1000), w.bytes()), (first, 1064));
        w.arena(1, 2000);
        assert_eq!(w.bytes(), 2064);
    }
}
