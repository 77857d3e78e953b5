-- Moments are epoch milliseconds, dates YYYY-MM-DD, flags 0 or 1. {path} sorts as bytes. See src/dialect.rs.

-- 行政区划和教育机构: government line g/…/, education line e/…/
CREATE TABLE place (
  id {id},
  kind TEXT NOT NULL,
  code TEXT NOT NULL,
  name TEXT NOT NULL,
  path {path} NOT NULL,
  -- schools: the town they lie in
  town_path {path},
  valid_from TEXT NOT NULL,
  valid_to TEXT
);
CREATE UNIQUE INDEX place_path ON place (path, valid_from);
CREATE INDEX place_code ON place (code);
CREATE INDEX place_name ON place (name);

-- 划片
CREATE TABLE catchment (
  id {id},
  village_path {path} NOT NULL,
  school_path {path} NOT NULL,
  valid_from TEXT NOT NULL,
  valid_to TEXT
);
CREATE UNIQUE INDEX catchment_village ON catchment (village_path, school_path, valid_from);

-- 学年升级: once a school year and county
CREATE TABLE roll_over (
  scope_path {path} NOT NULL,
  school_year BIGINT NOT NULL,
  done_at BIGINT NOT NULL,
  done_by BIGINT NOT NULL,
  PRIMARY KEY (scope_path, school_year)
);

CREATE TABLE account (
  id {id},
  login TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  phone {bytes},
  password_hash TEXT NOT NULL,
  must_change_password BIGINT NOT NULL,
  totp_secret {bytes},
  totp_last_step BIGINT NOT NULL,
  failed_log_ins BIGINT NOT NULL,
  locked_until BIGINT NOT NULL,
  disabled_at BIGINT,
  created_at BIGINT NOT NULL
);

-- 授权: dated, never deleted
CREATE TABLE role_grant (
  id {id},
  account_id BIGINT NOT NULL REFERENCES account (id),
  role TEXT NOT NULL,
  path {path} NOT NULL,
  valid_from TEXT NOT NULL,
  valid_to TEXT,
  granted_by BIGINT,
  granted_at BIGINT NOT NULL
);
CREATE INDEX role_grant_account ON role_grant (account_id);

CREATE TABLE session (
  token_digest {bytes} NOT NULL PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES account (id),
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  second_factor BIGINT NOT NULL,
  -- the place to which the person has switched
  place_path {path},
  user_agent TEXT NOT NULL,
  address TEXT NOT NULL
);
CREATE INDEX session_account ON session (account_id);

-- 参数 ⚙: dated, the newest that is in force holds
CREATE TABLE setting (
  id {id},
  -- the place for which it holds; empty for the whole installation
  scope_path {path} NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  effective_on TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT
);
CREATE INDEX setting_name ON setting (name, scope_path, effective_on);

-- 名册批次: staged, loaded, withdrawn
CREATE TABLE batch (
  id {id},
  -- the county whose roster it is
  scope_path {path} NOT NULL,
  source TEXT NOT NULL,
  state TEXT NOT NULL,
  file_name TEXT NOT NULL,
  digest TEXT NOT NULL,
  original TEXT NOT NULL,
  roster TEXT NOT NULL,
  good_rows BIGINT NOT NULL,
  rejected_rows BIGINT NOT NULL,
  passed_over_rows BIGINT NOT NULL,
  counts TEXT NOT NULL,
  -- how it was read and its first problems: personal data
  preview {bytes} NOT NULL,
  mapping TEXT NOT NULL,
  department TEXT NOT NULL,
  handed_over_by TEXT NOT NULL,
  handed_over_on TEXT NOT NULL,
  staged_at BIGINT NOT NULL,
  staged_by BIGINT NOT NULL,
  loaded_at BIGINT,
  loaded_by BIGINT,
  withdrawn_at BIGINT,
  withdrawn_by BIGINT
);
CREATE INDEX batch_state ON batch (scope_path, state, source);

-- 表头对应: what a person said of headings, by county and source
CREATE TABLE heading_mapping (
  -- the county whose rosters they are
  scope_path {path} NOT NULL,
  source TEXT NOT NULL,
  heading TEXT NOT NULL,
  field TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  PRIMARY KEY (scope_path, source, heading)
);

