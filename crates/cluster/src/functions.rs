//! The kernel as functions of queries: `keys` explodes records to entries, `pairs` compares the entries of a share.
//!
//! Both are told where the run's files lie and read them once a process. Their names carry the version, so that nodes of different
//! versions refuse each other's work.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use baoxue_linkage::{Context, Orders, Worker};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, LargeBinaryBuilder, ListArray, StructArray, UInt32Builder,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, UInt32Type, UInt64Type};
use datafusion::common::{ScalarValue, exec_datafusion_err, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, EmitTo, GroupsAccumulator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Literal;

use crate::storage::Storage;

/// What all function names end with. The variable is for tests only.
fn suffix() -> String {
    let version = std::env::var("BAOXUE_CLUSTER_VERSION").unwrap_or_else(|_| env!("CARGO_PKG_VERSION").to_owned());
    format!("_{}", version.replace(['.', '-'], "_"))
}

/// What names of our functions begin with.
pub const PREFIX: &str = "baoxue_";

pub fn keys() -> ScalarUDF {
    ScalarUDF::from(Keys { name: format!("{PREFIX}keys{}", suffix()), signature: Signature::any(6, Volatility::Stable) })
}

pub fn pairs() -> AggregateUDF {
    AggregateUDF::from(Pairs {
        name: format!("{PREFIX}pairs{}", suffix()),
        signature: Signature::exact(vec![DataType::Utf8, DataType::Utf8, DataType::LargeBinary], Volatility::Stable),
    })
}

/// Says the version of the node that runs it: whether there is one, and of our version.
pub fn version() -> ScalarUDF {
    ScalarUDF::from(Version { name: format!("{PREFIX}version{}", suffix()), signature: Signature::any(1, Volatility::Volatile) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Version {
    name: String,
    signature: Signature,
}

impl ScalarUDFImpl for Version {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(env!("CARGO_PKG_VERSION").to_owned()))))
    }
}

/// A run as a worker has it.
struct Job {
    /// Address of its context and of its orders.
    addresses: (String, String),
    worker: Arc<Worker>,
    orders: Orders,
}

/// How many stages of runs a process keeps at hand.
const KEPT: usize = 4;

/// The job of a stage, read once.
fn job(context: &str, orders: &str) -> Result<Arc<Job>> {
    static JOBS: OnceLock<Mutex<Vec<Arc<Job>>>> = OnceLock::new();
    let mut jobs = JOBS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(job) = jobs.iter().find(|j| j.addresses.0 == context && j.addresses.1 == orders) {
        return Ok(job.clone());
    }
    let known = jobs.iter().find(|j| j.addresses.0 == context).map(|j| j.worker.clone());
    let worker = match known {
        Some(worker) => worker,
        None => {
            let read: Context = postcard::from_bytes(&fetch(context)?)
                .map_err(|e| exec_datafusion_err!("{context} 读不懂:{e};各节点的版本可能不同"))?;
            Arc::new(Worker::new(read).map_err(|e| exec_datafusion_err!("{context} 中的设置读不懂:{e}"))?)
        }
    };
    let read = postcard::from_bytes(&fetch(orders)?).map_err(|e| exec_datafusion_err!("{orders} 读不懂:{e}"))?;
    let job = Arc::new(Job { addresses: (context.to_owned(), orders.to_owned()), worker, orders: read });
    if jobs.len() == KEPT {
        jobs.remove(0);
    }
    jobs.push(job.clone());
    Ok(job)
}

/// Functions are not asynchronous: a thread of its own waits for the store.
fn fetch(address: &str) -> Result<Vec<u8>> {
    let address = address.to_owned();
    let read = move || -> anyhow::Result<Vec<u8>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(Storage::open(&address)?.read())
    };
    match std::thread::spawn(read).join() {
        Ok(bytes) => bytes.map_err(|e| exec_datafusion_err!("{e:#};请检查执行节点能否读到共享存储")),
        Err(_) => exec_err!("读取共享存储的线程中断"),
    }
}

/// `keys(context, orders, shares, record, set, words)` → list of (share, entry).
#[derive(Debug, PartialEq, Eq, Hash)]
struct Keys {
    name: String,
    signature: Signature,
}

fn entry_fields() -> Fields {
    Fields::from(vec![Field::new("share", DataType::UInt32, false), Field::new("entry", DataType::LargeBinary, false)])
}

fn entry_list() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(entry_fields()), false))
}

