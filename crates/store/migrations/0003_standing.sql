-- What people establish of a child moves the ledgers; events and proofs stand by themselves, on any subject.

-- 事件: append only. What state it led to, with whom and until when, so that any day can be shown as it was known then
CREATE TABLE event (
  id {id},
  subject_kind TEXT NOT NULL,
  subject_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  account_id BIGINT,
  state TEXT,
  unit_path {path},
  deadline_at BIGINT,
  -- the conclusion that was answered: sealed
  answer {bytes},
  -- in words: sealed
  detail {bytes} NOT NULL
);
CREATE INDEX event_subject ON event (subject_kind, subject_id);
INSERT INTO event (subject_kind, subject_id, kind, at, account_id, detail)
  SELECT 'finding', finding_id, kind, at, account_id, detail FROM finding_event ORDER BY id;
UPDATE event SET kind = 'confirm' WHERE kind = 'take-as-suspected';
UPDATE event SET state = CASE kind WHEN 'open' THEN 'open' WHEN 'dispatch' THEN 'dispatched' WHEN 'answer' THEN 'answered'
  WHEN 'send-back' THEN 'dispatched' WHEN 'hand-back' THEN 'open' WHEN 'clear' THEN 'cleared' WHEN 'confirm' THEN 'confirmed'
  WHEN 'withdraw' THEN 'withdrawn' WHEN 'reopen' THEN 'open' ELSE NULL END;
DROP TABLE finding_event;

-- 文件: its name is sealed
CREATE TABLE file (
  id {id},
  stored TEXT NOT NULL,
  digest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  name {bytes} NOT NULL,
  added_at BIGINT NOT NULL,
  added_by BIGINT NOT NULL
);

-- 佐证: a file on a subject, seen through the subject's rights
CREATE TABLE proof (
  id {id},
  subject_kind TEXT NOT NULL,
  subject_id BIGINT NOT NULL,
  file_id BIGINT NOT NULL REFERENCES file (id)
);
CREATE INDEX proof_subject ON proof (subject_kind, subject_id);

-- the answer is sealed: it may say that a child is dead or in custody
ALTER TABLE finding ADD COLUMN answer {bytes};
UPDATE finding SET state = 'confirmed' WHERE state = 'suspected';

-- 认定: what people established of a child; append only, taken back once
CREATE TABLE establishment (
  id {id},
  child_id BIGINT NOT NULL,
  -- the child of whom it was established, whoever that was merged into
  origin_child_id BIGINT NOT NULL,
  subject_kind TEXT NOT NULL,
  subject_id BIGINT NOT NULL,
  effect TEXT NOT NULL,
  -- which conclusion: sealed
  conclusion {bytes} NOT NULL,
  verdict TEXT NOT NULL,
  valid_from TEXT NOT NULL,
  valid_to TEXT,
  unit_path {path},
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL,
  revoked_from TEXT,
  revoked_at BIGINT,
  revoked_by BIGINT
);
CREATE INDEX establishment_child ON establishment (child_id);
CREATE INDEX establishment_expiry ON establishment (valid_to);

-- 台账去留: where children stand of whom something was established, by day and by what was known when; computed, see store::standing
CREATE TABLE standing (
  id {id},
  child_id BIGINT NOT NULL,
  standing TEXT NOT NULL,
  establishment_id BIGINT,
  from_day TEXT NOT NULL,
  to_day TEXT,
  known_from BIGINT NOT NULL,
  known_to BIGINT
);
CREATE INDEX standing_child ON standing (child_id, known_to);
CREATE INDEX standing_now ON standing (known_to, standing, child_id);

-- where a child stood before it was changed, until when that was so
CREATE TABLE child_past (
  id {id},
  child_id BIGINT NOT NULL,
  residence_path {path},
  register_path {path},
  school_path {path},
  gone_since_run BIGINT,
  merged_into BIGINT,
  replaced_at BIGINT NOT NULL
);
CREATE INDEX child_past_child ON child_past (child_id, id);

-- an entry is also written where only the reason changed: since when the verdict holds stands beside
ALTER TABLE ledger_entry ADD COLUMN since TEXT NOT NULL DEFAULT '';
UPDATE ledger_entry SET since = effective_on;
-- another child's row that came closest: sealed, apart from the reason
ALTER TABLE ledger_entry ADD COLUMN near_miss {bytes};
-- the reason and the near miss of the newest entry, to see whether they changed
ALTER TABLE child_profile ADD COLUMN reason_token BIGINT NOT NULL DEFAULT 0;

-- the run since which only withdrawn rosters tell of the child
ALTER TABLE child ADD COLUMN void_since_run BIGINT;

-- 人工认定: which two rows they were, sealed; who took it back; the run that no longer found one of the rows
ALTER TABLE decision ADD COLUMN sides {bytes};
ALTER TABLE decision ADD COLUMN undone_by BIGINT;
ALTER TABLE decision ADD COLUMN lost_in_run BIGINT;

-- 学校认作: what rosters call a school besides its name
CREATE TABLE school_alias (
  id {id},
  scope_path {path} NOT NULL,
  name TEXT NOT NULL,
  school_path {path} NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by BIGINT NOT NULL
);
CREATE UNIQUE INDEX school_alias_name ON school_alias (scope_path, name);

-- 补充, 只替换, 整份替换: what of the rosters before it a batch takes the place of
ALTER TABLE batch ADD COLUMN mode TEXT NOT NULL DEFAULT 'whole';
-- the batch whose rows a spreadsheet of mended rows puts right
ALTER TABLE batch ADD COLUMN mends BIGINT;

-- a run that would lose more than a tenth of the children asks first
ALTER TABLE run ADD COLUMN accepts_gone BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN question TEXT;
