//! Storage that all nodes reach: a shared folder or S3.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt, path};
use url::Url;

/// A place in a store.
#[derive(Debug, Clone)]
pub struct Storage {
    pub url: Url,
    store: Arc<dyn ObjectStore>,
    path: path::Path,
}

impl Storage {
    /// By an address, or the path of a folder.
    pub fn open(address: &str) -> anyhow::Result<Self> {
        let url = if address.contains("://") {
            Url::parse(address).with_context(|| format!("存储地址“{address}”写得不对;应为 file:///文件夹 或 s3://桶/前缀"))?
        } else {
            let folder = std::fs::canonicalize(address)
                .with_context(|| format!("存储文件夹“{address}”不存在;请先建好,并让所有节点都能读写"))?;
            if !folder.is_dir() {
                bail!("存储“{address}”不是文件夹");
            }
            Url::from_directory_path(&folder).map_err(|()| anyhow::anyhow!("存储文件夹“{address}”的路径不能用"))?
        };
        let store = store(&url)?;
        let path = path::Path::from_url_path(url.path()).with_context(|| format!("存储地址“{address}”的路径不能用"))?;
        Ok(Self { url, store, path })
    }

    /// A place inside.
    pub fn join(&self, name: &str) -> Self {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{name}", self.url.path().trim_end_matches('/')));
        let path =
            path::Path::from_iter(self.path.parts().map(|p| p.as_ref().to_owned()).chain(name.split('/').map(str::to_owned)));
        Self { url, store: self.store.clone(), path }
    }

    pub async fn write(&self, bytes: Vec<u8>) -> anyhow::Result<()> {
        self.store.put(&self.path, bytes.into()).await.with_context(|| format!("写不进存储 {}", self.url))?;
        Ok(())
    }

    pub async fn read(&self) -> anyhow::Result<Vec<u8>> {
        let place = || format!("读不到 {}", self.url);
        let bytes = self.store.get(&self.path).await.with_context(place)?.bytes().await.with_context(place)?;
        Ok(bytes.to_vec())
    }

    /// Takes away everything under the place.
    pub async fn clear(&self) -> anyhow::Result<()> {
        use futures_util::{StreamExt, TryStreamExt};
        let all = self.store.list(Some(&self.path)).map_ok(|o| o.location).boxed();
        self.store.delete_stream(all).try_collect::<Vec<path::Path>>().await?;
        // what a local file system leaves
        if let Ok(folder) = self.url.to_file_path() {
            let _ = std::fs::remove_dir_all(folder);
        }
        Ok(())
    }

    /// Copies a file to a folder of this machine.
    pub async fn download(&self, folder: &Path) -> anyhow::Result<std::path::PathBuf> {
        let name = self.path.filename().with_context(|| format!("{} 不是文件", self.url))?;
        let to = folder.join(name);
        std::fs::write(&to, self.read().await?).with_context(|| format!("写不下 {}", to.display()))?;
        Ok(to)
    }
}

fn store(url: &Url) -> anyhow::Result<Arc<dyn ObjectStore>> {
    match url.scheme() {
        "file" => Ok(Arc::new(LocalFileSystem::new())),
        "s3" => {
            let bucket = url.host_str().with_context(|| format!("{url} 没有写桶名"))?;
            let s3 = AmazonS3Builder::from_env().with_bucket_name(bucket).build();
            Ok(Arc::new(s3.with_context(|| format!("连不上 {url};请检查环境变量 AWS_ENDPOINT、AWS_ACCESS_KEY_ID 等"))?))
        }
        other => bail!("存储 {url} 的种类“{other}”不支持;可用 file:// 和 s3://"),
    }
}

/// Gives every node the stores that [`Storage`] knows.
#[derive(Debug)]
pub struct Stores;

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::error::Result<Arc<dyn ObjectStore>> {
        store(url).map_err(|e| DataFusionError::Execution(format!("{e:#}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let folder = tempfile::tempdir().unwrap();
        let s = Storage::open(folder.path().to_str().unwrap()).unwrap();
        assert!(s.join("a/b").url.as_str().ends_with("/a/b"));
        let by_address = Storage::open(s.url.as_str()).unwrap();
        assert_eq!(by_address.join("x").path, s.join("x").path);
        assert!(Storage::open("/nowhere/at/all").unwrap_err().to_string().contains("不存在"));
        assert!(Storage::open("ftp://host/x").unwrap_err().to_string().contains("不支持"));
    }
}
