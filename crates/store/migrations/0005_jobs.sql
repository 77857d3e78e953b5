-- 后台任务: what is to be done, in which lane and when; the program may ask by itself
CREATE TABLE job_next (
  id {id},
  kind TEXT NOT NULL,
  -- of what has one kind and one key, one waits or runs at a time
  key TEXT NOT NULL,
  -- JSON: with what
  payload TEXT NOT NULL,
  lane TEXT NOT NULL,
  -- not before this moment of the database's clock
  due_at BIGINT NOT NULL,
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
  -- nobody: the program itself
  created_by BIGINT,
  finished_at BIGINT
);
INSERT INTO job_next (id, kind, key, payload, lane, due_at, state, stage, done, total, cancel_asked, attempts, lease_epoch, lease_until,
                      problem, created_at, created_by, finished_at)
  SELECT id, kind, payload, payload, 'long', 0, state, stage, done, total, cancel_asked, attempts, lease_epoch, lease_until,
         problem, created_at, created_by, finished_at
  FROM job;
DROP TABLE job;
ALTER TABLE job_next RENAME TO job;
CREATE INDEX job_state ON job (state, lane, due_at);
CREATE INDEX job_key ON job (kind, key);
