//! TensorBoard's event files: records with checksums, each an `Event` in protocol buffers.
//!
//! Source: tensorflow/core/util/event.proto, summary.proto and tensor.proto;
//! tensorflow/core/lib/io/record_writer.cc.

use crate::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A message in protocol buffers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut x: u64) -> Self {
        while x >= 0x80 {
            self.0.push(x as u8 | 0x80);
            x >>= 7;
        }
        self.0.push(x as u8);
        self
    }

    fn int(self, field: u64, x: i64) -> Self {
        self.varint(field << 3).varint(x as u64)
    }

    fn double(self, field: u64, x: f64) -> Self {
        let mut message = self.varint(field << 3 | 1);
        message.0.extend(x.to_le_bytes());
        message
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        message.0.extend(bytes);
        message
    }

    fn message(self, field: u64, m: &Message) -> Self {
        self.bytes(field, &m.0)
    }
}

/// A tensor of a summary.
enum Content<'a> {
    Float(f32),
    Doubles(Vec<f64>, [usize; 2]),
    Text(&'a str),
}

impl Content<'_> {
    /// `TensorProto`: type 1, shape 2, content 4, strings 8.
    fn proto(&self) -> Message {
        let shape = |dims: &[usize]| {
            dims.iter().fold(Message::default(), |m, d| {
                m.message(2, &Message::default().int(1, *d as i64))
            })
        };
        match self {
            Content::Float(x) => {
                Message::default().int(1, 1).message(2, &shape(&[])).bytes(4, &x.to_le_bytes())
            }
            Content::Doubles(values, dims) => {
                let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                Message::default().int(1, 2).message(2, &shape(dims)).bytes(4, &bytes)
            }
            Content::Text(text) => {
                Message::default().int(1, 7).message(2, &shape(&[])).bytes(8, text.as_bytes())
            }
        }
    }
}

/// An event file that is being written.
pub(super) struct EventFile {
    file: File,
    path: PathBuf,
}

/// CRC-32C (Castagnoli), bit by bit: records are small.
fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

/// CRC-32C rotated and offset, as records carry it.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

impl EventFile {
    /// A new file in a folder, which is made if need be.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let failed = |source| Error::Io { what: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map_or("localhost".to_string(), |h| h.trim().to_string());
        let stem =
            format!("events.out.tfevents.{:010}.{host}.{}", now_s() as u64, std::process::id());
        for n in 0.. {
            let path = folder.join(format!("{stem}.{n}.v2"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut events = Self { file, path };
                    events
                        .write(&Message::default().double(1, now_s()).bytes(3, b"brain.Event:2"))?;
                    return Ok(events);
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(e)),
            }
        }
        unreachable!("some number is free")
    }

    fn write(&mut self, event: &Message) -> Result<()> {
        let length = (event.0.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(&event.0);
        record.extend(masked_crc(&event.0).to_le_bytes());
        self.file
            .write_all(&record)
            .map_err(|source| Error::Io { what: self.path.display().to_string(), source })
    }

    /// A summary of a plugin: `class` is 1 for scalars, 2 for tensors, 0 for none.
    fn summary(
        &mut self,
        tag: &str,
        step: u64,
        plugin: (&str, &[u8]),
        class: i64,
        content: &Content<'_>,
    ) -> Result<()> {
        let mut plugin_data = Message::default().bytes(1, plugin.0.as_bytes());
        if !plugin.1.is_empty() {
            plugin_data = plugin_data.bytes(2, plugin.1);
        }
        let mut metadata = Message::default().message(1, &plugin_data);
        if class > 0 {
            metadata = metadata.int(4, class);
        }
        let value = Message::default()
            .bytes(1, tag.as_bytes())
            .message(8, &content.proto())
            .message(9, &metadata);
        let summary = Message::default().message(1, &value);
        self.write(&Message::default().double(1, now_s()).int(2, step as i64).message(5, &summary))
    }

    /// A number.
    pub(super) fn scalar(&mut self, tag: &str, value: f64, step: u64) -> Result<()> {
        self.summary(tag, step, ("scalars", b""), 1, &Content::Float(value as f32))
    }

    /// The distribution of numbers, in 30 buckets of equal width.
    pub(super) fn histogram(&mut self, tag: &str, values: &[f64], step: u64) -> Result<()> {
        let buckets = buckets(values);
        self.summary(
            tag,
            step,
            ("histograms", b""),
            2,
            &Content::Doubles(buckets.concat(), [buckets.len(), 3]),
        )
    }

    /// The config of a model, which TensorBoard draws as a graph.
    pub(super) fn model(&mut self, config: &str) -> Result<()> {
        self.summary("keras", 0, ("graph_keras_model", b"1"), 0, &Content::Text(config))
    }
}

/// Left edge, right edge and count of each bucket.
fn buckets(values: &[f64]) -> Vec<[f64; 3]> {
    const N: usize = 30;
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return vec![[0.0; 3]; N];
    }
    if max.is_nan() || min.is_nan() || max <= min {
        let mut all = vec![[max, max, 0.0]; N];
        all[N - 1][2] = values.len() as f64;
        return all;
    }
    let width = (max - min) / N as f64;
    let edge = |i: usize| if i == N { max } else { min + width * i as f64 };
    let mut all: Vec<[f64; 3]> = (0..N).map(|i| [edge(i), edge(i + 1), 0.0]).collect();
    for x in values {
        let i = ((x - min) / width).floor() as usize;
        all[i.min(N - 1)][2] += 1.0;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_records() {
        // A record of 24 letters x as TensorFlow writes it.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked_crc(&24u64.to_le_bytes()), 0x224b_7fa3);
        assert_eq!(masked_crc(&[b'x'; 24]), 0xe6b6_638a);
    }

    #[test]
    fn buckets_hold_every_value() {
        let all = buckets(&[0.0, 1.0, 2.0, 29.9, 30.0]);
        assert_eq!(all.iter().map(|b| b[2]).collect::<Vec<_>>()[..4], [1.0, 1.0, 1.0, 0.0]);
        assert_eq!(all[29], [29.0, 30.0, 2.0]);
        let one = buckets(&[0.5, 0.5]);
        assert_eq!((one[0], one[29]), ([0.5, 0.5, 0.0], [0.5, 0.5, 2.0]));
    }
}
