//! The floor under linking two files: parse them, one thread a file, and hash their third column. usage: read_floor LEFT.csv RIGHT.csv

use std::fs::File;

use rustc_hash::FxHashSet;

const BUFFER: usize = 1 << 18;

fn distinct(path: &str) -> usize {
    let file = File::open(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut reader = simd_csv::ZeroCopyReaderBuilder::with_capacity(BUFFER).flexible(true).from_reader(file);
    let mut values: FxHashSet<Vec<u8>> = FxHashSet::default();
    while let Some(row) = reader.read_byte_record().unwrap_or_else(|e| panic!("{path}: {e}")) {
        if let Some(value) = row.get(2) {
            values.insert(value.to_vec());
        }
    }
    values.len()
}

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    std::thread::scope(|s| {
        let counting: Vec<_> = files.iter().map(|f| s.spawn(move || distinct(f))).collect();
        for (file, n) in files.iter().zip(counting) {
            println!("{file}: {} distinct", n.join().unwrap_or(0));
        }
    });
}
