//! 对象存储 (a bucket): encrypted files in S3-compatible storage, so that several machines share them. The folder beside is a cache of the same
//! encrypted bytes.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use quick_xml::Reader;
use quick_xml::events::Event;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::ground::error::{Result, StoreError};

/// How long a signed address holds: one request.
const SIGNED: Duration = Duration::from_secs(300);
/// How long a request may take: the largest original over a slow line.
const PATIENCE: Duration = Duration::from_secs(300);
/// Tries of a request that the storage did not answer.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// Certificates of the system, for storage that is reached over TLS.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where a bucket is, and who asks.
#[derive(Clone)]
pub struct FileBucket {
    bucket: Bucket,
    credentials: Credentials,
    prefix: String,
    agent: Agent,
}

/// An object of the bucket.
pub(crate) struct Object {
    pub name: String,
    pub age: Duration,
}

fn bad(what: &str) -> StoreError {
    StoreError::Bucket(what.to_owned())
}

impl FileBucket {
    /// Of an address `s3+http://HOST:PORT/BUCKET[/PREFIX][?region=NAME]` or `s3+https://…`. `certificates` is a PEM file of those who may vouch for
    /// the storage; the system's where none is given.
    pub fn new(address: &str, key: &str, secret: &str, certificates: Option<&Path>) -> Result<Self> {
        let said = || bad("文件存储的地址写成 s3+https://主机:端口/桶名/前缀");
        let plain = address.strip_prefix("s3+").ok_or_else(said)?;
        let (plain, query) = plain.split_once('?').unwrap_or((plain, ""));
        let region = query.split('&').find_map(|q| q.strip_prefix("region=")).unwrap_or("us-east-1");
        let (scheme, rest) = plain.split_once("://").ok_or_else(said)?;
        let (host, path) = rest.split_once('/').ok_or_else(said)?;
        let (name, prefix) = path.split_once('/').unwrap_or((path, ""));
        if !matches!(scheme, "http" | "https") || host.is_empty() || name.is_empty() || key.is_empty() || secret.is_empty() {
            return Err(if key.is_empty() || secret.is_empty() {
                bad("没有文件存储的钥匙:请设环境变量 BAOXUE_S3_KEY 和 BAOXUE_S3_SECRET")
            } else {
                said()
            });
        }
        let endpoint = format!("{scheme}://{host}").parse().map_err(|_| said())?;
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name.to_owned(), region.to_owned()).map_err(|_| said())?;
        let mut config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        if scheme == "https" {
            let file = certificates.unwrap_or(Path::new(SYSTEM_CERTIFICATES));
            let pem = std::fs::read(file).map_err(|_| bad(&format!("证书文件 {} 读不出来", file.display())))?;
            let roots: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(c)) => Some(c),
                    _ => None,
                })
                .collect();
            config = config.tls_config(TlsConfig::builder().root_certs(RootCerts::from(roots)).build());
        }
        let prefix = prefix.trim_matches('/');
        Ok(Self {
            bucket,
            credentials: Credentials::new(key, secret),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            agent: config.build().into(),
        })
    }

    fn object(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Asks until it is answered; what the storage refuses is not asked again.
    fn ask<T>(&self, mut request: impl FnMut() -> std::result::Result<T, ureq::Error>) -> Result<T> {
        let mut tried = 0;
        loop {
            tried += 1;
            match request() {
                Ok(answer) => return Ok(answer),
                Err(e) if tried >= TRIES => {
                    tracing::error!("文件存储:{e}");
                    return Err(bad("连不上文件存储,这次没有保存;请稍候再试,或请系统管理员查看"));
                }
                Err(_) => std::thread::sleep(PAUSE * tried),
            }
        }
    }

    fn expect(&self, status: u16, name: &str) -> Result<()> {
        match status {
            200..=299 => Ok(()),
            404 => Err(std::io::Error::from(std::io::ErrorKind::NotFound).into()),
            403 => Err(bad("文件存储不认这副钥匙(403);请系统管理员查看 BAOXUE_S3_KEY 和 BAOXUE_S3_SECRET")),
            other => Err(bad(&format!("文件存储拒绝了 {name}({other})"))),
        }
    }

    /// Puts a file there; it is there for good when this returns.
    pub(crate) fn put(&self, name: &str, from: &Path) -> Result<()> {
        let object = self.object(name);
        let answer = self.ask(|| {
            let url = self.bucket.put_object(Some(&self.credentials), &object).sign(SIGNED);
            self.agent.put(url.as_str()).send(File::open(from)?)
        })?;
        self.expect(answer.status().as_u16(), name)
    }

    /// Fetches a file into the cache.
    pub(crate) fn get(&self, name: &str, to: &Path) -> Result<()> {
        let object = self.object(name);
        let mut answer = self.ask(|| {
            let url = self.bucket.get_object(Some(&self.credentials), &object).sign(SIGNED);
            self.agent.get(url.as_str()).call()
        })?;
        self.expect(answer.status().as_u16(), name)?;
        let folder = to.parent().ok_or(StoreError::Damaged)?;
        std::fs::create_dir_all(folder)?;
        // two may fetch the same at once
        let partial = folder.join(format!(".{:016x}.partial", u64::from_be_bytes(crate::random()?)));
        let done = (|| {
            std::io::copy(&mut answer.body_mut().as_reader(), &mut File::create(&partial)?)?;
            std::fs::rename(&partial, to)?;
            Ok(())
        })();
        if done.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        done
    }

    /// Takes a file away.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let object = self.object(name);
        let answer = self.ask(|| {
            let url = self.bucket.delete_object(Some(&self.credentials), &object).sign(SIGNED);
            self.agent.delete(url.as_str()).call()
        })?;
        self.expect(answer.status().as_u16(), name)
    }

    /// All files there.
    pub(crate) fn list(&self) -> Result<Vec<Object>> {
        let mut out = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut answer = self.ask(|| {
                let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
                action.with_prefix(self.prefix.clone());
                if let Some(t) = &token {
                    action.with_continuation_token(t.clone());
                }
                self.agent.get(action.sign(SIGNED).as_str()).call()
            })?;
            self.expect(answer.status().as_u16(), "目录")?;
            let text = answer.body_mut().read_to_string().map_err(|_| bad("文件存储的目录读不出来"))?;
            let page = page_of(&text).ok_or_else(|| bad("文件存储的目录读不出来"))?;
            for (key, modified) in page.objects {
                let Some(name) = key.strip_prefix(&self.prefix) else { continue };
                // one whose age is not told is young
                let at = modified.parse::<jiff::Timestamp>().map(SystemTime::from);
                let age = at.ok().and_then(|t| t.elapsed().ok()).unwrap_or_default();
                out.push(Object { name: name.to_owned(), age });
            }
            token = page.next;
            if token.is_none() {
                return Ok(out);
            }
        }
    }
}