impl ScalarUDFImpl for Keys {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(entry_list()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [context, orders, shares, record, set, words] = &args.args[..] else {
            return exec_err!("{} 要六个参数", self.name);
        };
        let job = job(&text(context)?, &text(orders)?)?;
        let shares = match shares {
            ColumnarValue::Scalar(ScalarValue::UInt32(Some(n))) => u64::from(*n),
            _ => return exec_err!("份数不是数"),
        };
        let arrays = ColumnarValue::values_to_arrays(&[record.clone(), set.clone(), words.clone()])?;
        let (record, set) = (arrays[0].as_primitive::<UInt32Type>(), arrays[1].as_primitive::<UInt64Type>());
        let Some(words) = arrays[2].as_fixed_size_binary_opt() else {
            return exec_err!("记录不是定长的:{}", arrays[2].data_type());
        };
        let mut lengths = vec![0usize; record.len()];
        let (mut share, mut entry) = (UInt32Builder::new(), LargeBinaryBuilder::new());
        let records = (0..record.len()).map(|i| (record.value(i), set.value(i), words.value(i)));
        job.worker.explode(&job.orders, records, |place, key, bytes| {
            lengths[place] += 1;
            share.append_value((u128::from(key) * u128::from(shares) >> 64) as u32);
            entry.append_value(bytes);
        });
        let entries = StructArray::new(entry_fields(), vec![Arc::new(share.finish()), Arc::new(entry.finish())], None);
        let list = ListArray::new(entry_list(), OffsetBuffer::from_lengths(lengths), Arc::new(entries), None);
        Ok(ColumnarValue::Array(Arc::new(list)))
    }
}

fn text(v: &ColumnarValue) -> Result<String> {
    match v {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(s))) => Ok(s.clone()),
        _ => exec_err!("地址不是文字"),
    }
}

/// `pairs(context, orders, entry)` → what the kernel proposes, packed.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Pairs {
    name: String,
    signature: Signature,
}

impl AggregateUDFImpl for Pairs {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::LargeBinary)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        exec_err!("{} 只按份计算", self.name)
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let literal = |i: usize| match args.exprs[i].downcast_ref::<Literal>().map(Literal::value) {
            Some(ScalarValue::Utf8(Some(s))) => Ok(s.clone()),
            _ => exec_err!("地址不是文字"),
        };
        Ok(Box::new(Shares { context: literal(0)?, orders: literal(1)?, entries: Vec::new() }))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("entries", DataType::LargeBinary, true))])
    }
}

/// The entries of some shares as they come. On their way to the share they stay single: a state is an entry, or many side by side.
#[derive(Debug)]
struct Shares {
    context: String,
    orders: String,
    /// By share.
    entries: Vec<Vec<u8>>,
}

impl Shares {
    fn take(&mut self, emit_to: EmitTo) -> Vec<Vec<u8>> {
        emit_to.take_needed(&mut self.entries)
    }

    fn add(&mut self, entries: &ArrayRef, shares: &[usize], count: usize) -> Result<()> {
        self.entries.resize_with(count, Vec::new);
        let Some(entries) = entries.as_binary_opt::<i64>() else { return exec_err!("条目不是二进制") };
        for (share, entry) in shares.iter().zip(entries) {
            self.entries[*share].extend_from_slice(entry.unwrap_or_default());
        }
        Ok(())
    }
}

impl GroupsAccumulator for Shares {
    fn update_batch(&mut self, values: &[ArrayRef], shares: &[usize], _: Option<&BooleanArray>, count: usize) -> Result<()> {
        self.add(&values[2], shares, count)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], shares: &[usize], count: usize) -> Result<()> {
        self.add(&states[0], shares, count)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut out = LargeBinaryBuilder::new();
        self.take(emit_to).iter().for_each(|entries| out.append_value(entries));
        Ok(vec![Arc::new(out.finish())])
    }

    fn convert_to_state(&self, values: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        Ok(vec![values[2].clone()])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let job = job(&self.context, &self.orders)?;
        let mut out = LargeBinaryBuilder::new();
        for entries in self.take(emit_to) {
            let Some(proposed) = job.worker.compare(&job.orders, &entries) else {
                return exec_err!("收到的条目不成记录;各节点的版本可能不同");
            };
            drop(entries);
            out.append_value(postcard::to_stdvec(&proposed).map_err(|e| exec_datafusion_err!("结果装不下:{e}"))?);
        }
        Ok(Arc::new(out.finish()))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.entries.iter().map(Vec::capacity).sum::<usize>()
    }
}
