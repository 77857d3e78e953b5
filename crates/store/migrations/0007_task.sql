-- 任务: who has a subject to do, until when; of every kind of subject, so that there is one inbox, one escalation, one count
CREATE TABLE task (
  id {id},
  subject_kind TEXT NOT NULL,
  subject_id BIGINT NOT NULL,
  -- the school, village or office that has it
  unit_path {path} NOT NULL,
  -- 牵头人: a person of the unit, where one is named
  lead BIGINT,
  state TEXT NOT NULL,
  deadline_at BIGINT,
  -- how often it went over its deadline upward
  escalated BIGINT NOT NULL
);
CREATE UNIQUE INDEX task_subject ON task (subject_kind, subject_id);
CREATE INDEX task_unit ON task (state, unit_path);
CREATE INDEX task_due ON task (state, deadline_at);
INSERT INTO task (subject_kind, subject_id, unit_path, state, deadline_at, escalated)
  SELECT 'finding', id, unit_path, CASE state WHEN 'dispatched' THEN 'waiting' ELSE 'done' END, deadline_at, escalated
  FROM finding WHERE unit_path IS NOT NULL ORDER BY id;
DROP INDEX finding_state;
DROP INDEX finding_unit;
ALTER TABLE finding DROP COLUMN unit_path;
ALTER TABLE finding DROP COLUMN deadline_at;
ALTER TABLE finding DROP COLUMN escalated;
CREATE INDEX finding_state ON finding (state, id);
