//! Text attributes of an HDF5 object, each string charged before it is copied.
//!
//! A variable-length string is a reference into a global heap, and thousands of references may
//! name one long string; so the heaps are looked up here, where every copy is paid for.

use std::collections::HashMap;
use std::ops::Range;

use hdf5_reader::messages::attribute::AttributeMessage;
use hdf5_reader::messages::dataspace::DataspaceType;
use hdf5_reader::storage::Storage;
use hdf5_reader::{Datatype, StringPadding, StringSize, VarLenKind};

use super::budget::Budget;
use super::hdf5_format::{UNDEFINED_ADDRESS, broken, reader_error};
use super::{Attribute, FileError};

/// Bytes of a reference: length u32, heap address u64, index u32.
const REFERENCE_BYTES: usize = 16;
const HEAP_HEAD_BYTES: usize = 16;
const OBJECT_HEAD_BYTES: usize = 16;

/// The global heaps of a file that were looked into so far.
pub(crate) struct Heaps<'a> {
    storage: &'a dyn Storage,
    objects: HashMap<u64, HashMap<u16, Range<u64>>>,
    copied: Budget,
    scanned: Budget,
}

impl<'a> Heaps<'a> {
    /// The heaps of this file, none read yet.
    pub(crate) fn new(storage: &'a dyn Storage) -> Self {
        let file_bytes = usize::try_from(storage.len()).unwrap_or(usize::MAX);
        Heaps {
            storage,
            objects: HashMap::new(),
            copied: Budget::exactly(file_bytes),
            scanned: Budget::exactly(file_bytes),
        }
    }

    /// The attribute's text or texts; `None` for one of numbers.
    pub(crate) fn attribute(
        &mut self,
        message: &AttributeMessage,
    ) -> Result<Option<Attribute>, FileError> {
        let dims = &message.dataspace.dims;
        if message.dataspace.dataspace_type == DataspaceType::Null {
            return Ok(None);
        }
        if dims.contains(&0) {
            return Ok(Some(Attribute::Texts(Vec::new())));
        }
        let element_bytes = match &message.datatype {
            Datatype::String { size: StringSize::Fixed(width), .. } => {
                usize::try_from(*width).unwrap_or(usize::MAX)
            }
            Datatype::String { size: StringSize::Variable, .. }
            | Datatype::VarLen { kind: VarLenKind::String, .. } => REFERENCE_BYTES,
            _ => return Ok(None),
        };
        let n_elements = dims
            .iter()
            .try_fold(1_u64, |n, &dim| n.checked_mul(dim))
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(usize::MAX);
        let expected_bytes = n_elements.checked_mul(element_bytes);
        if element_bytes == 0 || expected_bytes.is_none_or(|n| n > message.raw_data.len()) {
            return Err(broken(format!("attribute `{}` is cut short", message.name)));
        }
        let mut texts = Vec::with_capacity(n_elements);
        for element in message.raw_data.chunks_exact(element_bytes).take(n_elements) {
            let text = match &message.datatype {
                Datatype::String { size: StringSize::Fixed(_), padding, .. } => {
                    self.copied.charge(element.len(), "text")?;
                    unpadded(element, *padding)
                }
                _ => self.resolve(element)?,
            };
            let text = String::from_utf8(text)
                .map_err(|_| broken(format!("attribute `{}` is not UTF-8", message.name)))?;
            texts.push(text);
        }
        Ok(match (dims.is_empty(), texts.len()) {
            (true, 1) => texts.pop().map(Attribute::Text),
            _ => Some(Attribute::Texts(texts)),
        })
    }

    fn resolve(&mut self, reference: &[u8]) -> Result<Vec<u8>, FileError> {
        let (length, rest) = reference.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let (address, rest) = rest.split_first_chunk::<8>().ok_or_else(cut_short)?;
        let (index, _) = rest.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let length = u64::from(u32::from_le_bytes(*length));
        let address = u64::from_le_bytes(*address);
        if length == 0 || address == 0 || address == UNDEFINED_ADDRESS {
            return Ok(Vec::new());
        }
        let index = u16::try_from(u32::from_le_bytes(*index))
            .map_err(|_| broken("a text's heap index is above 65535"))?;
        if !self.objects.contains_key(&address) {
            let objects = self.scan(address)?;
            self.objects.insert(address, objects);
        }
        let span = self.objects[&address]
            .get(&index)
            .filter(|span| length <= span.end - span.start)
            .ok_or_else(|| broken("a text lies outside its heap"))?
            .clone();
        let n_bytes = usize::try_from(length).unwrap_or(usize::MAX);
        self.copied.charge(n_bytes, "text")?;
        let bytes = self.storage.read_range(span.start, n_bytes).map_err(reader_error)?;
        Ok(unpadded(&bytes, StringPadding::NullTerminate))
    }

    fn scan(&mut self, address: u64) -> Result<HashMap<u16, Range<u64>>, FileError> {
        let head = self.storage.read_range(address, HEAP_HEAD_BYTES).map_err(reader_error)?;
        if &head[..5] != b"GCOL\x01" {
            return Err(broken("a text's heap has no signature"));
        }
        let end = address
            .checked_add(u64_at(&head, 8))
            .filter(|&end| end <= self.storage.len())
            .ok_or_else(|| broken("a heap of texts reaches past the end of the file"))?;
        let mut objects = HashMap::new();
        let mut at = address + HEAP_HEAD_BYTES as u64;
        while at + OBJECT_HEAD_BYTES as u64 <= end {
            self.scanned.charge(OBJECT_HEAD_BYTES, "heap object")?;
            let head = self.storage.read_range(at, OBJECT_HEAD_BYTES).map_err(reader_error)?;
            let index = u16::from_le_bytes([head[0], head[1]]);
            if index == 0 {
                break;
            }
            let start = at + OBJECT_HEAD_BYTES as u64;
            let length = u64_at(&head, 8);
            let stop = start
                .checked_add(length)
                .filter(|&stop| stop <= end)
                .ok_or_else(|| broken("a text reaches past the end of its heap"))?;
            objects.insert(index, start..stop);
            // Objects are padded to eight bytes, counted from the heap's own start.
            at = start.saturating_add(length.next_multiple_of(8));
        }
        Ok(objects)
    }
}

fn cut_short() -> FileError {
    broken("a text's reference is cut short")
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn unpadded(bytes: &[u8], padding: StringPadding) -> Vec<u8> {
    let end = match padding {
        StringPadding::SpacePad => bytes.iter().rposition(|&b| b != b' ').map_or(0, |at| at + 1),
        StringPadding::NullTerminate | StringPadding::NullPad => {
            bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len())
        }
    };
    bytes[..end].to_vec()
}