-- 比对
CREATE TABLE run (
  id {id},
  scope_path {path} NOT NULL,
  state TEXT NOT NULL,
  school_year BIGINT NOT NULL,
  as_of TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  started_by BIGINT NOT NULL,
  finished_at BIGINT,
  inputs TEXT NOT NULL,
  settings TEXT NOT NULL,
  version TEXT NOT NULL,
  summary TEXT,
  problem TEXT
);
CREATE INDEX run_state ON run (scope_path, state);

CREATE TABLE run_batch (
  run_id BIGINT NOT NULL REFERENCES run (id),
  batch_id BIGINT NOT NULL REFERENCES batch (id),
  PRIMARY KEY (run_id, batch_id)
);

-- 儿童: permanent. What lists filter and sort by; small rows, so that a county is counted quickly
CREATE TABLE child (
  id BIGINT NOT NULL PRIMARY KEY,
  -- the county that keeps the child in sight
  scope_path {path} NOT NULL,
  sex TEXT,
  birth_date TEXT,
  verdict TEXT NOT NULL,
  verdict_since TEXT NOT NULL,
  certainty BIGINT NOT NULL,
  residence_path {path},
  register_path {path},
  school_path {path},
  first_run BIGINT NOT NULL,
  gone_since_run BIGINT,
  merged_into BIGINT
);
-- lists are those who are there, in one of five orders
CREATE INDEX child_by_verdict ON child (gone_since_run, merged_into, verdict, id);
CREATE INDEX child_by_birth ON child (gone_since_run, merged_into, birth_date, id);
CREATE INDEX child_by_school ON child (gone_since_run, merged_into, school_path, id);
CREATE INDEX child_by_residence ON child (gone_since_run, merged_into, residence_path, verdict, id);
CREATE INDEX child_by_since ON child (gone_since_run, merged_into, verdict_since DESC, id);
CREATE INDEX child_register ON child (register_path);

-- names, numbers, telephones, addresses: encrypted
CREATE TABLE child_profile (
  child_id BIGINT NOT NULL PRIMARY KEY,
  profile {bytes} NOT NULL,
  profile_digest {bytes} NOT NULL
);

