//! 读文件的隔离 (the isolated reader): packed and binary files and photos are read by a process of their own, the same program started anew with
//! limits on memory and time and nothing else to lose. A damaged file then costs a sentence, not the service.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use baoxue_documents::Sheet;
use baoxue_documents::photo::{self, PhotoError};
use baoxue_documents::read::{self, ReadError};

/// The word that starts the program as a reader.
const READER: &str = "read-file";
/// What it is asked for: the first byte that it reads.
const SHEETS: u8 = b'S';
const PHOTO: u8 = b'P';
/// Address space of a reader: the widest sheet of a million rows takes two thirds of it.
const MEMORY_BYTES: u64 = 3 << 30;
/// Processor seconds: a million rows take ten.
const CPU_SECONDS: u64 = 120;
/// Readers at a time: each may take its whole memory.
const AT_ONCE: usize = 4;
/// Bytes of a message about a file that was refused.
const MAX_SAID: u64 = 4_096;

/// The program to start; unset where the program cannot be a reader (tests of the library), which then reads by itself.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Called first of all: where the program was started as a reader, it reads and gives how it ended.
pub fn serve_if_asked() -> Option<ExitCode> {
    crate::app::process::keep_to_itself();
    if std::env::args_os().nth(1).is_some_and(|a| a == READER) {
        return Some(serve());
    }
    // the program that runs, even where another version has been put in its place since
    let running = PathBuf::from("/proc/self/exe");
    if let Some(program) = if running.exists() { Some(running) } else { std::env::current_exe().ok() } {
        let _ = PROGRAM.set(program);
    }
    None
}

#[cfg(unix)]
fn limit() -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |resource, n| setrlimit(resource, Rlimit { current: Some(n), maximum: Some(n) });
    limit(Resource::As, MEMORY_BYTES)?;
    limit(Resource::Cpu, CPU_SECONDS)?;
    limit(Resource::Core, 0)?;
    Ok(())
}

#[cfg(not(unix))]
fn limit() -> std::io::Result<()> {
    Ok(())
}

fn serve() -> ExitCode {
    let done = || -> std::io::Result<()> {
        limit()?;
        let mut input = BufReader::new(std::io::stdin().lock());
        let mut wanted = [0];
        input.read_exact(&mut wanted)?;
        let mut length = [0; 8];
        input.read_exact(&mut length)?;
        let mut name = vec![0; u64::from_le_bytes(length).min(MAX_SAID) as usize];
        input.read_exact(&mut name)?;
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        let mut out = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
        if wanted == [PHOTO] {
            match photo::clean(&bytes) {
                Ok(kept) => {
                    out.write_all(&[0])?;
                    out.write_all(&kept)?;
                }
                Err(e) => out.write_all(&[photo_code(&e)])?,
            }
            return out.flush();
        }
        match read::read(&String::from_utf8_lossy(&name), bytes) {
            Ok(sheets) => {
                out.write_all(&[0])?;
                out.write_all(&(sheets.len() as u64).to_le_bytes())?;
                sheets.iter().try_for_each(|s| s.write_to(&mut out))?;
            }
            Err(e) => {
                let (code, said) = to_wire(&e);
                out.write_all(&[code])?;
                out.write_all(said.as_bytes())?;
            }
        }
        out.flush()
    };
    if done().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn to_wire(e: &ReadError) -> (u8, &str) {
    match e {
        ReadError::Empty => (1, ""),
        ReadError::NoContent => (2, ""),
        ReadError::NotSpreadsheet(what) => (3, what),
        ReadError::Encrypted => (4, ""),
        ReadError::Damaged(why) => (5, why),
        ReadError::Bomb => (6, ""),
        ReadError::TooLarge => (7, ""),
        ReadError::TooMuch => (8, ""),
    }
}

fn from_wire(code: u8, said: String) -> ReadError {
    match code {
        1 => ReadError::Empty,
        2 => ReadError::NoContent,
        3 => ReadError::NotSpreadsheet(said.into()),
        4 => ReadError::Encrypted,
        5 => ReadError::Damaged(said.into()),
        6 => ReadError::Bomb,
        7 => ReadError::TooLarge,
        _ => ReadError::TooMuch,
    }
}

fn photo_code(e: &PhotoError) -> u8 {
    match e {
        PhotoError::Unknown => 1,
        PhotoError::Damaged => 2,
        PhotoError::TooLarge => 3,
    }
}

/// Holds a place among the readers.
struct Turn;

static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Turn {
    fn wait() -> Self {
        let mut n = RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner);
        while *n >= AT_ONCE {
            n = RUNNING.1.wait(n).unwrap_or_else(PoisonError::into_inner);
        }
        *n += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        RUNNING.1.notify_one();
    }
}

