//! [`Group`] -> HDF5 bytes that Keras opens.
//!
//! As `h5py` does for Keras: the attribute `name` and every text is of variable length in UTF-8,
//! bfloat16 is two opaque bytes with an attribute `dtype`. The same tree gives the same bytes.

use std::path::Path;

use hdf5_pure::{
    AttrValue, DatasetBuilder, Datatype, DatatypeByteOrder, EnumTypeBuilder, FileBuilder,
    FinishedGroup, FloatingPointLayout, GroupBuilder, make_f32_type, make_f64_type, make_i8_type,
    make_i16_type, make_i32_type, make_i64_type, make_u8_type, make_u16_type, make_u32_type,
    make_u64_type,
};

use super::error::guarded;
use super::{Array, ArrayType, Attribute, FileError, Group, atomic};

const FLOAT16: FloatingPointLayout = FloatingPointLayout {
    bit_offset: 0,
    bit_precision: 16,
    exponent_location: 10,
    exponent_size: 5,
    mantissa_location: 0,
    mantissa_size: 10,
    exponent_bias: 15,
};

/// Saves a tree to `path`, whole or not at all.
pub fn save(path: &Path, root: &Group) -> Result<(), FileError> {
    let bytes = write(root).map_err(|error| error.within(path.display().to_string()))?;
    atomic::write(path, &bytes)
}

/// Returns the bytes of the file of a tree.
pub fn write(root: &Group) -> Result<Vec<u8>, FileError> {
    guarded(|| {
        let mut file = FileBuilder::new();
        for (name, value) in attributes(root) {
            file.set_attr(name, value);
        }
        for (name, array) in &root.arrays {
            fill(file.create_dataset(name), array)?;
        }
        for (name, group) in &root.groups {
            let builder = file.create_group(name);
            file.add_group(finished(builder, group)?);
        }
        file.finish().map_err(refused)
    })
}

fn refused(error: impl std::fmt::Display) -> FileError {
    FileError::refused(
        "names of weights are not empty and hold no slash",
        error.to_string(),
        "Rename the layer or weight.",
    )
}

fn finished(mut builder: GroupBuilder, group: &Group) -> Result<FinishedGroup, FileError> {
    for (name, value) in attributes(group) {
        builder.set_attr(name, value);
    }
    for (name, array) in &group.arrays {
        fill(builder.create_dataset(name), array)?;
    }
    for (name, child) in &group.groups {
        let child_builder = builder.create_group(name);
        builder.add_group(finished(child_builder, child)?);
    }
    Ok(builder.finish())
}

fn attributes(group: &Group) -> impl Iterator<Item = (&str, AttrValue)> {
    let name = group.name.iter().map(|name| ("name", AttrValue::VarLenString(name.clone())));
    let others = group.attributes.iter().map(|(name, value)| {
        let value = match value {
            Attribute::Text(text) => AttrValue::VarLenString(text.clone()),
            Attribute::Texts(texts) if texts.is_empty() => AttrValue::F64Array(Vec::new()),
            Attribute::Texts(texts) => AttrValue::VarLenStringArray(texts.clone()),
        };
        (name.as_str(), value)
    });
    name.chain(others)
}

fn fill(dataset: &mut DatasetBuilder, array: &Array) -> Result<(), FileError> {
    let shape: Vec<u64> = array.shape().iter().map(|&dim| dim as u64).collect();
    let datatype = datatype(array.dtype())?;
    dataset
        .with_raw_data(datatype, array.bytes().to_vec(), array.n_elements() as u64)
        .with_shape(&shape);
    if array.dtype() == ArrayType::BF16 {
        dataset.set_attr("dtype", AttrValue::VarLenString("bfloat16".to_owned()));
    }
    Ok(())
}

