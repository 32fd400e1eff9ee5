//! The members of an HDF5 group by name and address, taken from hard links only.
//!
//! A soft or external link leads elsewhere; Keras writes none, so a file that has one is refused
//! before anything behind it is looked at.

use hdf5_reader::btree_v1::collect_btree_v1_leaves_storage;
use hdf5_reader::btree_v2::{BTreeV2Header, BTreeV2Record, collect_btree_v2_records_storage};
use hdf5_reader::fractal_heap::{FractalHeap, FractalHeapDirectBlockCache};
use hdf5_reader::io::Cursor;
use hdf5_reader::local_heap::LocalHeap;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::link::{self, LinkMessage, LinkTarget};
use hdf5_reader::messages::link_info::LinkInfoMessage;
use hdf5_reader::messages::symbol_table_msg::SymbolTableMessage;
use hdf5_reader::object_header::ObjectHeader;
use hdf5_reader::storage::Storage;
use hdf5_reader::symbol_table::SymbolTableNode;

use super::FileError;
use super::budget::Budget;
use super::hdf5_format::{OFFSET_BYTES, UNDEFINED_ADDRESS, broken, reader_error};

/// `cache_type` of a symbol table entry that is a soft link.
const SOFT_LINK: u32 = 2;

/// Bytes of one symbol table entry and of the node's head.
const ENTRY_BYTES: usize = 40;
const NODE_HEAD_BYTES: usize = 8;

/// Name and object address of every member of the group with this header.
pub(crate) fn members(
    storage: &dyn Storage,
    header: &ObjectHeader,
    work: &mut Budget,
) -> Result<Vec<(String, u64)>, FileError> {
    let mut found = Vec::new();
    for message in &header.messages {
        match message {
            HdfMessage::SymbolTable(table) => symbol_table(storage, table, work, &mut found)?,
            HdfMessage::Link(link) => found.push(hard(link)?),
            HdfMessage::LinkInfo(info) if info.fractal_heap_address != UNDEFINED_ADDRESS => {
                dense_links(storage, info, work, &mut found)?;
            }
            _ => {}
        }
    }
    let mut names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(refused_link(format!("two members named `{}`", pair[0])));
    }
    Ok(found)
}

fn refused_link(received: String) -> FileError {
    FileError::refused(
        "a weights file holds each object once, by its own name, with no links",
        received,
        "Save the weights again with Keras or cornu.",
    )
}

fn hard(link: &LinkMessage) -> Result<(String, u64), FileError> {
    match &link.target {
        LinkTarget::Hard { address } => Ok((link.name.clone(), *address)),
        LinkTarget::Soft { .. } => Err(refused_link(format!("the soft link `{}`", link.name))),
        LinkTarget::External { .. } => {
            Err(refused_link(format!("the external link `{}`", link.name)))
        }
    }
}

fn symbol_table(
    storage: &dyn Storage,
    table: &SymbolTableMessage,
    work: &mut Budget,
    found: &mut Vec<(String, u64)>,
) -> Result<(), FileError> {
    let heap = LocalHeap::parse_at_storage(storage, table.heap_address, OFFSET_BYTES, OFFSET_BYTES)
        .map_err(reader_error)?;
    let names_bytes = usize::try_from(heap.data_segment_size).unwrap_or(usize::MAX);
    work.charge(names_bytes, "a heap of names")?;
    let names = storage.read_range(heap.data_segment_address, names_bytes).map_err(reader_error)?;
    let leaves = collect_btree_v1_leaves_storage(
        storage,
        table.btree_address,
        OFFSET_BYTES,
        OFFSET_BYTES,
        None,
        &[],
        None,
    )
    .map_err(reader_error)?;
    for (_, address) in leaves {
        let head = storage.read_range(address, NODE_HEAD_BYTES).map_err(reader_error)?;
        let n_entries = usize::from(u16::from_le_bytes([head[6], head[7]]));
        let node_bytes = NODE_HEAD_BYTES + n_entries * ENTRY_BYTES;
        work.charge(node_bytes, "a symbol table")?;
        let node = storage.read_range(address, node_bytes).map_err(reader_error)?;
        let node = SymbolTableNode::parse(&mut Cursor::new(&node), OFFSET_BYTES, OFFSET_BYTES)
            .map_err(reader_error)?;
        for entry in &node.entries {
            let name = name_at(&names, entry.link_name_offset)?;
            work.charge(name.len(), "a name")?;
            if entry.cache_type == SOFT_LINK {
                return Err(refused_link(format!("the soft link `{name}`")));
            }
            found.push((name, entry.object_header_address));
        }
    }
    Ok(())
}

fn name_at(names: &[u8], offset: u64) -> Result<String, FileError> {
    usize::try_from(offset)
        .ok()
        .and_then(|start| names.get(start..))
        .and_then(|rest| rest.iter().position(|&b| b == 0).map(|end| &rest[..end]))
        .and_then(|name| std::str::from_utf8(name).ok())
        .map(str::to_owned)
        .ok_or_else(|| broken("a member's name is outside its heap or not UTF-8"))
}

fn dense_links(
    storage: &dyn Storage,
    info: &LinkInfoMessage,
    work: &mut Budget,
    found: &mut Vec<(String, u64)>,
) -> Result<(), FileError> {
    let heap = FractalHeap::parse_at_storage(
        storage,
        info.fractal_heap_address,
        OFFSET_BYTES,
        OFFSET_BYTES,
    )
    .map_err(reader_error)?;
    let tree = BTreeV2Header::parse_at_storage(
        storage,
        info.btree_name_index_address,
        OFFSET_BYTES,
        OFFSET_BYTES,
    )
    .map_err(reader_error)?;
    let records = collect_btree_v2_records_storage(
        storage,
        &tree,
        OFFSET_BYTES,
        OFFSET_BYTES,
        None,
        &[],
        None,
    )
    .map_err(reader_error)?;
    let mut blocks = FractalHeapDirectBlockCache::default();
    for record in &records {
        let BTreeV2Record::LinkNameHash { heap_id, .. } = record else {
            continue;
        };
        let bytes = heap
            .get_object_storage_cached(heap_id, storage, OFFSET_BYTES, OFFSET_BYTES, &mut blocks)
            .map_err(reader_error)?;
        work.charge(bytes.len(), "a link")?;
        let mut cursor = Cursor::new(&bytes);
        let link = link::parse(&mut cursor, OFFSET_BYTES, OFFSET_BYTES, bytes.len())
            .map_err(reader_error)?;
        found.push(hard(&link)?);
    }
    Ok(())
}