/// Reads all sheets of a file that have content. It blocks.
pub fn read(name: &str, bytes: Vec<u8>) -> Result<Vec<Sheet>, ReadError> {
    match PROGRAM.get() {
        // text is read row by row, in memory of the file's own size
        Some(program) if read::is_packed(&bytes) && bytes.len() <= read::MAX_FILE_BYTES => {
            let _turn = Turn::wait();
            apart(program, SHEETS, name, bytes, answer).unwrap_or(Err(ReadError::TooMuch))
        }
        _ => read::read(name, bytes),
    }
}

/// Decodes and encodes a photo anew. It blocks.
pub fn clean_photo(bytes: Vec<u8>) -> Result<Vec<u8>, PhotoError> {
    let Some(program) = PROGRAM.get() else { return photo::clean(&bytes) };
    let _turn = Turn::wait();
    let taken = |from: &mut BufReader<ChildStdout>| {
        let mut code = [0];
        from.read_exact(&mut code)?;
        let mut kept = Vec::new();
        from.read_to_end(&mut kept)?;
        Ok(match code {
            [0] => Ok(kept),
            [1] => Err(PhotoError::Unknown),
            [3] => Err(PhotoError::TooLarge),
            _ => Err(PhotoError::Damaged),
        })
    };
    // a reader that died of it
    apart(program, PHOTO, "", bytes, taken).unwrap_or(Err(PhotoError::Damaged))
}

/// An outer error: the reader died.
fn apart<T>(
    program: &PathBuf,
    wanted: u8,
    name: &str,
    bytes: Vec<u8>,
    answer: impl FnOnce(&mut BufReader<ChildStdout>) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let mut reader = Command::new(program)
        .arg(READER)
        // neither keys nor addresses of databases
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (stdin, stdout) = (reader.stdin.take(), reader.stdout.take());
    let name = name.as_bytes()[..name.len().min(MAX_SAID as usize)].to_vec();
    let feed = std::thread::spawn(move || -> std::io::Result<()> {
        let Some(mut to) = stdin else { return Ok(()) };
        to.write_all(&[wanted])?;
        to.write_all(&(name.len() as u64).to_le_bytes())?;
        to.write_all(&name)?;
        to.write_all(&bytes)
    });
    let result = stdout
        .map_or_else(|| Err(std::io::ErrorKind::BrokenPipe.into()), |out| answer(&mut BufReader::with_capacity(1 << 18, out)));
    // whatever it still does, nobody waits for it
    if result.is_err() {
        let _ = reader.kill();
    }
    let _ = reader.wait();
    let _ = feed.join();
    result
}

fn answer(from: &mut impl Read) -> std::io::Result<Result<Vec<Sheet>, ReadError>> {
    let mut code = [0];
    from.read_exact(&mut code)?;
    if code[0] != 0 {
        let mut said = String::new();
        from.take(MAX_SAID).read_to_string(&mut said)?;
        return Ok(Err(from_wire(code[0], said)));
    }
    let mut n = [0; 8];
    from.read_exact(&mut n)?;
    let mut sheets = Vec::new();
    for _ in 0..u64::from_le_bytes(n) {
        sheets.push(Sheet::read_from(from)?);
    }
    Ok(Ok(sheets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_arrive_as_they_were() {
        for e in [
            ReadError::Empty,
            ReadError::NoContent,
            ReadError::NotSpreadsheet("图片".into()),
            ReadError::Encrypted,
            ReadError::Damaged("缺了一截".into()),
            ReadError::Bomb,
            ReadError::TooLarge,
            ReadError::TooMuch,
        ] {
            let (code, said) = to_wire(&e);
            assert_eq!(from_wire(code, said.to_owned()), e);
        }
    }
}
