//! HDF5 bytes -> [`Group`], for files that may be damaged or hostile.
//!
//! What is read is what Keras and `h5py` write for it: groups, hard links, data sets of numbers
//! stored whole or in chunks, text attributes. Refused: links that lead elsewhere, data kept in
//! other files, virtual data sets, objects reached twice, more than 64 levels, and whatever would
//! unfold to more than eight times the file (8 MiB at least).

use std::collections::HashSet;
use std::sync::Arc;

use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::attribute::AttributeMessage;
use hdf5_reader::messages::layout::DataLayout;
use hdf5_reader::object_header::ObjectHeader;
use hdf5_reader::{ByteOrder, Dataset, Datatype, Hdf5File, OpenOptions};

use super::budget::Budget;
use super::error::guarded;
use super::hdf5_format::{OFFSET_BYTES, UNDEFINED_ADDRESS, broken, reader_error};
use super::hdf5_links::members;
use super::hdf5_text::Heaps;
use super::{Array, ArrayType, Attribute, FileError, Group};

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
const MAX_DEPTH: usize = 64;
const MAX_OBJECT_HEADER_BYTES: usize = 4 << 20;

/// True if these bytes begin as HDF5 does.
pub fn is_hdf5(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// Reads a whole file into a tree.
pub fn read(bytes: Vec<u8>) -> Result<Group, FileError> {
    let mut budget = Budget::of_file(bytes.len());
    read_charged(bytes, &mut budget)
}

/// Reads a file whose values are paid for from `budget`.
pub(crate) fn read_charged(bytes: Vec<u8>, budget: &mut Budget) -> Result<Group, FileError> {
    if !is_hdf5(&bytes) {
        return Err(FileError::refused(
            "a weights file begins with the signature of HDF5",
            format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(8)])),
            "Check that this is the file meant, and copy it again from its source.",
        ));
    }
    guarded(|| {
        let file_bytes = bytes.len();
        let limits = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_max_read_bytes(budget.left())
            .with_max_chunk_bytes(budget.left())
            .with_max_object_header_bytes(MAX_OBJECT_HEADER_BYTES.min(file_bytes));
        let file = Hdf5File::from_vec_with_options(bytes, limits).map_err(reader_error)?;
        check_superblock(&file, file_bytes)?;
        let mut reader = Reader {
            file: &file,
            heaps: Heaps::new(file.storage()),
            seen: HashSet::new(),
            work: Budget::exactly(file_bytes.saturating_mul(2)),
            values: budget,
        };
        let root = file.root_group().map_err(reader_error)?;
        let header = reader.header(root.address())?;
        reader.group(&root, &header, 0)
    })
}

fn check_superblock(file: &Hdf5File, file_bytes: usize) -> Result<(), FileError> {
    let superblock = file.superblock();
    if superblock.offset_size != OFFSET_BYTES || superblock.length_size != OFFSET_BYTES {
        return Err(FileError::unsupported(
            "HDF5 with addresses that are not 8 bytes wide",
            "Save the file again with h5py.",
        ));
    }
    if superblock.base_address != 0 {
        return Err(FileError::unsupported(
            "HDF5 behind a user block",
            "Save the file again with h5py.",
        ));
    }
    if superblock.eof_address > file_bytes as u64 {
        return Err(broken(format!(
            "{file_bytes} bytes of a file that says it has {}: it was cut short",
            superblock.eof_address
        )));
    }
    Ok(())
}

struct Reader<'a, 'b> {
    file: &'a Hdf5File,
    heaps: Heaps<'a>,
    seen: HashSet<u64>,
    work: Budget,
    values: &'b mut Budget,
}

impl Reader<'_, '_> {
    fn group(
        &mut self,
        group: &hdf5_reader::group::Group,
        header: &ObjectHeader,
        depth: usize,
    ) -> Result<Group, FileError> {
        let mut read = Group::default();
        for attribute in self.attributes(group, header)? {
            match self.heaps.attribute(&attribute)? {
                Some(Attribute::Text(text)) if attribute.name == "name" => read.name = Some(text),
                Some(value) => read.attributes.push((attribute.name, value)),
                None => {}
            }
        }
        for (name, address) in members(self.file.storage(), header, &mut self.work)? {
            if depth + 1 > MAX_DEPTH {
                return Err(FileError::refused(
                    format!("groups stand at most {MAX_DEPTH} levels deep"),
                    format!("a deeper member `{name}`"),
                    "No model of Keras nests that deep; get the file again from its source.",
                ));
            }
            self.member(group, &name, address, depth, &mut read)
                .map_err(|error| error.within(format!("`{name}`")))?;
        }
        read.sort_numbered();
        Ok(read)
    }

