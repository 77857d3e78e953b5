//! Blocking and comparison by the executors of a cluster.
//!
//! Of each stage the client writes orders and records (Parquet) to the shared storage. The executors explode the records to entries under
//! block keys, repartition them by share of keys, and compare each share; the client puts together what they propose.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use ballista::prelude::SessionContextExt;
use baoxue_linkage::{Engine, Proposed, Task};
use datafusion::arrow::array::{ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, UInt32Array, UInt64Array};
use datafusion::arrow::buffer::Buffer;
use datafusion::config::ExecutionOptions;
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionContext};
use futures_util::StreamExt;
use tokio::runtime::Runtime;

use crate::functions;
use crate::node::{self, Address};
use crate::storage::Storage;

/// Records of one Parquet file, which one task explodes.
const RECORDS_A_FILE: usize = 250_000;
/// About so many bytes of entries make a share.
const SHARE_BYTES: usize = 16 << 20;
/// So many shares are compared one after the other by one task.
const SHARES_A_TASK: usize = 4;
/// Tasks that are worth making of little: some for each core of some machines.
const MIN_TASKS: usize = 8;
/// Bytes of an entry beside the record's words, in memory.
const ENTRY_BYTES: usize = 40;

/// How long a stage may take before it is asked for again: many times what one core needs.
const LEAST_PATIENCE: Duration = Duration::from_secs(25);
const PATIENCE_AN_ENTRY_MICROS: u64 = 20;
const ATTEMPTS: usize = 3;
/// How long an executor may take to do next to nothing.
const WORK_WITHIN: Duration = Duration::from_secs(30);

/// 集群 (cluster): compares for [`baoxue_linkage::link`].
pub struct Cluster {
    runtime: Runtime,
    session: SessionContext,
    scheduler: Address,
    /// The run's own place.
    run: Storage,
    shares: Option<u32>,
    stage: AtomicUsize,
}

impl Cluster {
    /// Connects to a scheduler. Nothing is written yet.
    pub fn connect(scheduler: Address, storage: Storage, shares: Option<u32>) -> anyhow::Result<Self> {
        let runtime = node::tokio_runtime()?;
        let session = runtime.block_on(async {
            scheduler.reach().await?;
            let state = node::session_state(node::session_config())?;
            let session = SessionContext::remote_with_state(&format!("df://{scheduler}"), state).await?;
            // connecting forgets functions
            node::register(&mut *session.state_ref().write())?;
            anyhow::Ok(session)
        })?;
        // a name that no other run has
        let lot = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        let run = storage.join(&format!("baoxue-run-{lot:016x}"));
        let cluster = Self { runtime, session, scheduler, run, shares, stage: AtomicUsize::new(0) };
        let answered = cluster.runtime.block_on(async { tokio::time::timeout(WORK_WITHIN, cluster.ask_version()).await });
        match answered {
            Err(_) => bail!("调度节点 {} 在运行,但没有执行节点接活;请启动执行节点,并让它连到这个调度节点", cluster.scheduler),
            Ok(Err(e)) => bail!(cluster.explained(&e)),
            Ok(Ok(())) => Ok(cluster),
        }
    }

    /// Has an executor do next to nothing: before much is read, it is known whether there is one, and of our version.
    async fn ask_version(&self) -> anyhow::Result<()> {
        let one = LogicalPlanBuilder::empty(true).project(vec![functions::version().call(vec![lit(1)])])?.build()?;
        DataFrame::new(self.session.state(), one).collect().await?;
        Ok(())
    }

    /// Fetches a file by its address.
    pub fn fetch(&self, address: &str, folder: &Path) -> anyhow::Result<PathBuf> {
        self.runtime.block_on(Storage::open(address)?.download(folder))
    }

    /// Takes away what the run left in the storage.
    pub fn finish<T>(&self, done: anyhow::Result<T>) -> anyhow::Result<T> {
        let cleared = self.runtime.block_on(self.run.clear());
        let done = done?;
        cleared.with_context(|| format!("比对已完成,但没能清理 {}", self.run.url))?;
        Ok(done)
    }