/// A page of a bucket's list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    /// Key and when it was written.
    objects: Vec<(String, String)>,
    next: Option<String>,
}

/// Reads a page by the names of its elements alone: storages differ in the namespace that they give.
fn page_of(xml: &str) -> Option<Page> {
    let mut reader = Reader::from_str(xml);
    let (mut page, mut path, mut key, mut modified) = (Page::default(), Vec::<String>::new(), String::new(), String::new());
    loop {
        let text = match reader.read_event().ok()? {
            Event::Start(e) => {
                path.push(e.local_name().as_ref().to_owned());
                continue;
            }
            Event::End(e) => {
                path.pop();
                if e.local_name().as_ref() == "Contents" {
                    page.objects.push((decoded(&std::mem::take(&mut key)), std::mem::take(&mut modified)));
                }
                continue;
            }
            Event::Text(t) => t.xml10_content().into_owned(),
            Event::GeneralRef(r) => match r.resolve_char_ref().ok()? {
                Some(c) => c.to_string(),
                None => quick_xml::escape::resolve_predefined_entity(r.as_ref())?.to_owned(),
            },
            Event::Eof => return (path.is_empty() && xml.contains("ListBucketResult")).then_some(page),
            _ => continue,
        };
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [.., "Contents", "Key"] => key.push_str(&text),
            [.., "Contents", "LastModified"] => modified.push_str(&text),
            [_, "NextContinuationToken"] => page.next.get_or_insert_default().push_str(&text),
            _ => {}
        }
    }
}

/// Keys are asked for in the form of addresses: `a%2Fb`.
fn decoded(key: &str) -> String {
    let mut out = Vec::with_capacity(key.len());
    let mut bytes = key.bytes();
    while let Some(b) = bytes.next() {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match b {
            b'%' => match (hex(bytes.next()), hex(bytes.next())) {
                (Some(a), Some(b)) => out.push((a * 16 + b) as u8),
                _ => return key.to_owned(),
            },
            b => out.push(b),
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |a: &str| FileBucket::new(a, "k", "s", None).map(|b| (b.bucket.base_url().to_string(), b.prefix));
        assert_eq!(of("s3+http://10.0.0.5:9000/baoxue").unwrap(), ("http://10.0.0.5:9000/baoxue/".into(), String::new()));
        assert_eq!(of("s3+http://h/b/青禾/x/?region=cn-1").unwrap().1, "青禾/x/");
        for wrong in ["http://h/b", "s3+ftp://h/b", "s3+http://h", "s3+http:///b", "s3+http://h/", ""] {
            assert!(of(wrong).unwrap_err().to_string().contains("地址写成"), "{wrong}");
        }
        let no_key = FileBucket::new("s3+http://h/b", "", "s", None).err().unwrap().to_string();
        assert!(no_key.contains("BAOXUE_S3_KEY"), "{no_key}");
    }

    #[test]
    fn pages_of_a_list() {
        let page = |ns: &str| {
            format!(
                "<?xml version=\"1.0\"?><ListBucketResult{ns}><Name>b</Name><IsTruncated>true</IsTruncated><Contents><Key>q%2Foriginal%2F1a</Key>\
                 <LastModified>2023-10-09T01:02:03.000Z</LastModified><Size>3</Size></Contents><Contents><Key>q/roster/2b</Key></Contents>\
                 <NextContinuationToken>t&#43;1</NextContinuationToken></ListBucketResult>"
            )
        };
        for ns in [" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", " xmlns=\"urn:other\"", ""] {
            let p = page_of(&page(ns)).unwrap();
            assert_eq!(p.objects[0], ("q/original/1a".into(), "2023-10-09T01:02:03.000Z".into()));
            assert_eq!(p.objects[1].0, "q/roster/2b");
            assert_eq!(p.next.as_deref(), Some("t+1"));
        }
        assert_eq!(page_of("<html>no</html>"), None);
        assert_eq!(page_of("<ListBucketResult><Contents>"), None);
    }
}