-- merge and split of children, as events
CREATE TABLE child_event (
  id {id},
  child_id BIGINT NOT NULL,
  other_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  run_id BIGINT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX child_event_child ON child_event (child_id);

-- which row of which source is which child: by the row's fingerprint (its first 64 bits), which survives new batches
CREATE TABLE child_source (
  fingerprint BIGINT NOT NULL,
  source TEXT NOT NULL,
  scope_path {path} NOT NULL,
  child_id BIGINT NOT NULL,
  batch_id BIGINT NOT NULL,
  PRIMARY KEY (fingerprint, source, scope_path)
);
CREATE INDEX child_source_child ON child_source (child_id);

CREATE TABLE child_search (
  kind TEXT NOT NULL,
  token BIGINT NOT NULL,
  child_id BIGINT NOT NULL
);
CREATE INDEX child_search_token ON child_search (token, kind, child_id);
CREATE INDEX child_search_child ON child_search (child_id);

-- 台账: append only
CREATE TABLE ledger_entry (
  id {id},
  child_id BIGINT NOT NULL,
  verdict TEXT NOT NULL,
  reason {bytes} NOT NULL,
  effective_on TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  run_id BIGINT,
  recorded_by BIGINT
);
-- the newest entry of a child is one step in this order
CREATE INDEX ledger_entry_child ON ledger_entry (child_id, effective_on, id);
CREATE INDEX ledger_entry_day ON ledger_entry (effective_on, verdict);

-- trend: what is new, gone or other than in the run before
CREATE TABLE run_change (
  run_id BIGINT NOT NULL,
  child_id BIGINT NOT NULL,
  change TEXT NOT NULL,
  verdict_before TEXT,
  verdict_after TEXT,
  PRIMARY KEY (run_id, child_id)
);

-- 待人工认定
CREATE TABLE review_pair (
  id {id},
  run_id BIGINT NOT NULL,
  left_source TEXT NOT NULL,
  left_fingerprint TEXT NOT NULL,
  left_batch BIGINT NOT NULL,
  right_source TEXT NOT NULL,
  right_fingerprint TEXT NOT NULL,
  right_batch BIGINT NOT NULL,
  probability_ppm BIGINT NOT NULL,
  levels TEXT NOT NULL,
  state TEXT NOT NULL,
  left_child BIGINT,
  right_child BIGINT
);
CREATE INDEX review_pair_run ON review_pair (run_id, state, probability_ppm);

CREATE TABLE decision (
  id {id},
  -- the place whose runs honour it
  scope_path {path} NOT NULL,
  left_fingerprint TEXT NOT NULL,
  right_fingerprint TEXT NOT NULL,
  judgement TEXT NOT NULL,
  decided_by BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  undone_at BIGINT
);
CREATE INDEX decision_pair ON decision (left_fingerprint, right_fingerprint);
CREATE INDEX decision_scope ON decision (scope_path);

-- 交办核实
CREATE TABLE finding (
  id {id},
  child_id BIGINT NOT NULL,
  verdict TEXT NOT NULL,
  state TEXT NOT NULL,
  run_id BIGINT NOT NULL,
  opened_at BIGINT NOT NULL,
  unit_path {path},
  deadline_at BIGINT,
  escalated BIGINT NOT NULL,
  disposition TEXT,
  version BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);
CREATE INDEX finding_state ON finding (state, deadline_at);
CREATE INDEX finding_child ON finding (child_id);
CREATE INDEX finding_unit ON finding (unit_path, state);

CREATE TABLE finding_event (
  id {id},
  finding_id BIGINT NOT NULL REFERENCES finding (id),
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  account_id BIGINT,
  detail {bytes} NOT NULL
);
CREATE INDEX finding_event_finding ON finding_event (finding_id);

-- 佐证材料
CREATE TABLE attachment (
  id {id},
  finding_id BIGINT NOT NULL REFERENCES finding (id),
  event_id BIGINT,
  file_name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  digest TEXT NOT NULL,
  stored TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  added_at BIGINT NOT NULL,
  added_by BIGINT NOT NULL
);
CREATE INDEX attachment_finding ON attachment (finding_id);

-- 人籍一致月度核对 (R-CMP 9): what a class counted in a month; the last word holds
CREATE TABLE class_count (
  class_path {path} NOT NULL,
  month TEXT NOT NULL,
  homework BIGINT,
  roll BIGINT,
  seats BIGINT,
  counted_by BIGINT NOT NULL,
  counted_at BIGINT NOT NULL,
  PRIMARY KEY (class_path, month)
);

-- 后台任务
CREATE TABLE job (
  id {id},
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,
  stage TEXT NOT NULL,
  done BIGINT NOT NULL,
  total BIGINT NOT NULL,
  cancel_asked BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  lease_epoch BIGINT NOT NULL,
  lease_until BIGINT NOT NULL,
  problem TEXT,
  created_at BIGINT NOT NULL,
  created_by BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE INDEX job_state ON job (state, lease_until);

-- 审计
CREATE TABLE audit (
  id {id},
  -- where whoever did it stands; empty for the installation itself
  place_path {path} NOT NULL,
  at BIGINT NOT NULL,
  account_id BIGINT,
  login TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail {bytes} NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_place ON audit (place_path, id);
CREATE INDEX audit_subject ON audit (subject);

CREATE TABLE audit_seal (
  id {id},
  first_audit BIGINT NOT NULL,
  last_audit BIGINT NOT NULL,
  rows BIGINT NOT NULL,
  previous {bytes} NOT NULL,
  seal {bytes} NOT NULL,
  sealed_at BIGINT NOT NULL
);

-- numbers given out by the thousand
CREATE TABLE counter (
  name TEXT NOT NULL PRIMARY KEY,
  next BIGINT NOT NULL
);
INSERT INTO counter (name, next) VALUES ('child', 1);
-- goes up whenever children change: counts that are kept hold for one generation
INSERT INTO counter (name, next) VALUES ('generation', 1);
