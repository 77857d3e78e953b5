//! Compound files (.xls): whether their chains of sectors end, before a parser follows them. A chain that comes back to itself would be
//! followed, and kept, for ever.

use super::ReadError;

/// Where the header's fields lie.
const SECTOR_SHIFT: usize = 30;
const FAT_SECTORS: usize = 44;
const FIRST_DIRECTORY: usize = 48;
const FIRST_MINI_FAT: usize = 60;
const FIRST_DIFAT: usize = 68;
const HEADER_DIFAT: usize = 76;
const HEADER: usize = 512;
/// Sectors from this number on are marks, not sectors.
const MARKS: u32 = 0xffff_fffa;
/// Bytes of an entry of the directory, and where its first sector and size stand.
const ENTRY: usize = 128;
const ENTRY_START: usize = 116;
const ENTRY_SIZE: usize = 120;
/// Smaller streams lie in the mini stream.
const MINI_CUTOFF: u32 = 4_096;

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn damaged() -> ReadError {
    ReadError::Damaged("文件的目录首尾相接,没有尽头".into())
}

struct Chains<'a> {
    bytes: &'a [u8],
    sector: usize,
    fat: Vec<u32>,
}

impl<'a> Chains<'a> {
    fn sector(&self, n: u32) -> &'a [u8] {
        let start = (n as usize + 1) * self.sector;
        self.bytes.get(start..(start + self.sector).min(self.bytes.len())).unwrap_or_default()
    }

    /// The sectors of a chain; an error where it does not end. A chain that leaves the file ends there: the parser will say so.
    fn follow(&self, first: u32, table: &[u32]) -> Result<Vec<u32>, ReadError> {
        let mut out = Vec::new();
        let mut at = first;
        while at < MARKS {
            if out.len() > table.len() {
                return Err(damaged());
            }
            out.push(at);
            match table.get(at as usize) {
                Some(next) => at = *next,
                None => break,
            }
        }
        Ok(out)
    }

    fn words(&self, sectors: &[u32]) -> Vec<u32> {
        let of = |s: &u32| self.sector(*s).chunks_exact(4).filter_map(|w| word(w, 0)).collect::<Vec<_>>();
        sectors.iter().flat_map(of).collect()
    }
}

/// Refuses a file one of whose chains has no end.
pub(super) fn check(bytes: &[u8]) -> Result<(), ReadError> {
    let Some(shift) = bytes.get(SECTOR_SHIFT..SECTOR_SHIFT + 2).map(|b| u16::from_le_bytes([b[0], b[1]])) else { return Ok(()) };
    // 512 or 4096; anything else the parser refuses
    if !matches!(shift, 9 | 12) || bytes.len() < HEADER {
        return Ok(());
    }
    let sector = 1usize << shift;
    let most = bytes.len() / sector + 1;
    let mut chains = Chains { bytes, sector, fat: Vec::new() };
    let mut of_fat: Vec<u32> = (0..109).filter_map(|i| word(bytes, HEADER_DIFAT + i * 4)).filter(|s| *s < MARKS).collect();
    let mut at = word(bytes, FIRST_DIFAT).unwrap_or(MARKS);
    let mut seen = 0;
    while at < MARKS {
        seen += 1;
        if seen > most {
            return Err(damaged());
        }
        let words = chains.words(&[at]);
        let Some((next, sectors)) = words.split_last() else { break };
        of_fat.extend(sectors.iter().filter(|s| **s < MARKS));
        at = *next;
    }
    of_fat.truncate(most.min(word(bytes, FAT_SECTORS).unwrap_or(0) as usize));
    let mut fat = chains.words(&of_fat);
    // what the table says beyond the file's end is never followed
    fat.truncate(most);
    chains.fat = fat;
    let directory = chains.follow(word(bytes, FIRST_DIRECTORY).unwrap_or(MARKS), &chains.fat)?;
    let mini = chains.follow(word(bytes, FIRST_MINI_FAT).unwrap_or(MARKS), &chains.fat)?;
    let mini = chains.words(&mini);
    for (i, entry) in directory.iter().flat_map(|s| chains.sector(*s).chunks_exact(ENTRY)).enumerate() {
        let (Some(start), Some(size)) = (word(entry, ENTRY_START), word(entry, ENTRY_SIZE)) else { continue };
        // the first entry is the mini stream itself
        let table = if i > 0 && size < MINI_CUTOFF { &mini } else { &chains.fat };
        chains.follow(start, table)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with one sector of table and one of directory, whose chain goes on to `next`.
    fn file(next: u32) -> Vec<u8> {
        let mut out = vec![0u8; 512 * 3];
        out[SECTOR_SHIFT] = 9;
        let mut put = |at: usize, v: u32| out[at..at + 4].copy_from_slice(&v.to_le_bytes());
        put(FAT_SECTORS, 1);
        put(FIRST_DIRECTORY, 1);
        put(FIRST_MINI_FAT, 0xffff_fffe);
        put(FIRST_DIFAT, 0xffff_fffe);
        put(HEADER_DIFAT, 0);
        (1..109).for_each(|i| put(HEADER_DIFAT + i * 4, 0xffff_ffff));
        put(512, 0xffff_fffd);
        put(516, next);
        (2..128).for_each(|i| put(512 + i * 4, 0xffff_ffff));
        (0..4).for_each(|i| put(1024 + i * ENTRY + ENTRY_START, 0xffff_fffe));
        out
    }

    #[test]
    fn chains_end_or_are_refused() {
        assert_eq!(check(&file(0xffff_fffe)), Ok(()));
        assert_eq!(check(&file(1)), Err(damaged()), "the directory leads to itself");
        assert_eq!(check(&file(999)), Ok(()), "out of the file: the parser says so");
        assert_eq!(check(b"short"), Ok(()));
    }
}
