//! The ground: databases, keys, encrypted files, migrations, who sees which rows.

pub(crate) mod backup;
pub(crate) mod bucket;
pub(crate) mod dialect;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod migrate;
#[cfg(feature = "raw")]
pub(crate) mod raw;
pub(crate) mod schema;
pub(crate) mod scope;
pub(crate) mod vault;