    fn member(
        &mut self,
        parent: &hdf5_reader::group::Group,
        name: &str,
        address: u64,
        depth: usize,
        read: &mut Group,
    ) -> Result<(), FileError> {
        let header = self.header(address)?;
        let is_dataset =
            header.messages.iter().any(|message| matches!(message, HdfMessage::DataLayout(_)));
        if is_dataset {
            let dataset = parent.dataset(name).map_err(reader_error)?;
            match self.array(&dataset, &header)? {
                Some(array) => read.arrays.push((name.to_owned(), array)),
                None => read.foreign.push((name.to_owned(), kind(dataset.dtype()).to_string())),
            }
        } else if is_group(&header) {
            let child = parent.group(name).map_err(reader_error)?;
            let child = self.group(&child, &header, depth + 1)?;
            read.groups.push((name.to_owned(), child));
        }
        Ok(())
    }

    /// The header at `address`, which must not have been met before, and pays for its size.
    fn header(&mut self, address: u64) -> Result<Arc<ObjectHeader>, FileError> {
        if !self.seen.insert(address) {
            return Err(FileError::refused(
                "a weights file holds each object once",
                format!("a second way to the object at {address:#x}"),
                "Save the weights again with Keras or cornu.",
            ));
        }
        let header = self.file.get_or_parse_header(address).map_err(reader_error)?;
        let header_bytes = header.messages.iter().map(|message| match message {
            HdfMessage::Attribute(attribute) => 8 + attribute.raw_data.len(),
            _ => 8,
        });
        self.work.charge(header_bytes.sum(), "an object header")?;
        Ok(header)
    }

    fn attributes(
        &mut self,
        group: &hdf5_reader::group::Group,
        header: &ObjectHeader,
    ) -> Result<Vec<AttributeMessage>, FileError> {
        let dense = header.messages.iter().any(|message| {
            matches!(message, HdfMessage::AttributeInfo(info)
                if info.fractal_heap_address != UNDEFINED_ADDRESS)
        });
        if dense {
            let found = group.raw_attributes().map_err(reader_error)?;
            let found: Vec<_> = found.into_iter().map(|raw| raw.into_parts().0).collect();
            let n_bytes = found.iter().map(|attribute| attribute.raw_data.len()).sum();
            self.work.charge(n_bytes, "attributes")?;
            return Ok(found);
        }
        Ok(header
            .messages
            .iter()
            .filter_map(|message| match message {
                HdfMessage::Attribute(attribute) => Some(attribute.clone()),
                _ => None,
            })
            .collect())
    }

    /// The numbers of a data set; none where it holds something else.
    fn array(
        &mut self,
        dataset: &Dataset,
        header: &ObjectHeader,
    ) -> Result<Option<Array>, FileError> {
        if header.messages.iter().any(|m| matches!(m, HdfMessage::ExternalFiles(_))) {
            return Err(FileError::refused(
                "weights are kept in the file itself",
                "a data set whose values are in another file",
                "Save the weights again with Keras or cornu; never load such a file.",
            ));
        }
        let Some(dtype) = self.element_type(dataset, header)? else { return Ok(None) };
        let shape: Option<Vec<usize>> =
            dataset.shape().iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let n_bytes = shape.as_ref().and_then(|shape| {
            shape.iter().try_fold(dtype.element_bytes(), |n, &dim| n.checked_mul(dim))
        });
        let (Some(shape), Some(n_bytes)) = (shape, n_bytes) else {
            return Err(broken(format!(
                "an array of shape {:?}, more values than a computer can hold",
                dataset.shape()
            )));
        };
        self.values.charge(n_bytes, &format!("an array of shape {shape:?}"))?;
        let absent = header.messages.iter().any(|message| {
            matches!(message, HdfMessage::DataLayout(layout)
                if matches!(layout.layout, DataLayout::Contiguous { address, .. }
                    if address == UNDEFINED_ADDRESS))
        });
        if absent && n_bytes > 0 {
            return Err(broken(format!("an array of shape {shape:?} that was never written")));
        }
        let mut bytes = dataset.read_raw_bytes().map_err(reader_error)?;
        to_little_endian(dataset.dtype(), &mut bytes);
        if dtype == ArrayType::Bool {
            bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
        }
        Array::new(dtype, shape, bytes).map(Some)
    }

