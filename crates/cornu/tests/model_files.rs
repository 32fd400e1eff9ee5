//! Files that `h5py` and Keras wrote, and files made to do harm, as `fixtures/make_hostile.py`
//! makes them.

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cornu::saving::{Archive, ArrayType, FileError, Group, H5File, hdf5_read, hdf5_write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A bad file is refused within this time …
const MAX_TIME: Duration = Duration::from_millis(100);
/// … and within this memory beyond what the file itself takes.
const MAX_MEMORY_KB: u64 = 64 << 10;

/// Tests run one at a time, for they measure the memory of the process.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

fn packed(name: &str) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let mut zip = ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut member = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            (member.name().to_owned(), bytes)
        })
        .collect()
}

fn sound(name: &str) -> Vec<u8> {
    packed("sound.zip").into_iter().find(|(key, _)| key == name).unwrap().1
}

/// A line of /proc/self/status, in kB.
fn memory_kb(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Runs a reader that must refuse, and checks what it took. Five tries, for the machine may be
/// busy.
fn refused<T>(what: &str, read: impl Fn() -> Result<T, FileError>) -> FileError {
    let mut quickest = Duration::MAX;
    let mut refusal = None;
    for _ in 0..5 {
        let before_kb = memory_kb("VmRSS:");
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let start = Instant::now();
        let outcome = read();
        quickest = quickest.min(start.elapsed());
        if let (Some(before), Some(peak)) = (before_kb, memory_kb("VmHWM:")) {
            let taken_kb = peak.saturating_sub(before);
            assert!(taken_kb < MAX_MEMORY_KB, "{what}: took {taken_kb} kB");
        }
        refusal = outcome.err();
        assert!(refusal.is_some(), "{what}: was read");
        if quickest < MAX_TIME {
            break;
        }
    }
    assert!(quickest < MAX_TIME, "{what}: took {quickest:?}");
    refusal.unwrap()
}

#[test]
fn hostile_weights_are_refused() {
    let _alone = alone();
    let expected = [
        ("declared_never_written.h5", "unfolds to at most"),
        ("product_beyond_words.h5", "unfolds to at most"),
        ("chunks_never_written.h5", "unfolds to at most"),
        ("zeros_in_one_chunk.h5", "unfolds to at most"),
        ("small_array_in_a_large_chunk.h5", "chunk"),
        ("one_text_often_attribute.h5", "unfolds to at most"),
        ("external_storage.h5", "in another file"),
        ("virtual.h5", "a virtual data set"),
        ("soft_link.h5", "soft link `other`"),
        ("dangling_soft_link.h5", "soft link `other`"),
        ("external_link.h5", "external link `other`"),
        ("soft_link_among_many.h5", "soft link `20`"),
        ("group_in_itself.h5", "a second way"),
        ("two_groups_in_each_other.h5", "a second way"),
        ("two_names_of_one_array.h5", "a second way"),
        ("paths_double_at_each_level.h5", "a second way"),
        ("deep.h5", "64 levels"),
        ("user_block.h5", "signature of HDF5"),
    ];
    let files = packed("hostile.zip");
    let hostile = files.iter().filter(|(name, _)| FOREIGN.iter().all(|(n, _)| n != name));
    assert_eq!(files.len(), expected.len() + FOREIGN.len());
    for ((name, bytes), (expected_name, words)) in hostile.zip(expected) {
        assert_eq!(name, expected_name);
        let text = refused(name, || hdf5_read::read(bytes.clone())).to_string();
        assert!(text.contains(words), "{name}: {text}");
        refused(name, || H5File::from_bytes(bytes.clone()));
        let inside = archive(&[METADATA, CONFIG, (WEIGHTS.0, bytes)], CompressionMethod::Deflated);
        refused(name, || Archive::from_bytes(&inside));
    }
}

/// Files with a data set that holds no numbers, and what it holds.
const FOREIGN: [(&str, &str); 5] = [
    ("one_text_often_dataset.h5", "values of unequal length"),
    ("text_as_weight.h5", "values of unequal length"),
    ("records_as_weight.h5", "records"),
    ("long_double.h5", "numbers of an odd layout"),
    ("opaque_not_bfloat16.h5", "opaque bytes"),
];

#[test]
fn data_sets_that_hold_no_numbers_are_passed_over_unread() {
    let _alone = alone();
    let files = packed("hostile.zip");
    for (name, what) in FOREIGN {
        let (_, bytes) = files.iter().find(|(n, _)| n == name).unwrap();
        let found = hdf5_read::read(bytes.clone()).unwrap().foreign();
        // Reading is held against the limits of refusals.
        refused(name, || {
            hdf5_read::read(bytes.clone())?;
            hdf5_read::read(vec![])
        });
        assert!(found.iter().any(|f| f.ends_with(what)), "{name}: {found:?}");
    }
}

const METADATA: (&str, &[u8]) = ("metadata.json", br#"{"keras_version": "3.15.1"}"#);
const CONFIG: (&str, &[u8]) = ("config.json", br#"{"class_name": "Sequential"}"#);
const WEIGHTS: (&str, &[u8]) = ("model.weights.h5", b"");

fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Every `from` in the bytes becomes `to`, which is as long; there must be `n` of them.
fn patched(mut bytes: Vec<u8>, from: &[u8], to: &[u8], n: usize) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert_eq!(places.len(), n);
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn hostile_archives_are_refused() {
    let _alone = alone();
    let h5 = hdf5_write::write(&Group::default()).unwrap();
    let weights = (WEIGHTS.0, h5.as_slice());
    let stored = |members: &[(&str, &[u8])]| archive(members, CompressionMethod::Stored);
    let good = stored(&[METADATA, CONFIG, weights]);
    assert!(Archive::from_bytes(&good).is_ok());
    let packed = archive(&[METADATA, CONFIG, weights], CompressionMethod::Deflated);
    assert!(Archive::from_bytes(&packed).is_ok());

    let zeros = vec![0; 123_456_789];
    let bomb = archive(&[METADATA, CONFIG, (WEIGHTS.0, &zeros)], CompressionMethod::Deflated);
    let said = (zeros.len() as u32).to_le_bytes();
    let lie = patched(bomb.clone(), &said, &1000_u32.to_le_bytes(), 2);
    let blanks = vec![b' '; 64 << 20];
    let json_bomb = archive(&[METADATA, (CONFIG.0, &blanks), weights], CompressionMethod::Deflated);
    drop((zeros, blanks));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let twice = stored(&[METADATA, CONFIG, ("config.jsoX", b"{}"), weights]);
    let twice = patched(twice, b"config.jsoX", b"config.json", 2);
    let climbing = stored(&[METADATA, CONFIG, weights, ("XX/evil", b"")]);
    let rooted = patched(climbing.clone(), b"XX/evil", b"/X/evil", 2);
    let back = patched(climbing.clone(), b"XX/evil", b"..\\evil", 2);
    let climbing = patched(climbing, b"XX/evil", b"../evil", 2);
    let names: Vec<String> = (0..10_001).map(|index| format!("assets/{index}")).collect();
    let mut many = vec![METADATA, CONFIG, weights];
    many.extend(names.iter().map(|name| (name.as_str(), &b""[..])));
    let mut link = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [METADATA, CONFIG] {
        link.start_file(name, SimpleFileOptions::default()).unwrap();
        link.write_all(bytes).unwrap();
    }
    link.add_symlink(WEIGHTS.0, "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let link = link.finish().unwrap().into_inner();
    let mut locked = good.clone();
    let directory = (0..good.len()).filter(|&at| good[at..].starts_with(b"PK\x01\x02"));
    directory.for_each(|entry| locked[entry + 8] |= 1);
    let npz = stored(&[METADATA, CONFIG, ("model.weights.npz", b"")]);

    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "zip archive"),
        ("text", b"a model".to_vec(), "zip archive"),
        ("HDF5", h5.clone(), ".weights.h5"),
        ("bomb", bomb, "unfolds to at most"),
        ("bomb that lies", lie, "sound zip archive"),
        ("bomb of blanks", json_bomb, "bytes of JSON"),
        ("deep config", stored(&[METADATA, (CONFIG.0, deep.as_bytes()), weights]), "128 levels"),
        ("config that is no JSON", stored(&[METADATA, (CONFIG.0, b"{"), weights]), "JSON"),
        ("config twice", twice, "two members"),
        ("..", climbing, "plain relative names"),
        ("/", rooted, "plain relative names"),
        ("..\\", back, "plain relative names"),
        ("no metadata", stored(&[CONFIG, weights]), "only config.json"),
        ("no config", stored(&[METADATA, weights]), "only metadata.json"),
        ("no weights", stored(&[METADATA, CONFIG]), "only metadata.json"),
        ("no members", stored(&[]), "zip archive"),
        ("junk before", [b"#!/bin/sh\n", good.as_slice()].concat(), "first byte"),
        ("an archive before", [good.as_slice(), good.as_slice()].concat(), "before the archive"),
        ("many members", stored(&many), "members"),
        ("symbolic link", link, "a link"),
        ("locked", locked, "sound zip archive"),
        ("npz", npz, "not supported"),
    ];
    for (what, bytes, words) in &cases {
        let text = refused(what, || Archive::from_bytes(bytes)).to_string();
        assert!(text.contains(words), "{what}: {text}");
    }
    for end in 0..good.len() {
        assert!(Archive::from_bytes(&good[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn forged_shapes_are_refused() {
    let _alone = alone();
    let array = cornu::saving::Array::from_f32(&[3, 5], &[0.5; 15]).unwrap();
    let mut group = Group::default();
    group.insert("vars/0", array).unwrap();
    let bytes = hdf5_write::write(&group).unwrap();
    let dims: Vec<u8> = [3_u64, 5].iter().flat_map(|dim| dim.to_le_bytes()).collect();
    let keras = sound("model.weights.h5");
    let keras_dims: Vec<u8> = [2_u64, 8].iter().flat_map(|dim| dim.to_le_bytes()).collect();
    for forged in [[1 << 40, 1], [1 << 31, 1 << 31], [u64::MAX, u64::MAX], [1 << 62, 2], [4, 5]] {
        let forged_dims: Vec<u8> = forged.iter().flat_map(|dim: &u64| dim.to_le_bytes()).collect();
        let own = patched(bytes.clone(), &dims, &forged_dims, 1);
        refused("own", || hdf5_read::read(own.clone()));
        let mut of_keras = keras.clone();
        let at = (0..keras.len()).find(|&at| keras[at..].starts_with(&keras_dims)).unwrap();
        of_keras[at..at + 16].copy_from_slice(&forged_dims);
        refused("of Keras", || hdf5_read::read(of_keras.clone()));
    }
}

#[test]
fn sound_files_are_read() {
    let _alone = alone();
    for name in ["kinds.h5", "kinds_latest.h5"] {
        let root = hdf5_read::read(sound(name)).unwrap();
        let vars = root.group("layers/k/vars").unwrap();
        assert_eq!(vars.name.as_deref(), Some("größe"));
        let types = [
            ArrayType::F16,
            ArrayType::F32,
            ArrayType::F64,
            ArrayType::I16,
            ArrayType::I32,
            ArrayType::I64,
            ArrayType::U8,
            ArrayType::U64,
        ];
        for (index, dtype) in types.into_iter().enumerate() {
            let (key, array) = &vars.arrays[index];
            assert_eq!((key.as_str(), array.dtype()), (index.to_string().as_str(), dtype));
            assert_eq!(array.to_f32().unwrap(), [0.0, 1.0, 2.0, 100.0]);
        }
        assert_eq!(vars.get("8").unwrap().dtype(), ArrayType::Bool);
        assert_eq!(vars.get("8").unwrap().to_i64().unwrap(), [0, 1, 1, 1]);
        let counted: Vec<f32> = (0..5000).map(|x| x as f32).collect();
        assert_eq!(vars.get("9").unwrap().shape(), [50, 100]);
        assert_eq!(vars.get("9").unwrap().to_f32().unwrap(), counted);
        assert_eq!(vars.get("10").unwrap().shape(), [0, 3]);
        assert_eq!(vars.get("11").unwrap().to_f32().unwrap(), [1.0, -2.0]);
    }
    let root = hdf5_read::read(sound("non_ascii_groups.h5")).unwrap();
    assert_eq!(root.group("layers").unwrap().groups.len(), 12);
    for index in 0..12 {
        let vars = root.group(&format!("layers/é_{index}/vars")).unwrap();
        assert_eq!(vars.name, Some(format!("couche_é_{index}")));
        assert_eq!(vars.get("0").unwrap().to_f32().unwrap(), [index as f32]);
    }
}

#[test]
fn files_of_keras_are_read() {
    let _alone = alone();
    let archive = Archive::from_bytes(&sound("model.keras")).unwrap();
    assert_eq!(archive.keras_version(), Some("3.15.1"));
    assert_eq!(archive.config["config"]["name"], "small");
    let cell = archive.weights.group("layers/lstm/cell/vars").unwrap();
    let shapes: Vec<&[usize]> = cell.arrays.iter().map(|(_, array)| array.shape()).collect();
    assert_eq!(shapes, [&[2, 8][..], &[2, 8], &[8]]);
    let optimizer = archive.weights.group("optimizer/vars").unwrap();
    assert_eq!(optimizer.arrays[0].1.to_i64().unwrap(), [1]);
    assert_eq!(optimizer.arrays[1].1.to_f32().unwrap(), [0.001]);
    assert_eq!(optimizer.arrays.len(), 12);

    let H5File::Weights(weights) = H5File::from_bytes(sound("model.weights.h5")).unwrap() else {
        panic!("weights were taken for a legacy file");
    };
    assert_eq!(weights, archive.weights);

    let H5File::Legacy(legacy) = H5File::from_bytes(sound("model.h5")).unwrap() else {
        panic!("a legacy file was taken for weights");
    };
    assert_eq!(legacy.model_config.unwrap()["config"]["name"], "small");
    assert_eq!(legacy.training_config.unwrap()["loss"], "mse");
    assert_eq!(
        (legacy.keras_version.as_deref(), legacy.backend.as_deref()),
        (Some("3.15.1"), Some("jax"))
    );
    let names: Vec<&str> = legacy.layers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["lstm", "dense"]);
    assert_eq!(&legacy.layers[0].1[0].1, cell.get("0").unwrap());
    assert_eq!(legacy.optimizer_weights.unwrap().len(), 12);
}

#[test]
fn lists_of_names_in_parts_are_joined() {
    let _alone = alone();
    let H5File::Legacy(legacy) = H5File::from_bytes(sound("legacy_fixed_names.h5")).unwrap() else {
        panic!("a legacy file was taken for weights");
    };
    assert_eq!(legacy.keras_version.as_deref(), Some("2.1.6"));
    assert_eq!(legacy.layers.len(), 9);
    for (index, (name, arrays)) in legacy.layers.iter().enumerate() {
        assert_eq!(*name, format!("layer_{index}_with_a_name_that_fills_the_header"));
        if index == 4 {
            assert!(arrays.is_empty());
        } else {
            assert_eq!(arrays[0].0, format!("{name}/kernel:0"));
            assert_eq!(arrays[0].1.to_f32().unwrap(), [index as f32; 2]);
        }
    }
}

/// Flipped bits, forged words and cuts anywhere give a value or an error, quickly, never a panic.
#[test]
fn damaged_files_never_panic() {
    let _alone = alone();
    let mut random = Random(1);
    for (name, bytes) in packed("sound.zip") {
        let read = |bytes: Vec<u8>| {
            let start = Instant::now();
            if name.ends_with(".keras") {
                let _ = Archive::from_bytes(&bytes);
            } else {
                let _ = H5File::from_bytes(bytes);
            }
            assert!(start.elapsed() < 20 * MAX_TIME, "{name}");
        };
        for _ in 0..250 {
            let mut damaged = bytes.clone();
            for _ in 0..1 + random.below(4) {
                let at = random.below(damaged.len() - 8);
                match random.below(3) {
                    0 => damaged[at] ^= 1 << random.below(8),
                    1 => damaged[at] = 0xff,
                    _ => {
                        let word = [0, 1, u64::MAX, 1 << 40, at as u64][random.below(5)];
                        damaged[at & !7..][..8].copy_from_slice(&word.to_le_bytes());
                    }
                }
            }
            read(damaged);
        }
        for _ in 0..50 {
            read(bytes[..random.below(bytes.len())].to_vec());
        }
    }
}

/// A linear congruential generator: the same damage on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
}