    async fn stage(&self, mut task: Task<'_, '_>) -> anyhow::Result<Proposed> {
        let context = self.run.join("context");
        let number = self.stage.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            context.write(postcard::to_stdvec(&task.context())?).await?;
        }
        let stage = self.run.join(&format!("stage-{number}"));
        let orders = stage.join("orders");
        orders.write(postcard::to_stdvec(&task.orders())?).await?;
        let records = task.records();
        if records.is_empty() || task.rules() == 0 {
            return Ok(Proposed::default());
        }
        let folder = stage.join("records");
        for (i, some) in records.chunks(RECORDS_A_FILE).enumerate() {
            folder.join(&format!("{i:06}.parquet")).write(parquet(&task, some)?).await?;
        }
        let entries = records.len() * task.rules() * (4 * task.stride() + ENTRY_BYTES);
        let shares = self.shares.unwrap_or_else(|| (entries / SHARE_BYTES).max(MIN_TASKS * SHARES_A_TASK) as u32);
        // a scheduler that loses an executor at the wrong moment may wait for its tasks for ever: the work is asked for once more
        let of_entries = PATIENCE_AN_ENTRY_MICROS * (records.len() * task.rules()) as u64;
        let patience = LEAST_PATIENCE + Duration::from_micros(of_entries);
        let mut proposed = Err(anyhow!("执行节点 {} 秒内没有做完,试了 {ATTEMPTS} 次", patience.as_secs()));
        for _ in 0..ATTEMPTS {
            if let Ok(done) = tokio::time::timeout(patience, self.query(&folder, [&context, &orders], shares)).await {
                proposed = done;
                break;
            }
        }
        stage.clear().await?;
        proposed
    }

    async fn query(&self, records: &Storage, [context, orders]: [&Storage; 2], shares: u32) -> anyhow::Result<Proposed> {
        // entries go to their shares as they come: each is one's own, there is nothing to add up before
        self.session.state_ref().write().config_mut().options_mut().execution = ExecutionOptions {
            target_partitions: (shares as usize).div_ceil(SHARES_A_TASK).max(MIN_TASKS),
            skip_partial_aggregation_probe_rows_threshold: 0,
            skip_partial_aggregation_probe_ratio_threshold: 0.0,
            ..self.session.copied_config().options().execution.clone()
        };
        let compared = compare(&self.session, records, [context, orders], shares).await?;
        let mut stream = compared.execute_stream().await?;
        let mut all = Proposed::default();
        while let Some(batch) = stream.next().await {
            for packed in batch?.column(0).as_binary::<i64>().iter().flatten() {
                all = all.with(postcard::from_bytes(packed)?);
            }
        }
        Ok(all)
    }

    /// What went wrong, for people.
    fn explained(&self, e: &anyhow::Error) -> String {
        let text = format!("{e:#}");
        let lower = text.to_lowercase();
        let unknown = ["not found", "no function", "is not provided", "unknown function"].iter().any(|w| lower.contains(w));
        let rejected = lower.contains("rejected by executor");
        if text.contains(functions::PREFIX) && unknown || rejected {
            let ours = env!("CARGO_PKG_VERSION");
            return format!("集群中有节点的版本与本程序({ours})不同,不认得派给它的工作;请让所有节点用同一版本。详情:{text}");
        }
        if ["transport error", "connection refused", "connect error"].iter().any(|w| lower.contains(w)) {
            return format!("与集群({})的连接中断;请确认各节点在运行,然后重做一次。详情:{text}", self.scheduler);
        }
        format!("集群没有做完;请看执行节点的输出,然后重做一次。详情:{text}")
    }
}

impl Engine for Cluster {
    fn compare(&self, task: Task) -> Result<Proposed, String> {
        self.runtime.block_on(self.stage(task)).map_err(|e| self.explained(&e))
    }
}

/// What executors do: explode the records, bring the entries of a share together, compare.
async fn compare(
    session: &SessionContext,
    records: &Storage,
    [context, orders]: [&Storage; 2],
    shares: u32,
) -> datafusion::error::Result<DataFrame> {
    let address = |s: &Storage| lit(s.url.as_str());
    let records = format!("{}/", records.url.as_str().trim_end_matches('/'));
    let arguments = vec![address(context), address(orders), lit(shares), col("record"), col("set"), col("words")];
    let exploded = session
        .read_parquet(records, ParquetReadOptions::default())
        .await?
        .select(vec![functions::keys().call(arguments).alias("keyed")])?
        .unnest_columns(&["keyed"])?
        .select(vec![
            datafusion::functions::core::get_field().call(vec![col("keyed"), lit("share")]).alias("share"),
            datafusion::functions::core::get_field().call(vec![col("keyed"), lit("entry")]).alias("entry"),
        ])?;
    exploded
        .aggregate(
            vec![col("share")],
            vec![functions::pairs().call(vec![address(context), address(orders), col("entry")]).alias("pairs")],
        )?
        .select_columns(&["pairs"])
}

/// Records as a Parquet file: number, set, words.
fn parquet(task: &Task, records: &[u32]) -> anyhow::Result<Vec<u8>> {
    let (mut sets, mut words) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len() * task.stride() * 4));
    for number in records {
        let (of_record, set) = task.record(*number);
        sets.push(set);
        of_record.iter().for_each(|w| words.extend_from_slice(&w.to_le_bytes()));
    }
    let words = FixedSizeBinaryArray::try_new(4 * task.stride() as i32, Buffer::from_vec(words), None)?;
    let columns: [(&str, ArrayRef); 3] = [
        ("record", Arc::new(UInt32Array::from(records.to_vec()))),
        ("set", Arc::new(UInt64Array::from(sets))),
        ("words", Arc::new(words)),
    ];
    let batch = RecordBatch::try_from_iter(columns)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None)?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}
