//! 提醒 (cautions): what the system administrator has to put right, in red on her first page.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Days before a certificate's end from which it is said.
pub const CERTIFICATE_DAYS: u32 = 30;
/// How often a certificate is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(12 * 3600);

#[derive(Clone, Default)]
pub struct Cautions {
    always: Vec<String>,
    certificate: Arc<Mutex<Option<String>>>,
}

impl Cautions {
    /// What holds as long as the program runs.
    pub fn new(always: Vec<String>) -> Self {
        Self { always, certificate: Arc::default() }
    }

    /// Looks at a certificate now and twice a day.
    pub fn watch(&self, cert: PathBuf) {
        let found = self.certificate.clone();
        tokio::spawn(async move {
            loop {
                let path = cert.clone();
                let said = tokio::task::spawn_blocking(move || expiry(&path)).await.ok().flatten();
                *found.lock().unwrap_or_else(PoisonError::into_inner) = said;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
    }

    /// All of them now.
    pub fn all(&self) -> Vec<String> {
        let certificate = self.certificate.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.always.iter().cloned().chain(certificate).collect()
    }
}

/// Whether a certificate ends soon, by the system's own openssl; nothing where there is none.
pub fn ends_soon(cert: &Path) -> Option<bool> {
    let seconds = (CERTIFICATE_DAYS * 86_400).to_string();
    let out = Command::new("openssl").args(["x509", "-noout", "-checkend", &seconds, "-in"]).arg(cert).output().ok()?;
    Some(!out.status.success())
}

fn expiry(cert: &Path) -> Option<String> {
    ends_soon(cert)?
        .then(|| format!("HTTPS 证书 {CERTIFICATE_DAYS} 天内到期(或已到期):到期后手机会拒绝打开。请换新证书,然后重启服务"))
}