    fn element_type(
        &mut self,
        dataset: &Dataset,
        header: &ObjectHeader,
    ) -> Result<Option<ArrayType>, FileError> {
        Ok(match dataset.dtype() {
            Datatype::FixedPoint { size, signed, .. } => {
                match_integer(*size, *signed, &dataset.raw_datatype().map_err(reader_error)?)
            }
            Datatype::FloatingPoint { .. } => {
                match_float(&dataset.raw_datatype().map_err(reader_error)?)
            }
            Datatype::Enum { base, members } => {
                let names: Vec<&str> = members.iter().map(|m| m.name.as_str()).collect();
                let byte = matches!(**base, Datatype::FixedPoint { size: 1, .. });
                (byte && names == ["FALSE", "TRUE"]).then_some(ArrayType::Bool)
            }
            Datatype::Opaque { size: 2, .. } => {
                let says_bfloat16 = Attribute::Text("bfloat16".to_owned());
                let mut found = None;
                for message in &header.messages {
                    if let HdfMessage::Attribute(attribute) = message
                        && attribute.name == "dtype"
                        && self.heaps.attribute(attribute)?.as_ref() == Some(&says_bfloat16)
                    {
                        found = Some(ArrayType::BF16);
                    }
                }
                found
            }
            _ => None,
        })
    }
}

fn is_group(header: &ObjectHeader) -> bool {
    header.messages.iter().any(|message| {
        matches!(
            message,
            HdfMessage::SymbolTable(_)
                | HdfMessage::Link(_)
                | HdfMessage::LinkInfo(_)
                | HdfMessage::GroupInfo(_)
        )
    })
}

/// Class and version, flags and size come first in a datatype message.
const DATATYPE_HEAD_BYTES: usize = 8;

fn match_integer(size: u8, signed: bool, message: &[u8]) -> Option<ArrayType> {
    let rest = message.get(DATATYPE_HEAD_BYTES..DATATYPE_HEAD_BYTES + 4)?;
    let bits = u16::from(size) * 8;
    if rest[..2] != [0, 0] || rest[2..4] != bits.to_le_bytes() {
        return None;
    }
    Some(match (size, signed) {
        (1, true) => ArrayType::I8,
        (1, false) => ArrayType::U8,
        (2, true) => ArrayType::I16,
        (2, false) => ArrayType::U16,
        (4, true) => ArrayType::I32,
        (4, false) => ArrayType::U32,
        (8, true) => ArrayType::I64,
        (8, false) => ArrayType::U64,
        _ => return None,
    })
}

/// Exponent place and width, mantissa place and width, exponent bias, sign place, bits.
fn match_float(message: &[u8]) -> Option<ArrayType> {
    let rest = message.get(DATATYPE_HEAD_BYTES..DATATYPE_HEAD_BYTES + 12)?;
    let sign = message[2];
    let bits = u16::from_le_bytes([rest[2], rest[3]]);
    let bias = u32::from_le_bytes([rest[8], rest[9], rest[10], rest[11]]);
    if rest[..2] != [0, 0] || u16::from(sign) + 1 != bits {
        return None;
    }
    Some(match (bits, &rest[4..8], bias) {
        (16, [10, 5, 0, 10], 15) => ArrayType::F16,
        (16, [7, 8, 0, 7], 127) => ArrayType::BF16,
        (32, [23, 8, 0, 23], 127) => ArrayType::F32,
        (64, [52, 11, 0, 52], 1023) => ArrayType::F64,
        _ => return None,
    })
}

fn kind(dtype: &Datatype) -> &'static str {
    match dtype {
        Datatype::FixedPoint { .. } | Datatype::FloatingPoint { .. } => "numbers of an odd layout",
        Datatype::String { .. } => "text",
        Datatype::Compound { .. } => "records",
        Datatype::Array { .. } => "arrays",
        Datatype::Enum { .. } => "enumerated values",
        Datatype::VarLen { .. } => "values of unequal length",
        Datatype::Opaque { .. } => "opaque bytes",
        Datatype::Reference { .. } => "references",
        Datatype::Bitfield { .. } => "bit fields",
    }
}

fn to_little_endian(dtype: &Datatype, bytes: &mut [u8]) {
    let (Datatype::FixedPoint { size, byte_order, .. }
    | Datatype::FloatingPoint { size, byte_order }) = dtype
    else {
        return;
    };
    if *byte_order == ByteOrder::BigEndian {
        bytes.chunks_exact_mut(usize::from(*size)).for_each(<[u8]>::reverse);
    }
}