fn datatype(dtype: ArrayType) -> Result<Datatype, FileError> {
    Ok(match dtype {
        ArrayType::I8 => make_i8_type(),
        ArrayType::U8 => make_u8_type(),
        ArrayType::I16 => make_i16_type(),
        ArrayType::U16 => make_u16_type(),
        ArrayType::I32 => make_i32_type(),
        ArrayType::U32 => make_u32_type(),
        ArrayType::I64 => make_i64_type(),
        ArrayType::U64 => make_u64_type(),
        ArrayType::F32 => make_f32_type(),
        ArrayType::F64 => make_f64_type(),
        ArrayType::F16 => Datatype::FloatingPoint {
            size: 2,
            byte_order: DatatypeByteOrder::LittleEndian,
            layout: FLOAT16,
        },
        ArrayType::BF16 => Datatype::Opaque { size: 2, tag: Vec::new() },
        ArrayType::Bool => EnumTypeBuilder::with_base(make_i8_type())
            .raw_value("FALSE", &[0])
            .raw_value("TRUE", &[1])
            .build()
            .map_err(refused)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::hdf5_read::read;
    use super::*;

    /// One array of every type, nested groups, empty groups, texts.
    pub(crate) fn everything() -> Group {
        let mut root = Group::default();
        for (index, (dtype, _, element_bytes)) in ArrayType::ALL.into_iter().enumerate() {
            let bytes = match dtype {
                ArrayType::Bool => vec![1, 0, 1],
                _ => (0..3 * element_bytes).map(|i| (i * 37 % 256) as u8).collect(),
            };
            let array = Array::new(dtype, vec![3, 1], bytes).unwrap();
            root.insert(&format!("layers/all/vars/{index}"), array).unwrap();
        }
        root.group_mut("layers/all/vars").name = Some("größer/als".to_owned());
        root.group_mut("layers/input_layer/vars").name = Some("eingabe".to_owned());
        root.insert("optimizer/vars/0", Array::i32_scalar(-7)).unwrap();
        root.insert("optimizer/vars/1", Array::f32_scalar(1e-3)).unwrap();
        root.insert("leer", Array::from_f32(&[0, 4], &[]).unwrap()).unwrap();
        root.attributes.push(("one".to_owned(), Attribute::Text("a text".to_owned())));
        let texts = vec!["a".to_owned(), "été".to_owned()];
        root.attributes.push(("many".to_owned(), Attribute::Texts(texts)));
        root.attributes.push(("none".to_owned(), Attribute::Texts(Vec::new())));
        root
    }

    fn by_name(mut group: Group) -> Group {
        group.attributes.sort_by(|a, b| a.0.cmp(&b.0));
        group.groups.sort_by(|a, b| a.0.cmp(&b.0));
        group.groups =
            group.groups.into_iter().map(|(name, child)| (name, by_name(child))).collect();
        group
    }

    #[test]
    fn what_is_written_is_read_back() {
        let root = everything();
        let bytes = write(&root).unwrap();
        assert_eq!(bytes, write(&root).unwrap());
        assert_eq!(by_name(read(bytes).unwrap()), by_name(root));
    }

    #[test]
    fn many_groups_and_a_large_array() {
        let mut root = Group::default();
        for index in 0..700 {
            let path = format!("layers/dense_{index}/vars");
            root.group_mut(&path).name = Some(format!("couche_{index}_é"));
            root.insert(&format!("{path}/0"), Array::i64_scalar(index)).unwrap();
        }
        let values: Vec<f32> = (0..100_000).map(|i| i as f32).collect();
        root.insert("big/vars/0", Array::from_f32(&[100, 1000], &values).unwrap()).unwrap();
        assert_eq!(by_name(read(write(&root).unwrap()).unwrap()), by_name(root));
    }

    #[test]
    fn a_slash_in_a_name_is_refused() {
        let mut root = Group::default();
        root.arrays.push(("a/b".to_owned(), Array::i32_scalar(0)));
        assert!(write(&root).is_err());
    }
}
